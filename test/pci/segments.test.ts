import { describe, expect, it, test } from 'vitest';
import { functionAddress } from '../../src/core/index.ts';
import { BlockDriver, DmaMemory, openTransport, runFirmware } from '../../src/driver/index.ts';
import { Bridge, Machine, MachineOptionError, PlaceError } from '../../src/pci/index.ts';
import { BlockDevice, MemoryStorage, virtioFunction } from '../../src/virtio/index.ts';
import { bareFunction, smallMachine, watch } from './support.ts';

const at = (segment: number, bus = 0, device = 4) => functionAddress(bus, device, 0, segment);

describe('a machine of several segments', () => {
  it('has a bus 0 in each, with a host bridge of its own, and functions at the same places', () => {
    const machine = smallMachine({ segments: 3 });
    for (const segment of [0, 2]) machine.plug(bareFunction({ deviceId: segment + 1 }), at(segment));
    expect([...machine.functions.keys()]).toEqual([0, 0x20, 0x10000, 0x20000, 0x20020]);
    expect([0, 1, 2].map((segment) => machine.configRead(at(segment), 2, 2))).toEqual([1, 0xffff, 3]);
    expect(() => machine.plug(bareFunction(), at(3))).toThrow(PlaceError);
  });

  it('reaches each through memory-mapped configuration behind that of the one before', () => {
    const machine = smallMachine({ segments: 2, ecamBase: 0xd000_0000, ecamBuses: 2 });
    const bridge = new Bridge({ kind: 'pci-to-pci' });
    machine.plug(bridge, at(1));
    machine.plug(bareFunction(), { behind: bridge, device: 5 });
    const second = 0xd020_0000;
    expect(machine.memoryRead(second + (4 << 15), 4)).toBe(0x0001_1b36);
    machine.memoryWrite(second + (4 << 15) + 0x18, 4, 0x010100);
    expect(machine.memoryRead(second + 0x10_0000 + (5 << 15), 4)).toBe(0x5678_1234);
    expect(machine.configRead(at(1, 1, 5), 0, 4)).toBe(0x5678_1234);
    expect([machine.memoryRead(0xd010_0000 + (5 << 15), 4), machine.memoryRead(0xd040_0000, 4)]).toEqual([
      0xffffffff, 0xffffffff,
    ]);
  });

  it('reaches the first alone through the configuration ports', () => {
    const machine = smallMachine({ segments: 2 });
    machine.plug(bareFunction(), at(1));
    machine.ioWrite(0xcf8, 4, 0x8000_2000);
    expect(machine.ioRead(0xcfc, 4)).toBe(0xffffffff);
  });

  test.each([0, 257, 1.5, Number.NaN])('has no %d segments', (segments) => {
    expect(() => smallMachine({ segments })).toThrow(MachineOptionError);
    expect(() => smallMachine({ segments, ecamBase: null })).toThrow(/segments/);
  });

  it('leaves no room for RAM where the last of them is mapped', () => {
    expect(() => smallMachine({ segments: 2, ecamBase: 0xfff0_0000 })).toThrow(/ecamBase/);
    expect(() => smallMachine({ segments: 2, ecamBase: 0xffe0_0000 })).not.toThrow();
  });

  it('is brought up by firmware that knows of them, and its disks are driven, by their own interrupts', async () => {
    const machine = new Machine({ segments: 2 });
    const plug = (fill: number, segment: number) => {
      const storage = new MemoryStorage(new Uint8Array(4096).fill(fill));
      const bridge = new Bridge({ kind: 'root-port' });
      machine.plug(bridge, at(segment));
      machine.plug(virtioFunction(new BlockDevice({ storage }), { kind: 'modern' }).pci, { behind: bridge });
    };
    plug(1, 0);
    plug(2, 1);
    const found = runFirmware(machine, { segments: 2 });
    expect(found.map(({ address }) => address)).toEqual([0, 0x20, 0x100, 0x10000, 0x10020, 0x10100]);
    const events = watch(machine);
    for (const [segment, fill] of [1, 2].entries()) {
      const transport = openTransport(machine, at(segment, 1, 0));
      const driver = new BlockDriver(transport, new DmaMemory(machine.ram, 0x10000 * (segment + 1)));
      expect((await driver.read(0, 1))[0]).toBe(fill);
      driver.close();
    }
    const sources = events.flatMap((event) => (event.kind === 'interrupt' ? [event.source] : []));
    expect(new Set(sources)).toEqual(new Set([0x100, 0x10100]));
    expect(events.some((event) => event.kind === 'access' && event.target.startsWith('0001:01:00.0'))).toBe(
      true,
    );
  });

  it('is saved and loaded', () => {
    const make = () => {
      const machine = smallMachine({ segments: 2 });
      for (const segment of [0, 1]) machine.plug(bareFunction(), at(segment));
      return machine;
    };
    const from = make();
    from.configWrite(at(1), 0x3c, 1, 7);
    const into = make();
    into.load(from.save());
    expect([0, 1].map((segment) => into.configRead(at(segment), 0x3c, 1))).toEqual([11, 7]);
    expect(() => smallMachine().load(from.save())).toThrow();
  });
});
