import fc from 'fast-check';
import { lengthOf } from '../../../src/core/index.ts';
import { type0Header } from '../../../src/pci/layout/index.ts';
import {
  accesses,
  anyAccess,
  type RegisterAccess,
  type RingEdit,
  ringEdits,
  values,
  widths,
} from '../../../src/testing/index.ts';
import {
  commonConfig,
  feature,
  legacyHeader,
  legacyHeaderWithVectors,
} from '../../../src/virtio/layout/index.ts';
import { kitOf, kitTypes } from '../kits/index.ts';
import type { KitChain } from '../kits/kit.ts';
import {
  BUFFER_SLOT,
  BUFFER_SLOTS,
  BUFFERS,
  LOW_RAM,
  MESSAGES,
  MOST_QUEUES,
  ringPage,
  type Setup,
} from './worlds.ts';

/** Something that a guest does, or (the last three) that time does. `fn` counts the guest's functions from 0. */
export type Operation =
  /** A port of the I/O BAR, wherever its register says that it is. */
  | { readonly do: 'port'; readonly fn: number; readonly access: RegisterAccess }
  /** A port anywhere, the configuration ports included. */
  | { readonly do: 'any-port'; readonly access: RegisterAccess }
  /** A port of one function, and at the same time one of the other that depends on nothing and brings no interrupt. */
  | {
      readonly do: 'at-once';
      readonly fn: number;
      readonly access: RegisterAccess;
      readonly other: RegisterAccess;
      /** Which of the answers that wait comes next. */
      readonly picks: readonly number[];
    }
  | { readonly do: 'config'; readonly fn: number; readonly access: RegisterAccess }
  /** The BAR of the MSI-X table. */
  | { readonly do: 'table'; readonly fn: number; readonly access: RegisterAccess }
  /** The BAR of the modern structures, where there is one. */
  | { readonly do: 'structure'; readonly fn: number; readonly access: RegisterAccess }
  /** Power management control. */
  | { readonly do: 'power'; readonly fn: number; readonly state: number }
  | { readonly do: 'command'; readonly fn: number; readonly bits: number }
  | { readonly do: 'move'; readonly fn: number; readonly bar: 0 | 1; readonly address: number }
  | { readonly do: 'msix'; readonly fn: number; readonly control: number }
  | {
      readonly do: 'vector';
      readonly fn: number;
      readonly entry: number;
      readonly address: number;
      readonly data: number;
      readonly masked: boolean;
    }
  /** What a driver does to start: reset, features, queue, vectors, DRIVER_OK. */
  | {
      readonly do: 'bring-up';
      readonly fn: number;
      /** Which of their places the rings have. */
      readonly place: number;
      readonly features: number;
      /** Where the vectors' messages go, or null for no MSI-X. */
      readonly messages: number | null;
    }
  /** A chain of the device type's own, good or bad, on its nth queue. */
  | {
      readonly do: 'chain';
      readonly fn: number;
      readonly nth: number;
      readonly chain: KitChain;
      /** Which place of memory its buffers have. */
      readonly slot: number;
      /** First descriptor. */
      readonly head: number;
      readonly indirect: boolean;
      readonly kick: boolean;
    }
  /** Something happens behind the function: a frame arrives, a disk grows. */
  | { readonly do: 'stimulus'; readonly fn: number; readonly stimulus: unknown }
  | { readonly do: 'ring'; readonly fn: number; readonly nth: number; readonly edit: RingEdit }
  | { readonly do: 'kick'; readonly fn: number; readonly queue: number }
  | { readonly do: 'reset'; readonly fn: number }
  | { readonly do: 'arrive'; readonly fn: number; readonly all: boolean }
  | { readonly do: 'work'; readonly pick: number }
  | { readonly do: 'settle' };

/** One case: a setup, how the guest starts, and what it does then. */
export interface Case {
  readonly setup: Setup;
  readonly start: readonly Operation[];
  readonly operations: readonly Operation[];
}

type Op<K extends Operation['do']> = Extract<Operation, { do: K }>;

/** An operation of one kind, its fields drawn independently. */
function op<K extends Operation['do']>(
  what: K,
  fields: { [F in Exclude<keyof Op<K>, 'do'>]: fc.Arbitrary<Op<K>[F]> },
): fc.Arbitrary<Operation> {
  return fc.record({ do: fc.constant(what), ...fields }) as fc.Arbitrary<Operation>;
}

type Weighted = fc.WeightedArbitrary<Operation>;
const weigh = (weight: number, arbitrary: fc.Arbitrary<Operation>): Weighted => ({ weight, arbitrary });

/** Ring features and the type's own in any mix, and now and then anything at all. */
const ringBits = [
  feature.notifyOnEmpty,
  feature.anyLayout,
  feature.ringIndirectDescriptors,
  feature.ringEventIndex,
];
const features = (type: string) =>
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc
        .subarray([...kitOf(type).features, ...ringBits])
        .map((some) => some.reduce((word, bit) => word + 2 ** bit, 0)),
    },
    { weight: 1, arbitrary: values(4) },
  );

/** A byte before the end of the longest block, and some after it. */
const blockBytes = (types: readonly string[]) =>
  lengthOf(legacyHeaderWithVectors) +
  8 +
  Math.max(...types.map((type) => kitOf(type).make(4).behaviour.config.length));

const at = (start: number, access: fc.Arbitrary<RegisterAccess>) =>
  access.map((each) => ({ ...each, offset: start + each.offset }));
/** The configuration ports: an address of one of the functions into the first, data through the second. */
const configurationPorts = fc.oneof(
  fc.tuple(fc.constantFrom(0x20, 0x40), fc.nat(0x1f)).map(([fn, register]) => ({
    offset: 0xcf8,
    width: 4 as const,
    value: 0x80000000 + fn * 256 + 4 * register,
  })),
  at(0xcfc, anyAccess(4)),
  at(0xcf8, anyAccess(4)),
);
const anyPort = fc.oneof(
  { weight: 1, arbitrary: anyAccess(0xffff) },
  { weight: 3, arbitrary: configurationPorts },
);
const select = fc
  .nat(2)
  .map((value) => ({ offset: legacyHeader.queueSelect.offset, width: 2 as const, value }));
/** Registers that may be read at any time, ISR none of them, and a selector. */
const harmless = fc.oneof(
  fc
    .constantFrom<readonly [number, 1 | 2 | 4]>(
      [0, 4],
      [4, 4],
      [8, 4],
      [12, 2],
      [14, 2],
      [18, 1],
      [20, 4],
      [24, 4],
      [28, 2],
    )
    .map(([offset, width]) => ({ offset, width, value: null })),
  select,
);
/** Status: the next step of a driver, or a reset, also by writes wider than the register. */
const status = fc
  .tuple(widths, fc.constantFrom(0, 0x100, 0x8000, 3, 7, 0x107, 0x80))
  .map(([width, value]) => ({ offset: legacyHeader.deviceStatus.offset, width, value }));

/** Numbers of a function's queues that have rings here. */
const nths = (type: string) => Math.min(kitOf(type).queues.length, MOST_QUEUES);

function ringOperations(setup: Setup, fn: number): fc.Arbitrary<Operation> {
  const rings = [0, 1].map((place) => ringPage(fn, 0, place) * 4096);
  const parts = rings.flatMap((ring) => [ring, ring + 16 * setup.queueSize, ring + 4096]);
  const edit = ringEdits({
    size: setup.queueSize,
    addresses: [BUFFERS, BUFFERS + 0x200, BUFFERS + 0x1000, MESSAGES, LOW_RAM, ...parts],
    headers: [BUFFERS, BUFFERS + 16, BUFFERS + 32],
    buffers: [BUFFERS + 0x400, BUFFERS + 0xa00, MESSAGES],
  });
  return op('ring', { fn: fc.constant(fn), nth: fc.nat(nths(setup.types[fn]!) - 1), edit });
}

/** Descriptors of a chain at most: two are kept for chains that are taken apart further. */
const fits = (size: number) => (chain: KitChain) => {
  const buffers = chain.readable.length + chain.writable.length;
  const bytes =
    chain.readable.reduce((sum, { length }) => sum + length, 0) +
    chain.writable.reduce((sum, n) => sum + n, 0);
  return buffers > 0 && buffers <= size && bytes <= BUFFER_SLOT;
};

function chains(setup: Setup, fn: number): fc.Arbitrary<Operation> {
  const kit = kitOf(setup.types[fn]!);
  const used = kit.queues.slice(0, MOST_QUEUES);
  return fc
    .record({
      chain: kit
        .chains(!setup.bigEndian)
        .filter((chain) => used.includes(chain.queue) && fits(setup.queueSize)(chain)),
      slot: fc.nat(BUFFER_SLOTS - 1),
      head: fc.nat(3),
      indirect: fc.constantFrom(false, false, false, true),
      kick: fc.constantFrom(true, true, false),
    })
    .map((each) => ({ do: 'chain', fn, nth: used.indexOf(each.chain.queue), ...each }));
}

const stimuli = (setup: Setup, fn: number): fc.Arbitrary<Operation>[] => {
  const { stimuli } = kitOf(setup.types[fn]!);
  return stimuli === null ? [] : [stimuli.map((stimulus) => ({ do: 'stimulus', fn, stimulus }))];
};

/** Everything that a guest may do with its configuration registers, and with its vectors. */
function configuring(setup: Setup, fn: fc.Arbitrary<number>): Weighted[] {
  const entries = setup.vectors ?? 2;
  const io = fc.constantFrom(0xc000, 0xc100, 0xd000, 0xcc0, 0, 0xffffffff);
  const memory = fc.constantFrom(0xc0000000, 0xc0010000, 0xd0000000, 0x8000, 0, 0xffffffff);
  const messages = fc.oneof(
    fc.constantFrom(0xfee00000, 0xfee00010),
    fc.constantFrom(MESSAGES, MESSAGES + 4, MESSAGES + 8),
    // A ring's own indices: a message there is a guest's mistake, but one with a definite outcome.
    fc.constantFrom(...[0, 1].map((place) => ringPage(0, 0, place) * 4096 + 16 * setup.queueSize)),
  );
  const vector = {
    fn,
    entry: fc.nat(entries - 1),
    address: messages,
    data: fc.nat(4),
    masked: fc.boolean(),
  };
  return [
    weigh(1, op('config', { fn, access: fc.oneof(accesses(type0Header, 0x60), anyAccess(0x120)) })),
    weigh(3, op('command', { fn, bits: fc.oneof(fc.nat(7), fc.constantFrom(7, 3, 0x407)) })),
    weigh(1, op('move', { fn, bar: fc.constant(0), address: io })),
    weigh(1, op('move', { fn, bar: fc.constant(1), address: memory })),
    weigh(1, op('reset', { fn })),
    weigh(2, op('msix', { fn, control: fc.constantFrom(0x8000, 0x8000, 0, 0, 0xc000, 0x4000) })),
    weigh(1, op('vector', vector)),
    weigh(1, op('table', { fn, access: fc.oneof(anyAccess(16 * entries + 4), at(2048, anyAccess(16))) })),
  ];
}

function bringUps(setup: Setup, fn: number): fc.Arbitrary<Operation> {
  return op('bring-up', {
    fn: fc.constant(fn),
    place: fc.nat(2),
    features: features(setup.types[fn]!),
    messages: fc.constantFrom(null, null, 0xfee00000, 0xfee00000, MESSAGES),
  });
}

/** What a guest may do; with held work and writes, what time may do too. */
function anyOperation(setup: Setup, structures: boolean): fc.Arbitrary<Operation> {
  const fn = fc.nat(setup.types.length - 1);
  const each = <T>(of: (fn: number) => T) => setup.types.map((_, index) => of(index));
  const guest = [
    weigh(20, fc.oneof(...each((index) => chains(setup, index)))),
    ...each((index) => stimuli(setup, index).map((stimulus) => weigh(5, stimulus))).flat(),
    weigh(4, fc.oneof(...each((index) => ringOperations(setup, index)))),
    weigh(3, op('kick', { fn, queue: fc.constantFrom(0, 0, 0, 1, 2, 0xffff) })),
    weigh(8, op('port', { fn, access: accesses(legacyHeaderWithVectors, blockBytes(setup.types)) })),
    weigh(1, op('port', { fn, access: select })),
    weigh(1, op('port', { fn, access: status })),
    weigh(2, op('any-port', { access: anyPort })),
    ...(setup.types.length < 2
      ? []
      : [
          weigh(
            8,
            op('at-once', {
              fn,
              access: accesses(legacyHeaderWithVectors, blockBytes(setup.types)),
              other: harmless,
              picks: fc.array(fc.nat(2), { maxLength: 6 }),
            }),
          ),
        ]),
    weigh(3, fc.oneof(...each((index) => bringUps(setup, index)))),
    ...configuring(setup, fn),
  ];
  const time = [
    weigh(20, op('work', { pick: fc.nat(3) })),
    weigh(8, op('arrive', { fn, all: fc.boolean() })),
    weigh(2, op('settle', {})),
  ];
  const common = accesses(commonConfig);
  const generation = { offset: commonConfig.configGeneration.offset, width: 1 as const, value: null };
  const modern = [
    weigh(4, op('structure', { fn, access: fc.oneof(common, at(0x1000, anyAccess(0x3008))) })),
    weigh(1, op('structure', { fn, access: fc.constant(generation) })),
    weigh(2, op('power', { fn, state: fc.nat(3) })),
  ];
  return fc.oneof(...guest, ...(setup.held ? time : []), ...(structures ? modern : []));
}

export interface CaseOptions {
  readonly draft?: string;
  readonly placement?: Setup['placement'];
  readonly held: boolean;
  readonly queueSizes?: readonly number[];
  /** Device types of the functions; by default any one, and some pairs. */
  readonly types?: readonly Setup['types'][];
  /** Operations at most. Worlds are dear and operations cheap: few long cases find more than many short ones. */
  readonly most?: number;
  /** The functions have modern structures and power management that the guest may use as well. */
  readonly structures?: boolean;
}

/** Cases with some of their setup given. */
export function cases(options: CaseOptions): fc.Arbitrary<Case> {
  const {
    draft = 'mmr-2023',
    placement = 'own',
    held,
    queueSizes = [8, 4, 256],
    structures = false,
    most = 40,
    types = [...kitTypes.map((type) => [type]), ['block', 'entropy']],
  } = options;
  const setups: fc.Arbitrary<Setup> = fc.record({
    draft: fc.constant(draft),
    placement: fc.constant(placement),
    held: fc.constant(held),
    types: fc.constantFrom(...types),
    queueSize: fc.constantFrom(...queueSizes),
    bigEndian: fc.boolean(),
    vectors: fc.constantFrom(undefined, undefined, 1, 3),
    handler: fc.constantFrom('none', 'isr', 'isr-and-kick'),
  });
  return setups.chain((setup) =>
    fc.record({
      setup: fc.constant(setup),
      start: fc.tuple(...setup.types.map((_, fn) => bringUps(setup, fn))),
      operations: fc.array(anyOperation(setup, structures), { maxLength: most, size: 'max' }),
    }),
  );
}
