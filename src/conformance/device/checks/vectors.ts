import { setCommand } from '../../../driver/index.ts';
import { command, messageControl } from '../../../pci/layout/index.ts';
import { commonConfig, legacyVectors, NO_VECTOR } from '../../../virtio/layout/index.ts';
import type { Bench } from '../bench.ts';
import type { Check } from '../check.ts';
import {
  changingFeatures,
  enableMsix,
  messageControlOf,
  msixAt,
  queueNumbers,
  selectQueue,
  usesMessages,
} from '../probe.ts';

/** Something that a vector is mapped to: `null` for changes of the configuration, else a queue. */
type Event = number | null;

/** The vector registers, with MSI-X on; a legacy function has them then only. */
class Vectors {
  readonly count: number;
  readonly events: readonly Event[];
  readonly #bench: Bench;

  constructor(bench: Bench) {
    const at = msixAt(bench);
    this.#bench = bench;
    bench.transport.reset();
    enableMsix(bench, at, true);
    this.count = (messageControlOf(bench, at) & messageControl.tableSize) + 1;
    this.events = [null, ...queueNumbers(bench)];
  }

  /** Its register, with its queue selected. */
  #register(event: Event) {
    const { config, queue } = this.#bench.modern
      ? { config: commonConfig.configMsixVector, queue: commonConfig.queueMsixVector }
      : { config: legacyVectors.configMsixVector, queue: legacyVectors.queueMsixVector };
    if (event === null) return config;
    selectQueue(this.#bench, event);
    return queue;
  }

  read(event: Event): number {
    return this.#bench.get(this.#register(event));
  }

  /** @returns what the register reads then. */
  map(event: Event, vector: number): number {
    const register = this.#register(event);
    this.#bench.put(register, vector);
    return this.#bench.get(register);
  }
}

const named = (event: Event) => (event === null ? 'configuration changes' : `queue ${event}`);
const hex = (value: number) => `0x${value.toString(16)}`;

/** MSI-X vectors of the events of a device. */
export const vectorChecks: readonly Check[] = [
  {
    id: 'vectors-are-none-after-reset',
    clauses: ['PCI-MSIX-07'],
    settings: ['legacy', 'modern'],
    says: 'after a reset no event has a vector',
    run(bench) {
      const vectors = new Vectors(bench);
      for (const event of vectors.events) vectors.map(event, 0);
      bench.transport.reset();
      for (const event of vectors.events)
        bench.equal('PCI-MSIX-07', `vector of ${named(event)} after a reset`, vectors.read(event), NO_VECTOR);
    },
  },
  {
    id: 'vectors-map',
    clauses: ['PCI-MSIX-02', 'PCI-MSIX-04', 'PCI-MSIX-06'],
    settings: ['legacy', 'modern'],
    says: 'any event can be mapped to any vector of the table, and its register says so',
    run(bench) {
      const vectors = new Vectors(bench);
      const last = vectors.count - 1;
      for (const event of vectors.events)
        for (const vector of new Set([0, last >> 1, last])) {
          const seen = vectors.map(event, vector);
          vectors.map(event, NO_VECTOR);
          // The register shows what was written, or that it was not taken.
          const shown = seen === vector || seen === NO_VECTOR;
          bench.check(
            'PCI-MSIX-06',
            shown,
            `vector ${vector} of ${named(event)}, or ${hex(NO_VECTOR)}`,
            hex(seen),
          );
          const clause = vector === last && last > 0 ? 'PCI-MSIX-02' : 'PCI-MSIX-04';
          bench.equal(clause, `vector of ${named(event)}, of ${vectors.count} in the table`, seen, vector);
        }
    },
  },
  {
    id: 'vectors-map-together',
    clauses: ['PCI-MSIX-08'],
    settings: ['legacy', 'modern'],
    says: 'all events can have vectors at once, each its own or all the same',
    run(bench) {
      const vectors = new Vectors(bench);
      const { events, count } = vectors;
      for (const vectorOf of [(_: Event, i: number) => i % count, () => 0]) {
        for (const [i, event] of events.entries()) vectors.map(event, vectorOf(event, i));
        for (const [i, event] of events.entries())
          bench.equal(
            'PCI-MSIX-08',
            `vector of ${named(event)}, with ${events.length} events mapped`,
            vectors.read(event),
            vectorOf(event, i),
          );
        for (const event of events) vectors.map(event, NO_VECTOR);
      }
    },
  },
  {
    id: 'vectors-unmap',
    clauses: ['PCI-MSIX-05'],
    settings: ['legacy', 'modern'],
    says: 'any event can be left without a vector again',
    run(bench) {
      const vectors = new Vectors(bench);
      for (const event of vectors.events) {
        vectors.map(event, 0);
        bench.equal('PCI-MSIX-05', `vector of ${named(event)}`, vectors.map(event, NO_VECTOR), NO_VECTOR);
      }
    },
  },
  {
    id: 'vectors-beyond-the-table',
    clauses: ['PCI-MSIX-09'],
    settings: ['legacy', 'modern'],
    says: 'a vector that the table does not have is shown as none',
    run(bench) {
      const vectors = new Vectors(bench);
      for (const event of vectors.events)
        for (const vector of [vectors.count, 0x800, 0xfffe])
          if (vector >= vectors.count)
            bench.equal(
              'PCI-MSIX-09',
              `vector of ${named(event)}, ${hex(vector)} having been written`,
              vectors.map(event, vector),
              NO_VECTOR,
            );
    },
  },
  {
    id: 'queue-without-vector-is-silent',
    clauses: ['PCI-USED-01'],
    says: 'with MSI-X on, a queue without a vector leads to no interrupt',
    async run(bench) {
      msixAt(bench);
      const running = bench.start();
      const { request, signals } = running;
      if (!usesMessages(bench)) bench.skip('MSI-X cannot be used');
      const { address, interruptLine } = bench.found;
      let pins = 0;
      const release = bench.bus.interrupts.connectLine(interruptLine, () => {
        pins++;
        return bench.registers.isr() !== 0;
      });
      setCommand(bench.bus, address, 0, command.interruptDisable);
      try {
        selectQueue(bench, request.queue);
        bench.put(bench.modern ? commonConfig.queueMsixVector : legacyVectors.queueMsixVector, NO_VECTOR);
        // What a device has to tell when it starts is told then.
        await bench.lull();
        const before = signals.queue;
        await bench.ask(running, 'PCI-USED-01');
        await bench.lull();
        bench.equal('PCI-USED-01', 'messages for queues', signals.queue - before, 0);
        bench.equal('PCI-USED-01', 'interrupts by the pin', pins, 0);
      } finally {
        release();
      }
    },
  },
  {
    id: 'configuration-without-vector-is-silent',
    clauses: ['PCI-CHG-02'],
    says: 'with MSI-X on, a change of configuration without a vector leads to no interrupt',
    async run(bench) {
      msixAt(bench);
      const change = bench.hand('changeConfig');
      const { signals } = bench.start({ features: changingFeatures(bench) });
      if (!usesMessages(bench)) bench.skip('MSI-X cannot be used');
      bench.put(bench.modern ? commonConfig.configMsixVector : legacyVectors.configMsixVector, NO_VECTOR);
      await change();
      await bench.lull();
      bench.equal('PCI-CHG-02', 'messages for configuration changes', signals.config, 0);
    },
  },
];
