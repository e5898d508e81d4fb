import {
  decodeSense,
  reportLunsAddress,
  ScsiDisk,
  ScsiDriver,
  type ScsiEvent,
  scsiCdbOf,
  senseText,
} from '../../driver/index.ts';
import {
  DiskUnit,
  LUN_LIST_HEADER_BYTES,
  MemoryStorage,
  SCSI_ADDRESS_BYTES,
  ScsiDevice,
  type Storage,
  scsiCommands,
  scsiDeviceType,
  scsiResponse,
  scsiStatus,
  type Transfer,
} from '../../virtio/index.ts';
import { bytesText } from '../text.ts';
import type { DemoFact, DeviceDemo, DeviceVisit } from './device-demo.ts';

const DISK_BYTES = 4 << 20;
const FIRST = { target: 0, lun: 0 };
const SECOND = { target: 0, lun: 300 };
const LIST_BYTES = 256;
const BLOCK_BYTES = 512;

const pattern = (bytes: number) => new Uint8Array(bytes).map((_, i) => (i * 31) ^ (i >> 8));

/** Keeps reads for later while it is told to, so that there is something to abort. */
class PatientStorage extends MemoryStorage {
  patient = false;
  readonly held: Transfer[] = [];
  flushes = 0;

  override read(transfer: Transfer): void {
    if (this.patient) this.held.push(transfer);
    else super.read(transfer);
  }

  override flush(transfer: Transfer): void {
    this.flushes++;
    super.flush(transfer);
  }
}

const unit = (storage: Storage, serial: string) => new DiskUnit({ storage, serial });

async function scanFact(driver: ScsiDriver): Promise<DemoFact> {
  const cdb = scsiCdbOf(scsiCommands.reportLuns, { length: LIST_BYTES });
  const { data, response } = await driver.command(reportLunsAddress(), cdb, undefined, LIST_BYTES);
  const units = (data.length - LUN_LIST_HEADER_BYTES) / SCSI_ADDRESS_BYTES;
  return {
    what: 'Scan',
    result: `the well-known logical unit reports ${units} units`,
    good: response === scsiResponse.ok && units === 2,
    data: { units },
  };
}

async function inquiryFact(disk: ScsiDisk): Promise<DemoFact> {
  const { vendor, product, revision } = await disk.inquiry();
  const { blocks, blockBytes, thin } = await disk.capacity();
  return {
    what: 'Disk',
    result: `${vendor} ${product}, revision ${revision}: ${blocks} blocks of ${blockBytes} bytes${thin ? ', thin' : ''}`,
    good: blocks * blockBytes === DISK_BYTES && thin,
    data: { vendor, product, revision, blocks, blockBytes, thin },
  };
}

async function attentionFact(driver: ScsiDriver): Promise<DemoFact> {
  const cdb = scsiCdbOf(scsiCommands.testUnitReady);
  const [first, second] = [await driver.command(SECOND, cdb), await driver.command(SECOND, cdb)];
  const sense = decodeSense(first.sense);
  return {
    what: 'Unit attention',
    result: sense === null ? 'none' : `${senseText(sense)}, once`,
    good: sense?.asc === 0x29 && second.status === scsiStatus.good,
  };
}

async function dataFact(disk: ScsiDisk, storage: PatientStorage): Promise<DemoFact> {
  const data = pattern(DISK_BYTES);
  await disk.write(0, data);
  const before = storage.flushes;
  await disk.write(1, data.subarray(BLOCK_BYTES, 2 * BLOCK_BYTES), true);
  const forced = storage.flushes - before;
  await disk.sync();
  const read = await disk.read(0, DISK_BYTES / BLOCK_BYTES);
  const same = (bytes: Uint8Array) => bytes.every((byte, i) => byte === data[i]);
  const good = same(read) && same(storage.bytes) && forced === 1;
  return {
    what: 'Data',
    result: `${bytesText(DISK_BYTES)} written and read ${good ? 'are the same' : 'differ'}; FUA made one block stable at once`,
    good,
    data: { bytes: DISK_BYTES },
  };
}

async function unmapFact(disk: ScsiDisk, storage: PatientStorage): Promise<DemoFact> {
  await disk.unmap([
    { lba: 8, blocks: 8 },
    { lba: 100, blocks: 1 },
  ]);
  const zero = (lba: number) =>
    storage.bytes.subarray(lba * BLOCK_BYTES, (lba + 1) * BLOCK_BYTES).every((byte) => byte === 0);
  const good = [8, 15, 100].every(zero) && ![7, 16, 99, 101].some(zero);
  return { what: 'Unmap', result: `9 blocks in two extents ${good ? 'read as zeros' : 'are wrong'}`, good };
}

async function refusalFact(driver: ScsiDriver): Promise<DemoFact> {
  const lba = DISK_BYTES / BLOCK_BYTES;
  const beyond = await driver.command(
    FIRST,
    scsiCdbOf(scsiCommands.read10, { lba, blocks: 1 }),
    undefined,
    512,
  );
  const short = await driver.command(FIRST, scsiCdbOf(scsiCommands.read10, { blocks: 2 }), undefined, 512);
  const nobody = await driver.command({ target: 9, lun: 0 }, scsiCdbOf(scsiCommands.testUnitReady));
  const sense = decodeSense(beyond.sense);
  return {
    what: 'Refusals',
    result: `a block too far: ${sense === null ? 'nothing' : senseText(sense)}; a buffer too short: response ${short.response}; nobody there: response ${nobody.response}`,
    good:
      sense?.asc === 0x21 &&
      short.response === scsiResponse.overrun &&
      nobody.response === scsiResponse.badTarget,
    data: { overrun: short.response, badTarget: nobody.response },
  };
}

async function abortFact(driver: ScsiDriver, storage: PatientStorage): Promise<DemoFact> {
  storage.patient = true;
  const order: string[] = [];
  const read = (id: number) =>
    driver
      .command(FIRST, scsiCdbOf(scsiCommands.read10, { blocks: 1 }), undefined, BLOCK_BYTES, { id })
      .then(({ response }) => order.push(`command ${id}: ${response}`));
  const [first, second] = [read(1), read(2)];
  await Promise.resolve();
  const aborted = await driver.manage('abortTask', FIRST, 1);
  order.push(`abort: ${aborted}`);
  const reset = await driver.manage('logicalUnitReset', FIRST);
  order.push(`reset: ${reset}`);
  await Promise.all([first, second]);
  storage.patient = false;
  for (const transfer of storage.held.splice(0)) transfer.done(false);
  const expected = ['command 1: 2', 'abort: 0', 'command 2: 4', 'reset: 0'];
  return {
    what: 'Task management',
    result: order.join(', '),
    good: JSON.stringify(order) === JSON.stringify(expected),
    data: { order },
  };
}

async function hotplugFact(driver: ScsiDriver, device: ScsiDevice, events: ScsiEvent[]): Promise<DemoFact> {
  const place = { target: 7, lun: 1 };
  events.length = 0;
  device.attachLun(place.target, place.lun, unit(new MemoryStorage(pattern(BLOCK_BYTES)), 'plugged'));
  const { blocks } = await new ScsiDisk(driver, place).capacity();
  device.detachLun(place.target, place.lun);
  const gone = await driver.command(place, scsiCdbOf(scsiCommands.testUnitReady));
  const heard = events.map(({ kind, target, lun, reason }) => `${kind} ${target}:${lun} reason ${reason}`);
  return {
    what: 'Hot plug',
    result: heard.join(', '),
    good:
      blocks === 1 &&
      gone.response === scsiResponse.badTarget &&
      heard.join() === 'transportReset 7:1 reason 1,transportReset 7:1 reason 2',
    data: { events: heard },
  };
}

async function growthFact(
  disk: ScsiDisk,
  grown: DiskUnit,
  storage: PatientStorage,
  events: ScsiEvent[],
): Promise<DemoFact> {
  events.length = 0;
  storage.resize(2 * DISK_BYTES);
  grown.capacityChanged();
  const { blocks } = await disk.capacity();
  const event = events[0];
  return {
    what: 'Growth',
    result: `${bytesText(blocks * BLOCK_BYTES)}, and event ${event?.kind} says ${event?.reason.toString(16)}`,
    good:
      blocks * BLOCK_BYTES === 2 * DISK_BYTES && event?.kind === 'parameterChange' && event.reason === 0x092a,
    data: { blocks },
  };
}

/** A visit to a SCSI host with two disks. */
function scsiVisit(): DeviceVisit {
  const storage = new PatientStorage(new Uint8Array(DISK_BYTES));
  const first = unit(storage, 'first');
  const device = new ScsiDevice({
    units: [
      { ...FIRST, unit: first },
      { ...SECOND, unit: unit(new MemoryStorage(pattern(DISK_BYTES / 4)), 'second') },
    ],
  });
  return {
    behaviour: device,
    subject: `two disks, of ${bytesText(DISK_BYTES)} and ${bytesText(DISK_BYTES / 4)}`,
    async drive(transport, memory, marks): Promise<DemoFact[]> {
      const events: ScsiEvent[] = [];
      const driver = new ScsiDriver(transport, memory, { onEvent: (event) => events.push(event) });
      marks.markBroughtUp();
      const facts = [await scanFact(driver)];
      marks.markFirst();
      const disk = new ScsiDisk(driver, FIRST);
      facts.push(
        await inquiryFact(disk),
        await attentionFact(driver),
        await dataFact(disk, storage),
        await unmapFact(disk, storage),
        await refusalFact(driver),
        await abortFact(driver, storage),
        await hotplugFact(driver, device, events),
        await growthFact(disk, first, storage, events),
      );
      driver.close();
      return facts;
    },
    close: async () => {},
  };
}

export const scsiDemo: DeviceDemo = {
  type: scsiDeviceType,
  summary: 'scans a host, works with a disk, aborts and resets commands, plugs and unplugs a unit',
  first: 'REPORT LUNS',
  sample: () => new ScsiDevice(),
  visit: async () => scsiVisit(),
};
