import { type AccessEvent, inOrder, type RegisterMap } from '../../../core/index.ts';
import type { FunctionModel } from '../model/function-model.ts';
import type { QueueModel } from '../model/queue-model.ts';
import type { Moment } from '../moment.ts';
import type { MomentKind } from '../rule.ts';
import { isWide } from '../rules/config.ts';

/** Those who follow accesses tell it what has come to pass. */
export interface Follower {
  readonly now: Moment;
  /** Asks the rules; `queue` is what it is about. */
  judge(kind: MomentKind, queue?: QueueModel | null): void;
  /** A queue was kicked. */
  kick(fn: FunctionModel, queue: QueueModel): void;
}

/** Names of a map's registers by byte; those whose access begins there, others begin with a dot. */
export function namesByOffset(map: RegisterMap): readonly string[] {
  const names: string[] = [];
  for (const [name, { offset, width, count }] of inOrder(map))
    for (let at = offset; at < offset + width * count; at++)
      names[at] = (at - offset) % width === 0 ? name : `.${name}`;
  return names;
}

/** Asks for one after the other. */
export function judgeEach(
  follower: Follower,
  kinds: readonly MomentKind[],
  queue: QueueModel | null = null,
): void {
  for (const kind of kinds) follower.judge(kind, queue);
}

/** Takes over what an access is about. */
export function take(
  now: Moment,
  fn: FunctionModel,
  event: AccessEvent,
  offset: number,
  register: string,
): void {
  now.fn = fn;
  now.queue = null;
  now.value = event.value;
  now.width = event.width;
  now.operation = event.operation;
  now.offset = offset;
  now.register = register;
}

/** Device configuration was accessed. */
export function usedConfig(fn: FunctionModel, offset: number, event: AccessEvent): void {
  const { width, value, operation } = event;
  fn.changeUnread = false;
  if (operation === 'read' && offset === 0) fn.firstReads++;
  if (operation === 'read' && fn.type !== null && isWide(fn.type.config, offset)) fn.wideReads++;
  if (operation === 'write') fn.configWritten.add(offset);
  for (let i = 0; i < width; i++) {
    fn.configUsed.add(offset + i);
    if (offset + i < fn.configBytes.length) fn.configBytes[offset + i] = (value >>> (8 * i)) & 0xff;
  }
}

/** A driver that writes to one interface while it uses the other is still a driver of that other. */
export function speak(fn: FunctionModel, as: 'legacy' | 'modern'): void {
  if (fn.speaks === null || fn.status === null || fn.status === 0) fn.speaks = as;
}
