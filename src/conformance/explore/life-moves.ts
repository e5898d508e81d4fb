import { inOrder, type Register, type Width } from '../../core/index.ts';
import {
  availableRingBytes,
  commonConfig,
  DESCRIPTOR_BYTES,
  deviceStatus,
  FEATURE_WORDS,
  feature,
  queueTransitions,
  usedRingBytes,
} from '../../virtio/layout/index.ts';
import type { Model, Move } from './model.ts';
import { addressRegisters, readFeatures, readSize, select, statusOf } from './register-moves.ts';

const SHOWS = 'PCI-LAY-03';
const { acknowledge, driver, featuresOk, driverOk, failed } = deviceStatus;

/** The word of VERSION_1 and RING_RESET, and the two bits in it. */
const WORD = feature.version1 >> 5;
const VERSION = 2 ** (feature.version1 & 31);
const RING_RESET = 2 ** (feature.ringReset & 31);
const withReset = (b: number) => b % 2 === 1;

/** The first few queues, the first of all most often: many devices have no other. */
const queueOf = (a: number) => [0, 0, 0, 0, 0, 1, 2, 3][a % 8]!;

/** Features are settled, and nothing failed. */
function settled({ status, bench }: Readonly<Model>): boolean {
  return (status & (bench.modern ? featuresOk : driver)) !== 0 && (status & failed) === 0;
}

/** What the table of a queue's life has for an action; null where a driver may not do it, or nothing is known of the queue. */
function next(model: Readonly<Model>, action: keyof typeof queueTransitions, queue: number) {
  const state = model.queue(queue);
  const transition = state === null ? null : queueTransitions[action][state];
  return transition !== null && state !== 'absent' && 'to' in transition ? transition.to : null;
}

function raise(model: Model, bit: number): void {
  const { bench } = model;
  const register = statusOf(bench);
  const wanted = model.status | bit;
  bench.put(register, wanted);
  bench.equal(bench.modern ? 'PCI-COM-07' : 'LEG-LAY-06', 'device status', bench.get(register), wanted);
  model.status = wanted;
}

/** Where a ring is put, in the order of the registers for its addresses. */
function placeRing({ bench: { memory } }: Model, size: number): number[] {
  const places = [DESCRIPTOR_BYTES * size, availableRingBytes(size), usedRingBytes(size)];
  return places.flatMap((bytes) => [memory.allocate(bytes), 0]);
}

/** Fields of the type's configuration that there is room for. */
function fieldsOf({ bench }: Readonly<Model>): readonly (readonly [name: string, register: Register])[] {
  const { configBytes } = bench.registers;
  return inOrder(bench.type.config).filter(
    ([, { offset, width }]) => configBytes !== null && offset + width <= configBytes,
  );
}

/** The life of the device, of its queues and of its configuration, beside the registers. */
export const lifeMoves: readonly Move[] = [
  {
    name: 'negotiate',
    modernOnly: false,
    clauses: ['PCI-COM-07', 'PCI-COM-04', 'LEG-LAY-06'],
    text: (_, b) => `negotiate${withReset(b) ? ', with RING_RESET' : ''}`,
    possible: ({ status, bench }) =>
      (status & ((bench.modern ? featuresOk : driver) | failed | driverOk)) === 0,
    make(model, _, b) {
      const { bench } = model;
      raise(model, acknowledge);
      raise(model, driver);
      if (!bench.modern) return;
      for (let word = 0; word < FEATURE_WORDS; word++) {
        const wanted = word === WORD ? VERSION + (withReset(b) ? RING_RESET : 0) : 0;
        const value = (readFeatures(model, word) & wanted) >>> 0;
        bench.put(commonConfig.driverFeatureSelect, word);
        bench.put(commonConfig.driverFeature, value);
        bench.equal(
          'PCI-COM-04',
          `driver_feature, word ${word}`,
          bench.get(commonConfig.driverFeature),
          value,
        );
        model.accepted.set(word, value);
      }
      raise(model, featuresOk);
    },
  },
  {
    name: 'driver-ok',
    modernOnly: false,
    clauses: ['PCI-COM-07', 'LEG-LAY-06'],
    text: () => 'write deviceStatus, DRIVER_OK',
    possible: (model) => settled(model) && model.idle,
    make: (model) => raise(model, driverOk),
  },
  {
    name: 'failed',
    modernOnly: false,
    clauses: ['PCI-COM-07', 'LEG-LAY-06'],
    text: () => 'write deviceStatus, FAILED',
    possible: ({ status }) => (status & driver) !== 0 && (status & failed) === 0,
    make: (model) => raise(model, failed),
  },
  {
    name: 'enable-queue',
    modernOnly: true,
    clauses: [SHOWS, 'PCI-COM-10'],
    text: (a) => `write the addresses of queue ${queueOf(a)}, queueEnable 1`,
    possible: (model, a) =>
      settled(model) &&
      model.idle &&
      (!model.sizes.has(queueOf(a)) || next(model, 'enable', queueOf(a)) !== null),
    make(model, a) {
      const { bench } = model;
      const queue = queueOf(a);
      const size = readSize(model, queue);
      model.sizes.set(queue, size);
      if (size === 0) return;
      if (model.queue(queue) === 'unset')
        for (const [i, value] of placeRing(model, size).entries()) {
          bench.put(commonConfig[addressRegisters[i]!], value);
          if (queue === 0) model.addresses.set(addressRegisters[i]!, value);
        }
      bench.put(commonConfig.queueEnable, 1);
      bench.equal(SHOWS, `queue_enable of queue ${queue}`, bench.get(commonConfig.queueEnable), 1);
      if (model.has(feature.ringReset))
        bench.equal('PCI-COM-10', `queue_reset of queue ${queue}`, bench.get(commonConfig.queueReset), 0);
      model.queues.set(queue, next(model, 'enable', queue)!);
    },
  },
  {
    name: 'reset-queue',
    modernOnly: true,
    clauses: ['PCI-COM-13'],
    text: (a) => `write queueReset 1 of queue ${queueOf(a)}`,
    possible: (model, a) =>
      settled(model) && model.has(feature.ringReset) && next(model, 'reset', queueOf(a)) !== null,
    async make(model, a) {
      const { bench } = model;
      const queue = queueOf(a);
      select(model, queue);
      bench.put(commonConfig.queueReset, 1);
      const shown = () => bench.get(commonConfig.queueReset);
      await bench.until('PCI-COM-13', `queue_reset 0 of queue ${queue}`, () => shown() === 0);
      bench.equal('PCI-COM-13', `queue_enable of queue ${queue}`, bench.get(commonConfig.queueEnable), 0);
      model.queues.delete(queue);
      model.vectors.delete(queue);
      if (queue === 0) model.addresses.clear();
    },
  },
  {
    name: 'read-queue',
    modernOnly: true,
    clauses: [SHOWS, 'PCI-COM-08'],
    text: (a) => `read queueEnable of queue ${queueOf(a)}`,
    possible: (model, a) => model.queue(queueOf(a)) !== null,
    make(model, a) {
      const { bench } = model;
      const queue = queueOf(a);
      select(model, queue);
      const ready = model.queue(queue) === 'ready';
      const clause = ready ? SHOWS : 'PCI-COM-08';
      bench.equal(
        clause,
        `queue_enable of queue ${queue}`,
        bench.get(commonConfig.queueEnable),
        ready ? 1 : 0,
      );
    },
  },
  {
    name: 'read-config',
    modernOnly: true,
    clauses: ['PCI-COM-06'],
    text: (a) => `read field ${a % 16} of the device configuration, and configGeneration`,
    possible: (model) => fieldsOf(model).length > 0,
    make(model, a) {
      const { bench } = model;
      const fields = fieldsOf(model);
      const [name, { offset, width }] = fields[(a % 16) % fields.length]!;
      const value = bench.config(offset, Math.min(width, 4) as Width);
      const generation = bench.get(commonConfig.configGeneration);
      const before = model.fields.get(name);
      model.fields.set(name, { value, generation });
      if (before !== undefined && before.generation === generation)
        bench.equal('PCI-COM-06', `${name} in generation ${generation}`, value, before.value);
    },
  },
];
