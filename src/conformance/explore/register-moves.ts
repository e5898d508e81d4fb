import type { Register } from '../../core/index.ts';
import {
  commonConfig,
  deviceStatus,
  FEATURE_WORDS,
  feature,
  legacyHeader,
  NO_VECTOR,
} from '../../virtio/layout/index.ts';
import type { Bench } from '../device/index.ts';
import { featureWordsAndMore, type Model, type Move } from './model.ts';

const hex = (value: number) => `0x${value.toString(16)}`;
export const statusOf = ({ modern }: Bench): Register =>
  modern ? commonConfig.deviceStatus : legacyHeader.deviceStatus;

/** The steps of a driver, in order; a legacy driver leaves FEATURES_OK out. */
const steps = [deviceStatus.acknowledge, deviceStatus.driver, deviceStatus.featuresOk] as const;

function nextStep({ status, bench }: Readonly<Model>): number | null {
  if ((status & deviceStatus.failed) !== 0) return null;
  return (
    steps.find((bit) => (status & bit) === 0 && (bench.modern || bit !== deviceStatus.featuresOk)) ?? null
  );
}

/** Queue numbers that are tried: the first few, and two that hardly exist. */
const queueOf = (a: number) => [0, 1, 2, 3, 4, 63, 1000, 0xffff][a % 8]!;

export function select({ bench }: Model, queue: number): void {
  bench.put(bench.modern ? commonConfig.queueSelect : legacyHeader.queueSelect, queue);
}

export function readSize(model: Model, queue: number): number {
  select(model, queue);
  return model.bench.get(model.bench.modern ? commonConfig.queueSize : legacyHeader.queueSize);
}

export const addressRegisters = [
  'queueDescriptorLow',
  'queueDescriptorHigh',
  'queueDriverLow',
  'queueDriverHigh',
  'queueDeviceLow',
  'queueDeviceHigh',
] as const;

async function reset(model: Model): Promise<void> {
  const { bench } = model;
  bench.put(statusOf(bench), 0);
  await bench.until('BF-RST-01', 'status 0 after a reset', () => bench.get(statusOf(bench)) === 0);
  const used = [...new Set([...model.vectors.keys(), ...model.queues.keys(), 0])].filter(
    (queue) => queue >= 0,
  );
  model.reset();
  if (!bench.modern) return;
  for (const queue of used) {
    select(model, queue);
    bench.equal(
      'PCI-COM-08',
      `queue_enable of queue ${queue} after a reset`,
      bench.get(commonConfig.queueEnable),
      0,
    );
    const vector = bench.get(commonConfig.queueMsixVector);
    bench.equal('PCI-MSIX-07', `vector of queue ${queue} after a reset`, vector, NO_VECTOR);
  }
  bench.equal(
    'PCI-MSIX-07',
    'configuration vector after a reset',
    bench.get(commonConfig.configMsixVector),
    NO_VECTOR,
  );
}

export function readFeatures(model: Model, word: number): number {
  const { bench } = model;
  if (!bench.modern) return bench.get(legacyHeader.deviceFeatures);
  bench.put(commonConfig.deviceFeatureSelect, word);
  return bench.get(commonConfig.deviceFeature);
}

/** Vectors that exist: those of an MSI-X table; 0 where there is none. */
const vectorsOf = ({ bench }: Readonly<Model>) => bench.vectors;

function mapVector(model: Model, queue: number, vector: number): void {
  const { bench } = model;
  const register = queue < 0 ? commonConfig.configMsixVector : commonConfig.queueMsixVector;
  if (queue >= 0) select(model, queue);
  bench.put(register, vector);
  const shown = bench.get(register);
  bench.check(
    'PCI-MSIX-06',
    shown === vector || shown === NO_VECTOR,
    `vector ${hex(vector)}, or 0xffff where it cannot be mapped`,
    hex(shown),
  );
  model.vectors.set(queue, shown);
}

/** What a driver does to registers before it starts the device. */
export const registerMoves: readonly Move[] = [
  {
    name: 'status',
    modernOnly: false,
    clauses: ['PCI-COM-07', 'LEG-LAY-06'],
    text: () => 'write deviceStatus, the next step',
    possible: (model) => nextStep(model) !== null,
    make(model) {
      const { bench } = model;
      const bit = nextStep(model)!;
      const wanted = model.status | bit;
      bench.put(statusOf(bench), wanted);
      const shown = bench.get(statusOf(bench));
      // A device may refuse the features.
      if (bit === deviceStatus.featuresOk && shown === model.status) return;
      bench.equal(bench.modern ? 'PCI-COM-07' : 'LEG-LAY-06', 'device status', shown, wanted);
      model.status = wanted;
    },
  },
  {
    name: 'reset',
    modernOnly: false,
    clauses: ['BF-RST-01', 'PCI-COM-08', 'PCI-MSIX-07'],
    text: () => 'write deviceStatus 0x00',
    possible: () => true,
    make: reset,
  },
  {
    name: 'read-features',
    modernOnly: false,
    clauses: ['PCI-COM-03', 'BF-FEAT-13'],
    text: (a) => `read deviceFeature, word ${a % featureWordsAndMore}`,
    possible: ({ bench }, a) => bench.modern || a % featureWordsAndMore === 0,
    make(model, a) {
      const { bench } = model;
      const word = a % featureWordsAndMore;
      const shown = readFeatures(model, word);
      if (word >= FEATURE_WORDS) bench.equal('PCI-COM-03', `device_feature, word ${word}`, shown, 0);
      const before = model.offered.get(word);
      model.offered.set(word, shown);
      if (before !== undefined)
        bench.equal('BF-FEAT-13', `features offered, word ${word}, as they were before`, shown, before);
    },
  },
  {
    name: 'write-features',
    modernOnly: true,
    clauses: ['PCI-COM-04'],
    text: (a, b) => `write driverFeature, word ${a % FEATURE_WORDS}, what is offered of ${hex(b)}`,
    possible: (model) => model.negotiating,
    make(model, a, b) {
      const { bench } = model;
      const word = a % FEATURE_WORDS;
      const version = word === feature.version1 >> 5 ? 1 << (feature.version1 & 31) : 0;
      const value = (readFeatures(model, word) & (b | (b << 16) | version)) >>> 0;
      bench.put(commonConfig.driverFeatureSelect, word);
      bench.put(commonConfig.driverFeature, value);
      bench.equal('PCI-COM-04', `driver_feature, word ${word}`, bench.get(commonConfig.driverFeature), value);
      model.accepted.set(word, value);
    },
  },
  {
    name: 'read-accepted',
    modernOnly: true,
    clauses: ['PCI-COM-04'],
    text: (a) => `read driverFeature, word ${a % FEATURE_WORDS}`,
    possible: (model, a) => model.accepted.has(a % FEATURE_WORDS),
    make(model, a) {
      const { bench } = model;
      const word = a % FEATURE_WORDS;
      bench.put(commonConfig.driverFeatureSelect, word);
      const shown = bench.get(commonConfig.driverFeature);
      bench.equal('PCI-COM-04', `driver_feature, word ${word}`, shown, model.accepted.get(word)!);
    },
  },
  {
    name: 'read-size',
    modernOnly: false,
    clauses: ['PCI-COM-14', 'PCI-COM-15', 'LEG-VQ-03'],
    text: (a) => `write queueSelect ${hex(queueOf(a))}, read queueSize`,
    possible: () => true,
    make(model, a) {
      const { bench } = model;
      const queue = queueOf(a);
      const shown = readSize(model, queue);
      const power = (shown & (shown - 1)) === 0;
      if (bench.setting !== 'packed')
        bench.check('PCI-COM-15', power, `a size of queue ${queue} that is 0 or a power of two`, hex(shown));
      const before = model.sizes.get(queue);
      model.sizes.set(queue, shown);
      if (before !== undefined)
        bench.equal(bench.modern ? 'PCI-COM-14' : 'LEG-VQ-03', `size of queue ${queue}`, shown, before);
    },
  },
  {
    name: 'write-address',
    modernOnly: true,
    clauses: ['PCI-LAY-03'],
    text: (a, b) => `write ${addressRegisters[a % 6]} of queue 0 ${hex((b << 12) >>> 0)}`,
    possible: (model) => model.idle && model.queue(0) !== 'ready',
    make(model, a, b) {
      const { bench } = model;
      const name = addressRegisters[a % 6]!;
      select(model, 0);
      bench.put(commonConfig[name], (b << 12) >>> 0);
      model.addresses.set(name, (b << 12) >>> 0);
      for (const [each, value] of model.addresses)
        bench.equal('PCI-LAY-03', each, bench.get(commonConfig[each as typeof name]), value);
    },
  },
  {
    name: 'map-vector',
    modernOnly: true,
    clauses: ['PCI-MSIX-06'],
    text: (a, b) =>
      `write ${a % 4 === 3 ? 'configMsixVector' : `queueMsixVector of queue ${a % 4}`}, vector ${b} of those that exist`,
    possible: (model, a) =>
      vectorsOf(model) > 0 &&
      (a % 4 === 3 || ((model.sizes.get(a % 4) ?? 0) > 0 && model.queue(a % 4) !== 'ready')),
    make(model, a, b) {
      const queue = a % 4 === 3 ? -1 : a % 4;
      const count = vectorsOf(model);
      mapVector(model, queue, b % (count + 1) === count ? NO_VECTOR : b % (count + 1));
    },
  },
  {
    name: 'read-vectors',
    modernOnly: true,
    clauses: ['PCI-MSIX-06'],
    text: () => 'read every vector that was written',
    possible: (model) => model.vectors.size > 0,
    make(model) {
      const { bench } = model;
      for (const [queue, vector] of model.vectors) {
        if (queue >= 0) select(model, queue);
        const register = queue < 0 ? commonConfig.configMsixVector : commonConfig.queueMsixVector;
        bench.equal(
          'PCI-MSIX-06',
          queue < 0 ? 'configuration vector' : `vector of queue ${queue}`,
          bench.get(register),
          vector,
        );
      }
    },
  },
];
