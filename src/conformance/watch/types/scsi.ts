import { SCSI_ADDRESS_BYTES, scsiQueue } from '../../../virtio/layout/index.ts';
import type { FunctionModel } from '../model/function-model.ts';
import type { Moment } from '../moment.ts';
import type { TypeFollower } from './follower.ts';

/** Commands in flight: how many for each unit, and whose each is. */
interface ScsiNotes {
  readonly perUnit: Map<number, number>;
  readonly units: Map<number, number>;
}

const notesOf = (fn: FunctionModel): ScsiNotes => {
  fn.notes ??= { perUnit: new Map(), units: new Map() };
  return fn.notes as ScsiNotes;
};

/** A number that stands for the unit that a request is for. */
function unitOf({ chain }: Moment): number {
  let unit = 0;
  for (let i = 0; i < SCSI_ADDRESS_BYTES - 2; i++) unit = 256 * unit + Math.max(0, chain.u8(i));
  return unit;
}

const keyOf = (queue: number, head: number) => queue * 0x10000 + head;

/** Commands in flight for the unit of the request that comes. */
export const commandsOf = (now: Moment): number => notesOf(now.fn).perUnit.get(unitOf(now)) ?? 0;

export const scsiFollower: TypeFollower = {
  chain(now, queue) {
    if (queue.index < scsiQueue.request) return;
    const { perUnit, units } = notesOf(now.fn);
    const unit = unitOf(now);
    units.set(keyOf(queue.index, now.chain.head), unit);
    perUnit.set(unit, (perUnit.get(unit) ?? 0) + 1);
  },
  used(now, queue, head) {
    const { perUnit, units } = notesOf(now.fn);
    const key = keyOf(queue.index, head);
    const unit = units.get(key);
    if (unit === undefined) return;
    units.delete(key);
    perUnit.set(unit, (perUnit.get(unit) ?? 1) - 1);
  },
};
