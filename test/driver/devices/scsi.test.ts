import { describe, expect, it, test } from 'vitest';
import { DmaDomain, HeldScheduler } from '../../../src/core/index.ts';
import {
  DeviceFailedError,
  DmaMemory,
  decodeSense,
  findFunction,
  ResourceError,
  reportLunsAddress,
  runFirmware,
  ScsiCommandError,
  ScsiDisk,
  ScsiDriver,
  type ScsiDriverOptions,
  type ScsiEvent,
  scsiAddressBytes,
  scsiCdbOf,
  scsiEventFrom,
  senseText,
  type TransportOptions,
} from '../../../src/driver/index.ts';
import {
  DiskUnit,
  MemoryStorage,
  ScsiDevice,
  type ScsiOptions,
  scsiCommands,
  scsiFeature,
} from '../../../src/virtio/index.ts';
import { sameBytes } from '../../core/bytes.ts';
import { clausesIn, SLOT, smallMachine, watch } from '../../pci/support.ts';
import { hex, image, SlowStorage } from '../../virtio/devices/scsi/support.ts';
import { functionWith, type Kind, kinds, transportOf } from '../support/kinds.ts';

const BLOCKS = 64;
const FIRST = { target: 0, lun: 0 };

interface Options extends TransportOptions, ScsiDriverOptions {
  readonly queueSize?: number;
  readonly queues?: number;
  readonly scheduler?: HeldScheduler;
  readonly units?: ScsiOptions['units'];
}

function open(kind: Kind, options: Options = {}) {
  const { queueSize = 64, queues = 1, scheduler, bigEndian = false, ...rest } = options;
  const machine = smallMachine(scheduler === undefined ? {} : { scheduler });
  const storage = new MemoryStorage(image(BLOCKS));
  const unit = new DiskUnit({ storage, serial: 'number 9' });
  const device = new ScsiDevice({
    units: options.units ?? [{ ...FIRST, unit }],
    queueSize,
    requestQueues: queues,
    inOut: true,
  });
  const guestEndian = bigEndian ? 'big' : 'little';
  const fn = functionWith(kind, device, { guestEndian });
  machine.plug(fn.pci, SLOT, new DmaDomain(machine.ram));
  const events = watch(machine);
  runFirmware(machine);
  const found = findFunction(machine, SLOT)!;
  const transport = transportOf(kind, machine, found, options);
  const memory = new DmaMemory(machine.ram, 0x10000);
  const heard: ScsiEvent[] = [];
  const driver = new ScsiDriver(transport, memory, {
    requestBytes: 4096,
    onEvent: (event) => heard.push(event),
    ...rest,
  });
  return { machine, storage, unit, device, fn, driver, disk: new ScsiDisk(driver, FIRST), events, heard };
}

describe.each(kinds)('the SCSI driver, %s', (kind) => {
  it.each([
    ['messages', {}],
    ['the line', { intx: true }],
    ['plain rings', { ringFeatures: [] }],
    ['commands of one block', { requestBytes: 512 }],
    ['one command at a time', { depth: 1 }],
    ['queues of four', { queueSize: 4, ringFeatures: [] }],
    ['other sizes of headers', { senseSize: 18, cdbSize: 16 }],
    ['no events to speak of', { eventBuffers: 1 }],
    ...(kind === 'modern' ? [] : [['a big-endian guest', { bigEndian: true }] as const]),
  ] as const)('works with a disk by %s, and breaks no clause', async (_, options) => {
    const { driver, disk, storage, device, heard, events } = open(kind, options);
    expect(await disk.inquiry()).toEqual({
      type: 0,
      vendor: 'VIRTLAB',
      product: 'virtiolab disk',
      revision: '1',
    });
    const room = Math.min(driver.requestBytes, 4096);
    if (room >= 4096) expect(hex(await disk.vitalProductData(0x80))).toMatch(/^00 80 00 08 6e 75/);
    expect(await disk.capacity()).toEqual({ blocks: BLOCKS, blockBytes: 512, thin: true });
    expect(sameBytes(await disk.read(0, BLOCKS), image(BLOCKS))).toBe(true);
    const data = new Uint8Array(20 * 512).map((_, i) => 0x55 ^ i);
    await disk.write(17, data);
    await disk.write(40, data.subarray(0, 512), true);
    await disk.sync();
    await disk.unmap([
      { lba: 0, blocks: 2 },
      { lba: 63, blocks: 1 },
    ]);
    const expected = image(BLOCKS);
    expected.set(data, 17 * 512);
    expected.set(data.subarray(0, 512), 40 * 512);
    expected.fill(0, 0, 1024).fill(0, 63 * 512);
    expect(sameBytes(storage.bytes, expected)).toBe(true);
    expect(sameBytes(await disk.read(1, 62), expected.subarray(512, 63 * 512))).toBe(true);
    expect(await driver.manage('logicalUnitReset', FIRST)).toBe(0);
    expect(await driver.notifications('query', FIRST, 0xff)).toEqual({ response: 0, events: 0 });
    expect(await driver.notifications('subscribe', { target: 9, lun: 0 }, 2)).toEqual({
      response: 3,
      events: 0,
    });
    device.attachLun(0, 300, new DiskUnit({ storage: new MemoryStorage(image(2)) }));
    expect(heard).toEqual([{ kind: 'transportReset', missed: false, target: 0, lun: 300, reason: 1 }]);
    driver.close();
    expect(clausesIn(events)).toEqual([]);
  });
});

describe('the SCSI driver', () => {
  it('uses as many request queues as there are, and as it wants', async () => {
    const slow = new SlowStorage();
    const { driver } = open('modern', {
      queues: 3,
      requestQueues: 2,
      units: [{ ...FIRST, unit: new DiskUnit({ storage: slow }) }],
    });
    expect(driver.queueCount).toBe(2);
    await driver.command(FIRST, scsiCdbOf(scsiCommands.testUnitReady));
    const read = (queue: number) =>
      driver.command(FIRST, scsiCdbOf(scsiCommands.read10, { lba: queue, blocks: 1 }), undefined, 512, {
        queue,
        id: 10 + queue,
      });
    const pending = [read(0), read(1), read(2)];
    await Promise.resolve();
    expect(slow.log).toEqual(['read 0+512', 'read 512+512', 'read 1024+512']);
    expect(await driver.manage('queryTask', FIRST, 11)).toBe(10);
    expect(await driver.manage('abortTask', FIRST, 11)).toBe(0);
    expect((await pending[1]!).response).toBe(2);
    for (const transfer of slow.waiting) transfer.done(transfer.live);
    expect((await Promise.all(pending)).map(({ response }) => response)).toEqual([0, 2, 0]);
    expect(open('legacy', { queues: 1, requestQueues: 4 }).driver.queueCount).toBe(1);
  });

  it('tells response, status, sense data and residual apart', async () => {
    const { driver } = open('legacy');
    const read = (lba: number, blocks: number) => scsiCdbOf(scsiCommands.read10, { lba, blocks });
    const first = await driver.command(FIRST, read(0, 1), undefined, 512);
    expect(decodeSense(first.sense)).toEqual({ key: 6, asc: 0x29, ascq: 0, field: null });
    const short = await driver.command(FIRST, read(0, 1), undefined, 1024);
    expect([short.response, short.status, short.residual, short.data.length]).toEqual([0, 0, 512, 512]);
    expect((await driver.command(FIRST, read(0, 2), undefined, 512)).response).toBe(1);
    expect((await driver.command({ target: 5, lun: 0 }, read(0, 1), undefined, 512)).response).toBe(3);
    expect((await driver.command(reportLunsAddress(), scsiCdbOf(scsiCommands.testUnitReady))).status).toBe(0);
    const bad = await driver.command(FIRST, read(64, 1), undefined, 512);
    expect([bad.status, bad.residual, bad.data.length]).toEqual([2, 512, 0]);
    expect(senseText(decodeSense(bad.sense)!)).toBe('illegalRequest: lbaOutOfRange');
  });

  it('sends data in both directions where it may', async () => {
    const both = [FIRST, scsiCdbOf(scsiCommands.read10, { blocks: 1 }), new Uint8Array(4), 512] as const;
    expect((await open('modern').driver.command(...both)).response).toBe(9);
    const { driver } = open('modern', { features: [scsiFeature.inOut] });
    await driver.command(FIRST, scsiCdbOf(scsiCommands.testUnitReady));
    expect(await driver.command(...both)).toMatchObject({ response: 0, status: 0, residual: 4 });
  });

  it('does not take more data than it has room for', async () => {
    const { driver } = open('modern');
    const cdb = scsiCdbOf(scsiCommands.testUnitReady);
    await expect(driver.command(FIRST, cdb, new Uint8Array(4097))).rejects.toThrow(ResourceError);
    await expect(driver.command(FIRST, cdb, undefined, 4097)).rejects.toThrow(ResourceError);
  });

  it('hears that events were missed', async () => {
    const scheduler = new HeldScheduler();
    const { device, heard } = open('legacy', { scheduler, eventBuffers: 2 });
    scheduler.releaseAll();
    for (let lun = 1; lun < 5; lun++)
      device.attachLun(0, lun, new DiskUnit({ storage: new MemoryStorage(image(1)) }));
    scheduler.releaseAll();
    expect(heard.map(({ kind, missed, lun }) => [kind, missed, lun])).toEqual([
      ['transportReset', false, 1],
      ['transportReset', false, 2],
      ['none', true, 0],
    ]);
  });

  test.each(['close', 'break'] as const)('fails what is in flight at %s', async (end) => {
    const scheduler = new HeldScheduler();
    const { driver, fn } = open('modern', { scheduler });
    const sent = driver.command(FIRST, scsiCdbOf(scsiCommands.testUnitReady));
    const managed = driver.manage('queryTask', FIRST);
    await Promise.resolve();
    if (end === 'close') driver.close();
    else {
      fn.device.fail('SPL-DESC-05', 'broken');
      scheduler.releaseAll();
    }
    await expect(sent).rejects.toThrow(DeviceFailedError);
    await expect(managed).rejects.toThrow(DeviceFailedError);
  });
});

describe('a disk behind the driver', () => {
  it('fails with what the device said', async () => {
    const { disk } = open('legacy');
    const beyond = disk.read(BLOCKS, 1);
    await expect(beyond).rejects.toThrow(ScsiCommandError);
    await expect(beyond).rejects.toThrow('READ: illegalRequest: lbaOutOfRange');
    await expect(beyond).rejects.toMatchObject({ status: 2, reply: { response: 0 } });
    const nobody = new ScsiDisk(disk.host, { target: 1, lun: 0 });
    await expect(nobody.sync()).rejects.toThrow('SYNCHRONIZE CACHE: response 3 (badTarget), status 0');
  });

  it('takes note of conditions, not of errors, and gives up where they do not end', async () => {
    const { disk, device, unit } = open('modern');
    device.attachLun(0, 1, new DiskUnit({ storage: new MemoryStorage(image(1)) }));
    unit.capacityChanged();
    expect((await disk.read(3, 1))[0]).toBe(image(4)[3 * 512]);
    // Nothing but conditions, for ever.
    const endless = { blockBytes: 0, attach: () => {}, reset: () => {}, save: () => null, load: () => {} };
    let asked = 0;
    device.attachLun(1, 0, {
      ...endless,
      execute: (command) => {
        asked++;
        command.check({ key: 6, asc: 0x3f, ascq: 0x03 });
      },
    });
    await expect(new ScsiDisk(disk.host, { target: 1, lun: 0 }).sync()).rejects.toThrow(
      'unitAttention: 3f/03',
    );
    expect(asked).toBeLessThan(20);
  });

  it('lists the LUNs of its target', async () => {
    const { disk, device } = open('legacy');
    device.attachLun(0, 0x1234, new DiskUnit({ storage: new MemoryStorage(image(1)) }));
    expect((await disk.reportLuns()).map(hex)).toEqual([
      '00 00 00 00 00 00 00 00',
      '52 34 00 00 00 00 00 00',
    ]);
  });
});

describe('bytes of the driver', () => {
  test.each([
    [{ target: 0, lun: 0 }, '01 00 00 00 00 00 00 00'],
    [{ target: 255, lun: 255 }, '01 ff 00 ff 00 00 00 00'],
    [{ target: 3, lun: 256 }, '01 03 41 00 00 00 00 00'],
    [{ target: 3, lun: 16383 }, '01 03 7f ff 00 00 00 00'],
  ])('of the address %j', (address, expected) => {
    expect(hex(scsiAddressBytes(address))).toBe(expected);
  });

  test.each([
    ['READ 6', scsiCdbOf(scsiCommands.read6, { lba: 0x12345, blocks: 6 }), '08 01 23 45 06 00'],
    [
      'WRITE 10',
      scsiCdbOf(scsiCommands.write10, { flags: 8, lba: 0x01020304, blocks: 0x506 }),
      '2a 08 01 02 03 04 00 05 06 00',
    ],
    [
      'READ CAPACITY 16',
      scsiCdbOf(scsiCommands.readCapacity16, { length: 32 }),
      '9e 10 00 00 00 00 00 00 00 00 00 00 00 20 00 00',
    ],
    [
      'WRITE 16',
      scsiCdbOf(scsiCommands.write16, { lba: 0x1_0203_0405_0607, blocks: 0x08090a0b }),
      '8a 00 00 01 02 03 04 05 06 07 08 09 0a 0b 00 00',
    ],
  ])('of %s', (_, cdb, expected) => {
    expect(hex(cdb)).toBe(expected);
  });

  it('reads events of either byte order, and none out of too few bytes', () => {
    const bytes = Uint8Array.of(3, 0, 0, 0x80, 1, 7, 0x41, 2, 0, 0, 0, 0, 0x2a, 9, 0, 0);
    const event = { kind: 'parameterChange', missed: true, target: 7, lun: 258, reason: 0x092a };
    expect(scsiEventFrom(bytes, true)).toEqual(event);
    const big = Uint8Array.of(0x80, 0, 0, 3, 1, 7, 0x41, 2, 0, 0, 0, 0, 0, 0, 9, 0x2a);
    expect(scsiEventFrom(big, false)).toEqual(event);
    expect(scsiEventFrom(bytes.subarray(0, 15), true)).toBeNull();
    expect(scsiEventFrom(Uint8Array.of(9, ...Array(15).fill(0)), true)?.kind).toBe('unknown');
  });

  it('reads sense data in fixed format, and nothing else', () => {
    const bytes = Uint8Array.of(0x70, 0, 5, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x24, 0, 0, 0xc0, 0, 2);
    expect(decodeSense(bytes)).toEqual({ key: 5, asc: 0x24, ascq: 0, field: 2 });
    expect(decodeSense(bytes.subarray(0, 14))).toEqual({ key: 5, asc: 0x24, ascq: 0, field: null });
    expect(decodeSense(bytes.subarray(0, 13))).toBeNull();
    expect(decodeSense(Uint8Array.of(0x72, 5, 0x24, 0, ...Array(14).fill(0)))).toBeNull();
    bytes[15] = 0x80;
    expect(decodeSense(bytes)?.field).toBeNull();
    expect(senseText({ key: 0xc, asc: 0xab, ascq: 1 })).toBe('key 0c: ab/01');
  });
});
