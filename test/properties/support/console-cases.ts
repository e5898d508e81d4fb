import fc from 'fast-check';
import { picks } from '../../../src/testing/index.ts';
import { defaultTransportFeatures, feature } from '../../../src/virtio/index.ts';
import { anyWay, type RigOptions } from './rigs.ts';

/** What happens to the ports of a console, on either side or in between. */
export type Step =
  | { readonly do: 'write' | 'send' | 'take'; readonly port: number; readonly bytes: number }
  | { readonly do: 'driver-open' | 'driver-close' | 'host-open'; readonly port: number }
  | { readonly do: 'host-close' | 'remove'; readonly port: number; readonly calm: boolean }
  | { readonly do: 'add'; readonly port: number; readonly open: boolean }
  | { readonly do: 'resize'; readonly port: number; readonly columns: number; readonly rows: number }
  | { readonly do: 'emergency'; readonly character: number }
  | { readonly do: 'release'; readonly pick: number }
  | { readonly do: 'arrive' }
  | { readonly do: 'wait' };

export interface Case extends RigOptions {
  /** 0 for a device without MULTIPORT. */
  readonly maxPorts: number;
  readonly offersSize: boolean;
  readonly rowsFirst: boolean;
  readonly queueSize: number;
  readonly controlQueueSize: number;
  readonly ringFeatures: readonly number[];
  readonly buffers: number;
  readonly bufferBytes: number;
  readonly capacity: number;
  readonly order: readonly number[];
  readonly steps: readonly Step[];
  readonly releases: number;
}

export const OFFERED = [...defaultTransportFeatures, feature.ringPacked, feature.inOrder];

const port = fc.nat(2);
const bytes = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 1, max: 40 }) },
  { weight: 1, arbitrary: fc.integer({ min: 41, max: 600 }) },
);
const step: fc.Arbitrary<Step> = fc.oneof<fc.WeightedArbitrary<Step>[]>(
  { weight: 6, arbitrary: fc.record({ do: fc.constantFrom('write', 'send'), port, bytes }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('take'), port, bytes }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constantFrom('driver-open', 'driver-close', 'host-open'), port }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constantFrom('host-close', 'remove'), port, calm: fc.boolean() }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('add'), port, open: fc.boolean() }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('resize'),
      port,
      columns: fc.integer({ min: 1, max: 0xffff }),
      rows: fc.integer({ min: 1, max: 0xffff }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('emergency'), character: fc.integer({ min: 1, max: 255 }) }),
  },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('release'), pick: fc.nat(7) }) },
  { weight: 1, arbitrary: fc.constant({ do: 'arrive' }) },
  { weight: 1, arbitrary: fc.constant({ do: 'wait' }) },
);

export const cases: fc.Arbitrary<Case> = fc
  .record({
    way: anyWay,
    bigEndian: fc.boolean(),
    intx: fc.boolean(),
    lateInterrupts: fc.boolean(),
    lateWrites: fc.boolean(),
    maxPorts: fc.constantFrom(3, 2, 1, 0),
    offersSize: fc.boolean(),
    rowsFirst: fc.boolean(),
    queueSize: fc.constantFrom(4, 1, 2, 16),
    controlQueueSize: fc.constantFrom(4, 1, 8),
    ringFeatures: fc.subarray([
      feature.ringIndirectDescriptors,
      feature.ringEventIndex,
      feature.notifyOnEmpty,
      feature.ringPacked,
      feature.inOrder,
    ]),
    buffers: fc.constantFrom(2, 1, 5),
    bufferBytes: fc.constantFrom(16, 1, 64, 333),
    capacity: fc.constantFrom(100_000, 1, 7, 64),
    order: picks,
    steps: fc.array(step, { maxLength: 40, size: 'max' }),
    releases: fc.nat(8),
  })
  .map((each) => ({
    ...each,
    // NOTIFY_ON_EMPTY is a legacy feature: a modern driver has no business with it.
    ringFeatures: each.ringFeatures.filter(
      (bit) => bit !== feature.notifyOnEmpty || !each.way.by.startsWith('modern'),
    ),
  }));

/** The least that showed bytes of a port that was pulled out, on their way still when the next port stood there. */
export const pulledOut: Case = {
  way: { by: 'legacy', kind: 'legacy' },
  bigEndian: false,
  intx: false,
  lateInterrupts: true,
  lateWrites: false,
  maxPorts: 3,
  offersSize: false,
  rowsFirst: false,
  queueSize: 4,
  controlQueueSize: 4,
  ringFeatures: [],
  buffers: 2,
  bufferBytes: 16,
  capacity: 100_000,
  order: [0],
  steps: [
    { do: 'wait' },
    { do: 'send', port: 0, bytes: 1 },
    { do: 'remove', port: 0, calm: false },
    { do: 'add', port: 0, open: false },
  ],
  releases: 0,
};
