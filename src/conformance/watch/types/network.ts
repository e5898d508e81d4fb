import {
  networkConfig,
  networkControl,
  networkControlClass,
  networkFeature,
  networkMultiQueueCommand,
  networkQueue,
} from '../../../virtio/layout/index.ts';
import type { FunctionModel } from '../model/function-model.ts';
import type { QueueModel } from '../model/queue-model.ts';
import type { TypeFollower } from './follower.ts';

/** What a network driver has asked for. */
export interface NetworkNotes {
  /** Pairs that it asked for; 0 before it did. */
  pairs: number;
  /** It said that it had seen an announcement being wanted. */
  announced: boolean;
  /** It set an address of its own. */
  ownAddress: boolean;
}

export const networkNotes = (fn: FunctionModel): NetworkNotes => {
  fn.notes ??= { pairs: 0, announced: false, ownAddress: false };
  return fn.notes as NetworkNotes;
};

/** Pairs that the device has room for; null where that is not known. */
export function pairsOf(fn: FunctionModel): number | null {
  if (fn.lacks(networkFeature.multiQueue) && fn.lacks(networkFeature.rss)) return 1;
  return fn.configValue(networkConfig.maxQueuePairs);
}

/** What a queue is for; null where nobody knows. */
export const roleOf = (fn: FunctionModel, { index }: QueueModel) => roleOfIndex(fn, index);

/** The same of a queue by its index. */
export function roleOfIndex(fn: FunctionModel, index: number): 'receive' | 'transmit' | 'control' | null {
  const pairs = pairsOf(fn);
  if (pairs === null) return index === 0 ? 'receive' : index === 1 ? 'transmit' : null;
  const control = networkQueue.control(pairs);
  if (index === control) return fn.has(networkFeature.controlQueue) ? 'control' : null;
  return index > control ? null : index % 2 === 0 ? 'receive' : 'transmit';
}

export const networkFollower: TypeFollower = {
  chain(now, queue) {
    const { fn, chain } = now;
    if (roleOf(fn, queue) !== 'control') return;
    const notes = networkNotes(fn);
    const [kind, command] = [chain.u8(networkControl.class.offset), chain.u8(networkControl.command.offset)];
    // From the moment that it asks the device may have taken it.
    if (kind === networkControlClass.multiQueue && command === networkMultiQueueCommand.pairsSet)
      notes.pairs = Math.max(notes.pairs, chain.u16(2));
    else if (kind === networkControlClass.multiQueue) notes.pairs = 0x8000;
    else if (kind === networkControlClass.announce) notes.announced = true;
    else if (kind === networkControlClass.mac && command === 1) notes.ownAddress = true;
  },
};
