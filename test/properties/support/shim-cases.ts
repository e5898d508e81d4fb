import { balloonFeature, blockFeature, feature, networkFeature } from '../../../src/virtio/layout/index.ts';
import type { Case, Operation } from './operations.ts';
import type { Setup } from './worlds.ts';

/** Something that breaks where the shim stands before a guest, as fast-check shrank it, or as short. */
export interface ShimCase {
  /** As docs/ways-to-legacy.md calls it. */
  readonly name: string;
  readonly case: Case;
  /** The first difference: what the shim and what the plain function shows. */
  readonly differs: string;
  /** What the shim says, as clauses. */
  readonly says: readonly string[];
}

const ANY_LAYOUT = 2 ** feature.anyLayout;

interface Part {
  readonly features?: number;
  readonly setup?: Partial<Setup>;
  readonly after?: readonly Operation[];
}

function shimCase(
  type: string,
  name: string,
  differs: string,
  says: readonly string[],
  { features = ANY_LAYOUT, setup = {}, after = [] }: Part,
): ShimCase {
  return {
    name,
    differs,
    says,
    case: {
      setup: {
        draft: 'mmr-2023',
        placement: 'own',
        held: false,
        types: [type],
        queueSize: 8,
        bigEndian: false,
        vectors: undefined,
        handler: 'none',
        blind: 2 ** feature.notifyOnEmpty + (type === 'block' ? 0x81 : type === 'network' ? 0x40 : 0),
        ...setup,
      },
      start: [{ do: 'bring-up', fn: 0, place: 0, features, messages: null }],
      operations: after,
    },
  };
}

const chain = (queue: number, readable: readonly (readonly number[])[], writable: readonly number[]) =>
  ({
    do: 'chain',
    fn: 0,
    nth: queue,
    chain: { queue, readable, writable },
    slot: 0,
    head: 0,
    indirect: false,
    kick: true,
  }) as const;
const out = (offset: number, width: 1 | 2 | 4, value: number) =>
  ({ do: 'port', fn: 0, access: { offset, width, value } }) as const;
const bytes = (count: number) => new Array<number>(count).fill(0);

const frame = [2, 1, 1, 1, 1, 1, 82, 84, 0, 18, 52, 86, 129, 0];
const blockHeader = (type: readonly number[]) => [...type, ...bytes(12)];
const MAC_COMMAND = [1, 1, 82, 84, 0, 18, 52, 86];
const SCSI_TEST = [1, 0, 0, 0, 0, 0, 0, 0, 1, ...bytes(10), 42, ...bytes(35), 8, 18, ...bytes(18)];
const { configWriteCache } = blockFeature;
const { statisticsQueue } = balloonFeature;
const { mergeableBuffers, controlMacAddress } = networkFeature;

export const shimCases: readonly ShimCase[] = [
  shimCase('entropy', 'NOTIFY_ON_EMPTY', 'value', [], { setup: { blind: 0 } }),
  shimCase('network', 'frame header', 'what reached the world behind', ['LEG-NET-05'], {
    after: [chain(1, [[...bytes(10), ...frame]], [])],
  }),
  shimCase('network', 'MAC address', 'value', ['LEG-NET-03'], {
    features: ANY_LAYOUT + 2 ** mergeableBuffers,
    after: [out(20, 1, 0x0e)],
  }),
  shimCase('entropy', 'byte order', 'memory', [], {
    setup: { bigEndian: true },
    after: [chain(0, [], [1])],
  }),
  shimCase('network', 'feature without what it needs', 'memory', ['LEG-FEAT-04'], {
    features: ANY_LAYOUT + 2 ** mergeableBuffers + 2 ** controlMacAddress,
    after: [chain(2, [MAC_COMMAND], [1])],
  }),
  shimCase('network', 'broken driver', 'value', ['LEG-NET-05'], {
    features: ANY_LAYOUT + 2 ** feature.unused,
  }),
  shimCase('entropy', 'features while it works', 'memory', ['LEG-FEAT-04'], {
    features: ANY_LAYOUT + 2 ** feature.ringEventIndex,
    after: [out(4, 4, 0), chain(0, [], [1])],
  }),
  shimCase('block', 'request types', 'memory', [], {
    after: [chain(0, [blockHeader([0, 0, 0, 0x80])], [1])],
  }),
  shimCase('block', 'write cache', 'value', [], { features: ANY_LAYOUT + 2 ** configWriteCache }),
  shimCase('balloon', 'first statistics', 'what reached the world behind', [], {
    features: ANY_LAYOUT + 2 ** statisticsQueue,
    after: [chain(2, [[]], [])],
  }),
  shimCase('scsi', 'framing', 'memory', [], {
    features: 0,
    setup: { queueSize: 4 },
    after: [{ ...chain(0, [SCSI_TEST], [108]), chain: { queue: 2, readable: [SCSI_TEST], writable: [108] } }],
  }),
  shimCase('p9', 'end of the configuration', 'value', [], {}),
];
