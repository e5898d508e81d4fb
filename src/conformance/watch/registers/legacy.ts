import type { AccessEvent } from '../../../core/index.ts';
import {
  LEGACY_CONFIG_OFFSET,
  LEGACY_CONFIG_OFFSET_MSIX,
  legacyHeader,
  legacyHeaderWithVectors,
} from '../../../virtio/layout/index.ts';
import type { FunctionModel } from '../model/function-model.ts';
import { type Follower, judgeEach, namesByOffset, speak, take, usedConfig } from './follower.ts';
import { isrRead, vectorRead, vectorWritten } from './interrupts.ts';
import { statusRead, statusWritten } from './status.ts';

const names = namesByOffset(legacyHeader);
const namesWithVectors = namesByOffset(legacyHeaderWithVectors);

/** The vector registers stand in the block; null where nobody knows. */
export const showsVectors = (fn: FunctionModel): boolean | null => (fn.fixedVectors ? true : fn.msix.enabled);

/** Follows an access to a legacy block. */
export function followLegacy(follower: Follower, fn: FunctionModel, event: AccessEvent): void {
  const { now } = follower;
  const { offset, operation, value } = event;
  const write = operation === 'write';
  if (write) speak(fn, 'legacy');
  else fn.speaks ??= 'legacy';
  const vectors = showsVectors(fn);
  if (offset >= LEGACY_CONFIG_OFFSET) {
    if (vectors === null) return;
    const start = vectors ? LEGACY_CONFIG_OFFSET_MSIX : LEGACY_CONFIG_OFFSET;
    if (offset >= start) {
      take(now, fn, event, offset - start, '');
      follower.judge(write ? 'config-write' : 'config-read');
      usedConfig(fn, offset - start, event);
      return;
    }
  }
  const register = (vectors === true ? namesWithVectors : names)[offset] ?? '';
  take(now, fn, event, offset, register);
  follower.judge('legacy-register');
  if (write) written(follower, fn, register, value);
  else read(follower, fn, register, value);
}

function written(follower: Follower, fn: FunctionModel, register: string, value: number): void {
  switch (register) {
    case 'deviceStatus':
      statusWritten(follower, fn, value);
      return;
    case 'driverFeatures':
      judgeEach(follower, ['set-up', 'features']);
      fn.accepted.empty();
      fn.accepted.set(0, value);
      fn.featureWrites++;
      return;
    case 'queueSelect':
      fn.queueSelect = value;
      return;
    case 'queueAddress': {
      const queue = fn.selected;
      judgeEach(follower, ['set-up', 'queue-address'], queue);
      if (queue === null) return;
      queue.page = value;
      queue.live = value !== 0;
      queue.ring = null;
      queue.blind = '';
      queue.kicks = 0;
      return;
    }
    case 'queueNotify':
      follower.kick(fn, fn.queue(value & 0xffff));
      return;
    case 'configMsixVector':
      vectorWritten(follower, fn, null, value);
      return;
    case 'queueMsixVector':
      vectorWritten(follower, fn, fn.selected, value);
      return;
  }
}

function read(follower: Follower, fn: FunctionModel, register: string, value: number): void {
  switch (register) {
    case 'deviceFeatures':
      fn.offered.empty();
      fn.offered.set(0, value);
      return;
    case 'queueSize': {
      const queue = fn.selected;
      if (queue !== null) queue.offered = queue.size = value;
      return;
    }
    case 'queueAddress': {
      const queue = fn.selected;
      if (queue === null || queue.live !== null) return;
      queue.page = value;
      queue.live = value !== 0;
      return;
    }
    case 'deviceStatus':
      statusRead(fn, value);
      return;
    case 'isrStatus':
      isrRead(follower, fn, value);
      return;
    case 'configMsixVector':
      vectorRead(fn, null, value);
      return;
    case 'queueMsixVector':
      vectorRead(fn, fn.selected, value);
      return;
  }
}
