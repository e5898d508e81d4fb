import { afterAll, expect, it } from 'vitest';
import { type Bus, functionAddress } from '../../../src/core/index.ts';
import {
  BlockDriver,
  DmaMemory,
  openTransport,
  placeFunction,
  runFirmware,
} from '../../../src/driver/index.ts';
import { Bridge, Machine } from '../../../src/pci/index.ts';
import { BlockDevice, MemoryStorage, virtioFunction } from '../../../src/virtio/index.ts';
import { note, reason, Scratch, SECTORS } from './support.ts';

const scratch = new Scratch();
afterAll(() => scratch.close());

/** A disk behind two bridges, and a bridge with nothing behind it, as QEMU's command line makes them and as we do. */
const startQemu = () =>
  scratch.start(
    ...['-device', 'pci-bridge,id=outer,chassis_nr=1,addr=5,shpc=off'],
    ...['-device', 'pci-bridge,id=inner,bus=outer,chassis_nr=2,addr=3,shpc=off'],
    ...['-device', 'pci-bridge,id=other,chassis_nr=3,addr=6,shpc=off'],
    ...['-drive', `if=none,id=d,file=${scratch.disk},format=raw,snapshot=on`],
    ...['-device', 'virtio-blk-pci,drive=d,bus=inner,addr=2,disable-legacy=off,disable-modern=off'],
  );

const [OUTER, OTHER] = [functionAddress(0, 5), functionAddress(0, 6)];
const DISK = functionAddress(2, 2);

function ours(): Machine {
  const machine = new Machine();
  const [outer, inner, other] = [0, 1, 2].map(() => new Bridge({ kind: 'pci-to-pci' }));
  machine.plug(outer!, OUTER);
  machine.plug(inner!, { behind: outer!, device: 3 });
  machine.plug(other!, OTHER);
  const storage = new MemoryStorage(new Uint8Array(SECTORS * 512).map((_, i) => i >> 9));
  const disk = virtioFunction(new BlockDevice({ storage }), { kind: 'transitional' });
  machine.plug(disk.pci, { behind: inner!, device: 2 });
  return machine;
}

/** The bridges as their registers are: numbers, and whether each window is open. */
const bridgesOf = (bus: Bus) =>
  [OUTER, functionAddress(1, 3), OTHER].map((fn) => {
    const read = (offset: number) => bus.configRead(fn, offset, 4);
    const open = (base: number, limit: number) => base <= limit;
    return {
      class: read(8) >>> 8,
      type: bus.configRead(fn, 0x0e, 1),
      buses: read(0x18) & 0xffffff,
      io: open(read(0x1c) & 0xf0, (read(0x1c) >> 8) & 0xf0),
      memory: open(read(0x20) & 0xfff0, read(0x20) >>> 20),
      prefetchable: open(read(0x24) & 0xfff0, read(0x24) >>> 16) && read(0x28) <= read(0x2c),
      command: bus.configRead(fn, 4, 2),
    };
  });

async function readDisk(bus: Bus): Promise<number[]> {
  const transport = openTransport(bus, DISK, { patience: 10_000 });
  const driver = new BlockDriver(transport, new DmaMemory(bus.ram, 0x100000));
  const bytes = await driver.read(77, 2);
  driver.close();
  return [driver.capacity, bytes[0]!, bytes[512]!];
}

it.skipIf(reason !== null)(
  `a QEMU's bridges and ours are brought up alike, and a disk is read through them${note}`,
  async () => {
    const [qemu, machine] = [await startQemu(), ours()];
    const found = [qemu.bus, machine].map((bus) => runFirmware(bus));
    const behind = found.map((each) =>
      each.filter(({ address }) => address >= OUTER).map(({ address }) => address),
    );
    expect(behind[0]).toEqual(behind[1]);
    expect(bridgesOf(qemu.bus)).toEqual(bridgesOf(machine));
    expect(await readDisk(qemu.bus)).toEqual([SECTORS, 77, 78]);
    expect(await readDisk(machine)).toEqual([SECTORS, 77, 78]);
  },
);

it.skipIf(reason !== null)(`a closed window hides a QEMU's function as it hides ours${note}`, async () => {
  const qemu = await startQemu();
  for (const bus of [qemu.bus, ours()]) {
    const { bars } = runFirmware(bus).find(({ address }) => address === DISK)!;
    const reads = () =>
      bars.map(({ kind, address }) =>
        kind === 'io' ? bus.ioRead(address, 4) : bus.memoryRead(address + 0x14, 4),
      );
    const [open] = reads();
    expect(open).not.toBe(0xffffffff);
    bus.configWrite(OUTER, 4, 2, 6);
    expect(reads()[0]).toBe(0xffffffff);
    bus.configWrite(OUTER, 4, 2, 7);
    expect(reads()[0]).toBe(open);
    const numbers = bus.configRead(OUTER, 0x18, 4);
    bus.configWrite(OUTER, 0x18, 4, 0);
    expect(bus.configRead(DISK, 0, 4)).toBe(0xffffffff);
    bus.configWrite(OUTER, 0x18, 4, numbers);
    expect(placeFunction(bus, DISK).bars).toEqual(bars);
  }
});
