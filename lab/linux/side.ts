import { type DmaMeter, MeteredDma } from 'virtiolab/compare';
import { DriverWatch, type Explanation, explain, formatExplanation } from 'virtiolab/conformance';
import { type Bus, formatFinding, functionAddress } from 'virtiolab/core';
import { type FoundFunction, findFunction } from 'virtiolab/driver';
import { Decoder } from 'virtiolab/trace';
import {
  type GuestDevice,
  type GuestWindow,
  type PresentOptions,
  presentDevice,
  type V86Board,
} from 'virtiolab/v86';
import type { DeviceBehaviour } from 'virtiolab/virtio';
import { type FunctionViewer, viewersOf } from '../parts/function-view.ts';
import { areaAt, kickedQueue, openKick } from '../parts/kicks.ts';
import { queueViews } from '../parts/queue-view.ts';
import type { Shown } from '../parts/stage.ts';
import { type Followers, Stream } from '../parts/stream.ts';
import type { View, WatchView } from '../protocol.ts';

/** Where the guest finds the device. */
export const PLACE = functionAddress(0, 4);
/** Kicks that are opened between two times that the page is told: more nobody reads, and the PC has to get on. */
const MOST_OPENED = 40;

/** A board's functions, unseen by whoever listens to it: all that finding, decoding and explaining take of a bus. */
const lookingBus = (board: V86Board) =>
  ({
    ram: board.ram,
    configRead: (address, offset, width) => board.at(address)?.configRead(offset, width) ?? 0xffffffff,
    configWrite: (address, offset, width, value) => board.at(address)?.configWrite(offset, width, value),
    memoryRead: (address, width) => board.memory.read(address, width),
    memoryWrite: (address, width, value) => board.memory.write(address, width, value),
  }) as Omit<Bus, 'ioRead' | 'ioWrite' | 'interrupts' | 'pause'> as Bus;

/** Where BARs are: a kernel may move them. */
const placeOf = ({ bars }: FoundFunction) => bars.map(({ address }) => address).join();

/** A device of ours in somebody else's PC, by one of the ways: heard, watched, and shown. */
export class GuestSide implements Followers {
  readonly stream = new Stream();
  readonly #board: V86Board;
  readonly #watch: DriverWatch;
  readonly #bus: Bus;
  readonly #device: GuestDevice;
  /** The function that the device stands behind: the host's, or the guest's where there is no host. */
  #shown: Shown;
  #viewers: readonly FunctionViewer[];
  #explanation: Explanation | null = null;
  #opened = 0;
  #told = 0;

  /** @throws what presenting a function throws */
  constructor(board: V86Board, behaviour: DeviceBehaviour, window: GuestWindow) {
    const { stream } = this;
    const meter: DmaMeter = stream.meter('left');
    const domain: NonNullable<PresentOptions['domain']> = (memory) => new MeteredDma(memory, meter);
    const device = presentDevice(board, behaviour, PLACE, { window, domain });
    const bus = lookingBus(board);
    this.#board = board;
    this.#bus = bus;
    this.#device = device;
    this.#watch = new DriverWatch({ ram: board.ram, config: bus });
    const guest = new Decoder();
    guest.add(bus, findFunction(bus, PLACE)!);
    const record = stream.sink('left', guest);
    board.events = (event) => {
      if (stream.looking) return;
      this.#watch.sink(event);
      record(event);
    };
    this.#shown = shownOf(device, bus);
    this.#viewers = this.#viewersOf();
    stream.followers = this;
    if (device.host === null) return;
    const { found, owner } = this.#shown;
    const host = new Decoder();
    for (const fn of owner === null ? [found] : [found, owner]) host.add(device.host, fn);
    device.host.events = stream.sink('right', host);
  }

  #viewersOf(): readonly FunctionViewer[] {
    return viewersOf(this.#shown, this.#device.fn.device.behaviour.type);
  }

  /** What the watch found since it was last asked. */
  findings(): readonly WatchView[] {
    const { findings } = this.#watch.report();
    const fresh = findings.slice(this.#told);
    this.#told = findings.length;
    const seq = this.stream.last;
    return fresh.map((finding) => ({
      ...{ level: finding.level, rule: finding.rule, clause: finding.clause, seq },
      text: formatFinding(finding),
    }));
  }

  /** Looking at the machines is no part of what happens on them. */
  #look<T>(what: () => T): T {
    const { looking } = this.stream;
    this.stream.looking = true;
    try {
      return what();
    } finally {
      this.stream.looking = looking;
    }
  }

  #explain(): Explanation {
    const { machine, found } = this.#shown;
    return explain(machine, found, { ram: this.#board.ram });
  }

  /** The function of the guest may have been moved by firmware or kernel since. */
  #follow(): void {
    if (this.#shown.column === 'right') return;
    const found = findFunction(this.#bus, PLACE);
    if (found === null || placeOf(found) === placeOf(this.#shown.found)) return;
    this.#shown = { ...this.#shown, found };
    this.#viewers = this.#viewersOf();
  }

  began(...[, { register, value }, seq]: Parameters<Followers['began']>): void {
    const queue = kickedQueue(register, value);
    if (queue === null || ++this.#opened > MOST_OPENED) return;
    const explanation = this.#look(() => {
      this.#follow();
      return this.#explain();
    });
    this.#explanation = explanation;
    openKick(this.stream, explanation, queue, seq);
  }

  ended(): void {}

  nameOf(...[, address]: Parameters<Followers['nameOf']>): string {
    return this.#explanation === null ? '' : areaAt(this.#explanation, address);
  }

  /** A host with a translator stands behind. */
  get hosted(): boolean {
    return this.#shown.column === 'right';
  }

  /** The page has been told: kicks are opened again. */
  breathe(): void {
    this.#opened = 0;
  }

  /** The function and its queues as they stand, between two of the guest's instructions. */
  view(): View {
    return this.#look(() => {
      this.#follow();
      const explanation = this.#explain();
      this.#explanation = explanation;
      const functions = this.#viewers.map((viewer) => viewer.view());
      const queues = queueViews(explanation, this.#board.ram);
      return { seq: this.stream.last, functions, queues, explanation: formatExplanation(explanation) };
    });
  }
}

/** Where the device is seen: in the host, or on the guest's own bus. */
function shownOf({ host, hosted }: GuestDevice, bus: Bus): Shown {
  const drafted = null;
  if (host === null || hosted === null)
    return {
      column: 'left',
      name: 'guest',
      machine: bus,
      found: findFunction(bus, PLACE)!,
      owner: null,
      drafted,
    };
  const { found, owner } = hosted;
  return { column: 'right', name: 'host', machine: host, found, owner, drafted };
}
