import { DriverWatch } from '../../conformance/watch/index.ts';
import {
  type Bus,
  type EventSink,
  type FunctionAddress,
  type GuestMemory,
  sinkFor,
} from '../../core/index.ts';
import { findFunction } from '../../driver/index.ts';
import type { Draft } from '../../mmr/index.ts';
import type { PciFunction } from '../../pci/index.ts';
import { type DecodedAccess, Decoder, Recorder, walk } from '../../trace/index.ts';
import type { GuestDevice } from './present.ts';

/** Whose bus an access crossed: the guest's machine, or that of the host behind it. */
export type TracedMachine = 'guest' | 'host';

/** An access in the specification's words, and how it was made. */
export interface TracedAccess extends DecodedAccess {
  readonly machine: TracedMachine;
  readonly space: 'config' | 'io' | 'memory';
  readonly operation: 'read' | 'write';
}

/** A board whose functions are watched. */
export interface TracedBoard {
  readonly ram: GuestMemory;
  /** The function that configuration accesses to an address reach. */
  at(address: FunctionAddress): PciFunction | undefined;
  /** Receives accesses, interrupts and findings, those of the hosts behind its functions too; null ends it. */
  set events(sink: EventSink | null);
}

/** Configuration space of a board's functions, unseen by whoever listens to the board. */
function configOf(board: TracedBoard): Bus {
  const bus: Pick<Bus, 'configRead' | 'configWrite'> = {
    configRead: (address, offset, width) => board.at(address)?.configRead(offset, width) ?? 0xffffffff,
    configWrite: (address, offset, width, value) => board.at(address)?.configWrite(offset, width, value),
  };
  // Finding a function and decoding its accesses take no more of a bus than this.
  return bus as Bus;
}

/**
 * What a guest does with devices and what their hosts do because of it, from now on. To be made while no driver is at
 * work: finding out how a function is laid out switches its decoding off for a moment.
 */
export class GuestTrace {
  readonly recorder: Recorder;
  readonly #decoders: Readonly<Record<TracedMachine, Decoder>> = {
    guest: new Decoder(),
    host: new Decoder(),
  };
  readonly #board: TracedBoard;
  readonly #devices: readonly GuestDevice[];

  /** Judges the guest's drivers. */
  readonly watch: DriverWatch;

  /** @param limit of events that are kept; more are counted. @param draft by which MMR functions were made. */
  constructor(board: TracedBoard, devices: readonly GuestDevice[], limit?: number, draft?: Draft) {
    this.watch = new DriverWatch({
      ram: board.ram,
      config: configOf(board),
      ...(draft === undefined ? {} : { draft }),
    });
    this.recorder = new Recorder(limit);
    this.#board = board;
    this.#devices = devices;
    for (const { pci, hosted } of devices) {
      const { address } = pci.slot;
      const guest = configOf(board);
      this.#decoders.guest.add(guest, findFunction(guest, address)!, draft);
      if (hosted === null) continue;
      const { host, found, owner } = hosted;
      for (const fn of owner === null ? [found] : [found, owner]) this.#decoders.host.add(host, fn, draft);
      // Its findings are told by the board.
      host.events = sinkFor(['access', 'enter', 'leave', 'interrupt'], this.recorder.sink('host'));
    }
    const record = this.recorder.sink('guest');
    board.events = (event) => {
      this.watch.sink(event);
      record(event);
    };
  }

  /** Accesses so far, whether or not they were kept. */
  get count(): number {
    const machines = [this.recorder.counts('guest'), this.recorder.counts('host')];
    return machines.reduce((sum, { config, io, memory }) => sum + config + io + memory, 0);
  }

  /** Listens no more. */
  end(): void {
    this.#board.events = null;
    for (const { host } of this.#devices) if (host !== null) host.events = null;
  }

  /** Every access that was kept, in the order in which they began. To be read once: decoding follows the accesses. */
  *accesses(): Generator<TracedAccess, void> {
    for (const { node } of walk(this.recorder.roots)) {
      if (node.event?.kind !== 'access') continue;
      const machine = node.machine as TracedMachine;
      const { space, operation } = node.event;
      yield { machine, space, operation, ...this.#decoders[machine].decode(node.event) };
    }
  }
}
