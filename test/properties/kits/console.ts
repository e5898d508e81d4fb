import fc from 'fast-check';
import type { State } from '../../../src/core/index.ts';
import {
  CONSOLE_CONTROL_BYTES,
  ConsoleDevice,
  consoleControl,
  consoleDeviceType,
  consoleEvent,
  consoleFeature,
  consoleQueue,
  consoleReceiveQueue,
  consoleTransmitQueue,
  MemoryConsole,
} from '../../../src/virtio/index.ts';
import type { KitChain, KitDevice, TypeKit } from './kit.ts';

const PORTS = [0, 1] as const;
/** Less than a driver may have under way: it has to wait for somebody to take its output. */
const CAPACITY = 100;

type Stimulus =
  | { readonly do: 'send' | 'take'; readonly port: number; readonly bytes: number }
  | { readonly do: 'open' | 'close' | 'add' | 'remove'; readonly port: number }
  | { readonly do: 'resize'; readonly port: number; readonly columns: number; readonly rows: number };

/** What is behind one port, also while there is no port. */
interface Place {
  host: MemoryConsole;
  plugged: boolean;
  taken: number[];
  sent: number;
}

interface SavedPlace {
  readonly plugged: boolean;
  readonly open: boolean;
  readonly taken: readonly number[];
  readonly sent: number;
  readonly input: readonly number[];
  readonly output: readonly number[];
}

class World implements KitDevice<Stimulus> {
  readonly behaviour: ConsoleDevice;
  readonly #places: Place[];
  #printed: number[] = [];

  constructor(queueSize: number) {
    this.behaviour = new ConsoleDevice({
      maxPorts: PORTS.length,
      offersSize: true,
      queueSize,
      controlQueueSize: queueSize,
      onEmergency: (character) => this.#printed.push(character),
    });
    this.#places = PORTS.map((number) => {
      const place = { host: new MemoryConsole(), plugged: false, taken: [], sent: 0 };
      this.#plug(place, number, true);
      return place;
    });
  }

  #plug(place: Place, number: number, open: boolean): void {
    place.host = new MemoryConsole({ capacity: CAPACITY, open });
    place.plugged = true;
    const size = number === 0 ? { size: { columns: 80, rows: 25 } } : {};
    this.behaviour.addPort({ number, name: `kit.${number}`, backend: place.host, ...size });
  }

  #unplug(place: Place, number: number): void {
    place.plugged = false;
    this.behaviour.removePort(number);
  }

  stimulate(stimulus: Stimulus): void {
    const { port } = stimulus;
    const place = this.#places[port]!;
    const { host, plugged } = place;
    if (!plugged) {
      if (stimulus.do === 'add') this.#plug(place, port, true);
    } else if (stimulus.do === 'send') {
      const first = place.sent;
      place.sent += stimulus.bytes;
      host.send(Uint8Array.from({ length: stimulus.bytes }, (_, i) => (first + i) * 7 + port));
    } else if (stimulus.do === 'take') place.taken.push(...host.take(stimulus.bytes));
    else if (stimulus.do === 'open' || stimulus.do === 'close') host.setOpen(stimulus.do === 'open');
    else if (stimulus.do === 'resize') host.resize(stimulus);
    else if (stimulus.do === 'remove') this.#unplug(place, port);
  }

  outside(): unknown {
    const ports = this.#places.map(({ host, plugged, taken }) =>
      plugged ? [taken, host.output.length, host.input.length, host.driverOpen] : [taken],
    );
    return { printed: this.#printed, ports };
  }

  saveOutside(): State {
    const bytes = (host: MemoryConsole, which: 'input' | 'output') => {
      const all = host[which].shift();
      host[which].push(all);
      return [...all];
    };
    return {
      printed: [...this.#printed],
      places: this.#places.map(({ host, plugged, taken, sent }) => ({
        plugged,
        open: host.open,
        taken: [...taken],
        sent,
        input: bytes(host, 'input'),
        output: bytes(host, 'output'),
      })),
    };
  }

  loadOutside(state: State): void {
    const saved = state as unknown as { printed: number[]; places: SavedPlace[] };
    this.#printed = [...saved.printed];
    for (const [number, place] of this.#places.entries()) {
      const { plugged, open, taken, sent, input, output } = saved.places[number]!;
      if (place.plugged) this.#unplug(place, number);
      if (plugged) this.#plug(place, number, open);
      place.taken = [...taken];
      place.sent = sent;
      place.host.input.push(Uint8Array.from(input));
      place.host.output.push(Uint8Array.from(output));
    }
  }
}

const bytes = (length: number, seed: number) => Array.from({ length }, (_, i) => (seed + 11 * i) & 0xff);
const rarely = <T>(usual: fc.Arbitrary<T>, rare: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 10, arbitrary: usual }, { weight: 1, arbitrary: rare });
const lengths = fc.array(rarely(fc.integer({ min: 1, max: 60 }), fc.nat(700)), {
  minLength: 1,
  maxLength: 3,
});
const ports = fc.constantFrom(...PORTS);

/** A control message of the driver's; now and then of another port, event or value, or cut short. */
function messages(littleEndian: boolean): fc.Arbitrary<number[]> {
  const { deviceReady, portReady, portOpen } = consoleEvent;
  return fc
    .record({
      port: rarely<number>(ports, fc.constantFrom(2, 3, 0xffff, 0xffffffff)),
      event: rarely<number>(fc.constantFrom(deviceReady, portReady, portOpen, portOpen), fc.nat(9)),
      value: rarely(fc.constantFrom(1, 1, 1, 0), fc.constantFrom(2, 0x100, 0xffff)),
      length: rarely(fc.constant(CONSOLE_CONTROL_BYTES), fc.nat(12)),
    })
    .map(({ port, event, value, length }) => {
      const view = new DataView(new ArrayBuffer(12));
      view.setUint32(consoleControl.port.offset, port, littleEndian);
      view.setUint16(consoleControl.event.offset, event, littleEndian);
      view.setUint16(consoleControl.value.offset, value, littleEndian);
      return [...new Uint8Array(view.buffer, 0, length)];
    });
}

/** A message is one descriptor as a rule. */
const control = (littleEndian: boolean): fc.Arbitrary<KitChain> =>
  fc
    .tuple(messages(littleEndian), rarely(fc.constant(0), fc.nat(8)), rarely(fc.constant(0), fc.nat(4)))
    .map(([message, cut, writable]) => ({
      queue: consoleQueue.controlTransmit,
      readable: [message.slice(0, cut), message.slice(cut)].filter(({ length }) => length > 0),
      writable: writable > 0 ? [writable] : [],
    }));

/** Buffers for messages; now and then too short for any. */
const controlBuffers: fc.Arbitrary<KitChain> = fc
  .tuple(rarely<number[]>(fc.constant([64]), lengths), rarely(fc.constant(0), fc.nat(4)))
  .map(([writable, readable]) => ({
    queue: consoleQueue.controlReceive,
    readable: readable > 0 ? [bytes(readable, 0)] : [],
    writable,
  }));

const output: fc.Arbitrary<KitChain> = fc
  .tuple(ports, lengths, fc.nat(255), rarely(fc.constant<number[]>([]), lengths))
  .map(([port, pieces, seed, writable]) => ({
    queue: consoleTransmitQueue(port),
    readable: pieces.map((length, i) => bytes(length, seed + i)),
    writable,
  }));

const buffers: fc.Arbitrary<KitChain> = fc
  .tuple(ports, lengths, rarely(fc.constant(0), fc.nat(20)))
  .map(([port, writable, readable]) => ({
    queue: consoleReceiveQueue(port),
    readable: readable > 0 ? [bytes(readable, 1)] : [],
    writable,
  }));

const stimuli: fc.Arbitrary<Stimulus> = fc.oneof<fc.WeightedArbitrary<Stimulus>[]>(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom('send', 'take'),
      port: ports,
      bytes: fc.integer({ min: 1, max: 150 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constantFrom('open', 'close', 'add', 'remove'), port: ports }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('resize'),
      port: ports,
      columns: fc.nat(0xffff),
      rows: fc.nat(0xffff),
    }),
  },
);

export const consoleKit: TypeKit<Stimulus> = {
  type: consoleDeviceType,
  features: Object.values(consoleFeature),
  queues: [
    ...Object.values(consoleQueue),
    ...PORTS.slice(1).flatMap((port) => [consoleReceiveQueue(port), consoleTransmitQueue(port)]),
  ],
  make: (queueSize) => new World(queueSize),
  chains: (littleEndian) =>
    fc.oneof(
      { weight: 4, arbitrary: control(littleEndian) },
      { weight: 2, arbitrary: controlBuffers },
      { weight: 3, arbitrary: output },
      { weight: 3, arbitrary: buffers },
    ),
  stimuli,
};
