import { describe, expect, it } from 'vitest';
import {
  balloonFeature,
  blockFeature,
  blockRequestType,
  legacyHeader,
  networkFeature,
  SCSI_COMMAND_HEADER_BYTES,
  SCSI_COMMAND_RESPONSE_BYTES,
  scsiCdb,
  scsiCommandHeader,
  scsiCommands,
  scsiConfig,
  scsiTaskManagement,
  taskManagement,
} from '../../src/virtio/layout/index.ts';
import { same } from './support/compare.ts';
import type { Operation } from './support/operations.ts';
import { perform, survey } from './support/perform.ts';
import { BUFFERS, type Setup, World } from './support/worlds.ts';

/*
 * What a request is, its device settles when it takes it. A driver that changes header, features or configuration under a
 * request in flight changes nothing of it, whether or not the device is saved and goes on elsewhere. Examples of what the
 * property over saving and loading draws.
 */
const setup = (type: string): Setup => ({
  draft: 'mmr-2023',
  placement: 'own',
  types: [type],
  queueSize: 8,
  bigEndian: false,
  vectors: undefined,
  handler: 'none',
  held: true,
});

const CONFIG = 0x14;
const bringUp = (features: readonly number[] = []): Operation => ({
  do: 'bring-up',
  fn: 0,
  place: 0,
  features: features.reduce((word, bit) => word + 2 ** bit, 0),
  messages: null,
});
const chain = (
  nth: number,
  queue: number,
  slot: number,
  readable: readonly (readonly number[])[],
  writable: readonly number[],
): Operation => ({
  ...{ do: 'chain', fn: 0, nth, chain: { queue, readable, writable }, slot, head: 0, indirect: false },
  kick: true,
});
const write = (offset: number, width: 1 | 2 | 4, value: number): Operation => ({
  do: 'port',
  fn: 0,
  access: { offset, width, value },
});
const accept = (features: readonly number[]) =>
  write(
    legacyHeader.driverFeatures.offset,
    4,
    features.reduce((word, bit) => word + 2 ** bit, 0),
  );
const look = (world: World) => {
  for (const { label } of [...world.due]) if (/ queue \d+$/.test(label)) world.run(label, 0);
};
const finish = (world: World) => {
  while (world.due.length > 0) world.run(world.due[0]!.label, 0);
};

/** A SCSI command as its driver sends it, to the disk that is always there. */
function command(cdb: readonly number[]): number[] {
  const header = new Uint8Array(SCSI_COMMAND_HEADER_BYTES + scsiConfig.cdbSize.reset);
  header[scsiCommandHeader.lun.offset] = 1;
  header[scsiCommandHeader.id.offset] = 7;
  header.set(cdb, SCSI_COMMAND_HEADER_BYTES);
  return [...header];
}
const inquiry = () => {
  const cdb = [scsiCommands.inquiry.opcode, 0, 0, 0, 0, 0];
  cdb[scsiCdb.inquiry.length.offset + 1] = 36;
  return command(cdb);
};
const RESPONSE = SCSI_COMMAND_RESPONSE_BYTES + scsiConfig.senseSize.reset;
const abortTask = () => {
  const bytes = new Uint8Array(24);
  bytes[scsiTaskManagement.subtype.offset] = taskManagement.abortTask;
  bytes[scsiTaskManagement.lun.offset] = 1;
  bytes[scsiTaskManagement.id.offset] = 7;
  return [...bytes];
};
const blockHeader = (type: number, sector = 0) => [
  type,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  sector,
  ...new Array(7).fill(0),
];

interface Example {
  readonly name: string;
  readonly type: string;
  /** Up to the moment at which the device has taken what it is given. */
  readonly before: readonly Operation[];
  readonly change: (world: World) => void;
  readonly kick?: Operation;
}

const examples: readonly Example[] = [
  {
    name: 'SCSI: the size of sense data (SCSI-CFG-04)',
    type: 'scsi',
    before: [bringUp(), chain(0, 2, 0, [inquiry()], [RESPONSE, 64])],
    change: (world) => perform(world, write(CONFIG + scsiConfig.senseSize.offset, 4, 32)),
  },
  {
    name: 'SCSI: the size of a CDB (SCSI-CFG-04)',
    type: 'scsi',
    before: [bringUp(), chain(0, 2, 0, [inquiry()], [RESPONSE, 64])],
    change: (world) => perform(world, write(CONFIG + scsiConfig.cdbSize.offset, 4, 100)),
  },
  {
    name: 'SCSI: the header',
    type: 'scsi',
    before: [bringUp(), chain(0, 2, 0, [inquiry()], [RESPONSE, 64])],
    change: (world) => world.guest.ram.fill(BUFFERS, SCSI_COMMAND_HEADER_BYTES + 6, 0xff),
  },
  {
    name: 'SCSI: a command that was aborted while bus mastering was off (SCSI-OP-05)',
    type: 'scsi',
    before: [bringUp(), chain(0, 2, 0, [inquiry()], [RESPONSE, 64])],
    change: (world) => {
      perform(world, { do: 'command', fn: 0, bits: 3 });
      (
        world.devices[0]!.behaviour as unknown as { tasks: { abort(all: () => true, code: number): void } }
      ).tasks.abort(() => true, 2);
    },
    kick: { do: 'command', fn: 0, bits: 7 },
  },
  {
    name: 'block: the header',
    type: 'block',
    before: [bringUp(), chain(0, 0, 0, [blockHeader(blockRequestType.in)], [512, 1])],
    change: (world) => world.guest.ram.write(BUFFERS, Uint8Array.from(blockHeader(blockRequestType.getId))),
  },
  {
    name: 'block: the sector, of a request beyond the end',
    type: 'block',
    before: [bringUp(), chain(0, 0, 0, [blockHeader(blockRequestType.in, 255)], [512, 1])],
    change: (world) => world.guest.ram.write(BUFFERS, Uint8Array.from(blockHeader(blockRequestType.in))),
  },
  {
    name: 'block: segments to discard, and the feature that they want (BLK-OP-07)',
    type: 'block',
    before: [
      bringUp([blockFeature.discard]),
      chain(
        0,
        0,
        0,
        [blockHeader(blockRequestType.discard), [1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]],
        [1],
      ),
    ],
    change: (world) => {
      perform(world, accept([]));
      world.guest.ram.fill(BUFFERS + 16, 16, 0);
    },
  },
  {
    name: 'network: buffers for reception, and the size of a header (LEG-NET-05)',
    type: 'network',
    before: [bringUp(), chain(0, 0, 0, [], [10])],
    change: (world) => perform(world, accept([networkFeature.mergeableBuffers])),
  },
  {
    name: 'balloon: a statistics buffer, and the feature of its queue (BAL-STAT-02)',
    type: 'balloon',
    before: [bringUp([balloonFeature.statisticsQueue]), chain(2, 2, 0, [new Array(10).fill(1)], [])],
    change: (world) => perform(world, accept([])),
  },
];

describe('a request in flight stays what it was when it was taken, saved and loaded or not', () => {
  it.each(examples)('$name', ({ type, before, change, kick }) => {
    const world = new World('direct', setup(type));
    for (const operation of before) {
      perform(world, operation);
      look(world);
    }
    change(world);
    const twin = World.load('direct', setup(type), world.save());
    // Saved twice over: a state that nothing happened to is the same.
    const second = World.load('direct', setup(type), twin.save());
    for (const each of [world, twin, second]) {
      if (kick !== undefined) perform(each, kick);
      finish(each);
    }
    const seen = survey(world);
    for (const each of [twin, second]) same('at the end', world, each, seen, survey(each));
  });

  it('SCSI: a command that ABORT TASK has answered is nothing that is still to be done (SCSI-OP-05)', () => {
    const world = new World('direct', setup('scsi'));
    perform(world, bringUp());
    perform(world, chain(0, 2, 0, [inquiry()], [RESPONSE, 64]));
    look(world);
    expect(world.due.map(({ label }) => label)).toEqual(['scsi command']);
    perform(world, chain(1, 0, 1, [abortTask()], [1]));
    look(world);
    expect([world.due, World.load('direct', setup('scsi'), world.save()).due]).toEqual([[], []]);
  });
});
