import { describe, expect, it, test } from 'vitest';
import { DmaDomain } from '../../src/core/index.ts';
import {
  ArgumentError,
  BalloonDriver,
  ConsoleDriver,
  DeviceFailedError,
  DmaMemory,
  EntropyDriver,
  findFunction,
  ModernTransport,
  NoDeviceError,
  P9Driver,
  runFirmware,
  ScsiDisk,
  ScsiDriver,
  scsiAddressBytes,
} from '../../src/driver/index.ts';
import {
  BalloonDevice,
  ConsoleDevice,
  type DeviceBehaviour,
  DiskUnit,
  EntropyDevice,
  MemoryStorage,
  P9Device,
  P9MemoryServer,
  ScsiDevice,
  scsiConfig,
  virtioFunction,
} from '../../src/virtio/index.ts';
import { SLOT, smallMachine } from '../pci/support.ts';

function open(behaviour: DeviceBehaviour) {
  const machine = smallMachine();
  const fn = virtioFunction(behaviour, { kind: 'modern' });
  machine.plug(fn.pci, SLOT, new DmaDomain(machine.ram));
  runFirmware(machine);
  const transport = new ModernTransport(machine, findFunction(machine, SLOT)!);
  return [transport, new DmaMemory(machine.ram, 0x10000)] as const;
}

const BLOCKS = 16;
const unit = { target: 0, lun: 0 };

function scsi() {
  const storage = new MemoryStorage(new Uint8Array(512 * BLOCKS));
  const device = new ScsiDevice({ units: [{ ...unit, unit: new DiskUnit({ storage }) }] });
  return new ScsiDriver(...open(device), { requestBytes: 1024, depth: 2 });
}

describe('arguments that make no request', () => {
  const cdb = new Uint8Array(6);
  test.each<readonly [string, option: string, () => Promise<unknown>]>([
    [
      'random bytes, less than none',
      'length',
      () => new EntropyDriver(...open(new EntropyDevice())).read(-1),
    ],
    ['random bytes, a half', 'length', () => new EntropyDriver(...open(new EntropyDevice())).read(0.5)],
    [
      'random bytes, more than there is room for',
      'length',
      () => new EntropyDriver(...open(new EntropyDevice())).read(2 ** 40),
    ],
    [
      'pages, less than none',
      'count',
      () => new BalloonDriver(...open(new BalloonDevice({ freePageReports: true }))).report(-1),
    ],
    [
      '9P room',
      'room',
      () => new P9Driver(...open(new P9Device({ server: new P9MemoryServer({}) }))).rpc(cdb, -1),
    ],
    ['a SCSI queue', 'queue', () => scsi().command(unit, cdb, undefined, 0, { queue: -1 })],
    ['a SCSI id', 'id', () => scsi().command(unit, cdb, undefined, 0, { id: 2 ** 53 })],
    ['SCSI data in', 'inBytes', () => scsi().command(unit, cdb, undefined, -1)],
    ['a SCSI target', 'target', () => scsi().command({ target: 256, lun: 0 }, cdb)],
    ['a SCSI LUN', 'lun', () => scsi().command({ target: 0, lun: 16384 }, cdb)],
    ['a SCSI address', 'address', () => scsi().command(new Uint8Array(7), cdb)],
    ['an id of a task', 'id', () => scsi().manage('queryTask', unit, -1)],
    ['a negative block', 'lba', () => new ScsiDisk(scsi(), unit).read(-1, 1)],
    ['half a block', 'blocks', () => new ScsiDisk(scsi(), unit).read(0, 0.5)],
    ['more blocks than there are', 'blocks', () => new ScsiDisk(scsi(), unit).read(0, BLOCKS + 1)],
    ['half a block of data', 'bytes of data', () => new ScsiDisk(scsi(), unit).write(0, new Uint8Array(513))],
    ['no extent', 'blocks', () => new ScsiDisk(scsi(), unit).unmap([{ lba: 0, blocks: -1 }])],
  ])('are refused by name: %s', async (_, option, ask) => {
    const refused = await ask().catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(ArgumentError);
    expect(refused).toMatchObject({ option });
  });

  it('have limits that are still good', async () => {
    const disk = new ScsiDisk(scsi(), unit);
    expect((await disk.read(0, BLOCKS)).length).toBe(512 * BLOCKS);
    await disk.write(BLOCKS - 1, new Uint8Array(512));
    expect([...scsiAddressBytes({ target: 255, lun: 16383 })]).toEqual([1, 255, 0x7f, 0xff, 0, 0, 0, 0]);
    expect((await new EntropyDriver(...open(new EntropyDevice())).read(0)).length).toBe(0);
  });

  it('for an emergency field: a character of 32 bits, where there is one', () => {
    const printed: number[] = [];
    const device = new ConsoleDevice({ onEmergency: (character) => printed.push(character) });
    const driver = new ConsoleDriver(...open(device), { buffers: 2 });
    driver.emergencyWrite(0x41);
    expect(() => driver.emergencyWrite(2 ** 32)).toThrow(ArgumentError);
    expect(printed).toEqual([0x41]);
    const none = new ConsoleDriver(...open(new ConsoleDevice({ emergencyWrite: false })), { buffers: 2 });
    expect(() => none.emergencyWrite(0x41)).toThrow(DeviceFailedError);
  });

  it('a SCSI host without a request queue is no device that can be used', () => {
    const [transport, memory] = open(new ScsiDevice());
    const read = transport.readConfig.bind(transport);
    transport.readConfig = (offset, width) =>
      offset === scsiConfig.numQueues.offset ? 0 : read(offset, width);
    expect(() => new ScsiDriver(transport, memory)).toThrow(NoDeviceError);
  });
});
