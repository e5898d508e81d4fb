import {
  DmaDomain,
  expectSame,
  functionAddress,
  GuestMemory,
  immediate,
  isStateMap,
  type Scheduler,
  type State,
  StateMismatchError,
} from '../../core/index.ts';
import { runFirmware } from '../../driver/index.ts';
import { isTranslated, OWNER_MEMORY_BYTES, twoMachines, type WayName, ways } from '../../mmr/index.ts';
import { Machine, type PciFunction } from '../../pci/index.ts';
import type { DeviceBehaviour, VirtioFunction } from '../../virtio/index.ts';

export interface MovingMachineOptions {
  /** Of RAM, from 0 on; by default 1 MiB. */
  readonly ramBytes?: number;
  /** Of all that the device does; by default it does all at once. */
  readonly scheduler?: Scheduler;
  /** Of interrupts; by default they come at once. */
  readonly interruptScheduler?: Scheduler;
}

const DEFAULT_RAM_BYTES = 1 << 20;

/** A guest's machine with one device, which can go on elsewhere: with another machine that was made alike. */
export class MovingMachine {
  readonly guest: Machine;
  /** What stands behind the translator; null where the guest has the device itself. */
  readonly host: Machine | null;
  readonly fn: VirtioFunction;
  /** What the device reaches of the guest's RAM. */
  readonly domain: DmaDomain;
  readonly place = functionAddress(0, 4);

  constructor(behaviour: DeviceBehaviour, way: WayName, options: MovingMachineOptions = {}) {
    const { ramBytes = DEFAULT_RAM_BYTES, scheduler = immediate, interruptScheduler = immediate } = options;
    const ram = GuestMemory.allocate({ start: 0, length: ramBytes });
    this.domain = new DmaDomain(ram);
    if (isTranslated(way)) {
      const owned = GuestMemory.allocate({ start: 0, length: OWNER_MEMORY_BYTES });
      const machines = twoMachines([{ fn: ways[way].build(behaviour), domain: this.domain }], {
        ram,
        way,
        guest: { scheduler, interruptScheduler },
        host: { ram: owned, scheduler, interruptScheduler: immediate },
      });
      this.guest = machines.guest;
      this.host = machines.host;
      this.fn = machines.functions[0]!.fn;
    } else {
      this.guest = new Machine({ ram, scheduler, interruptScheduler });
      this.host = null;
      this.fn = ways[way].build(behaviour);
      this.guest.plug(this.fn.pci, this.place, this.domain);
      runFirmware(this.guest);
    }
  }

  get ram(): GuestMemory {
    return this.guest.ram;
  }

  /** The function that the guest sees. */
  get #pci(): PciFunction {
    return this.guest.functions.get(this.place)!;
  }

  /** Its device touches no memory and interrupts nobody, or may again: see `Machine.halt`. */
  halt(on: boolean): void {
    this.guest.halt(on);
    this.host?.halt(on);
  }

  /** As of a {@link Movable}. */
  manifest(): State {
    return { function: this.#pci.manifest(), host: this.host?.manifest() ?? null };
  }

  /** All but RAM. */
  save(): State {
    return {
      state: this.#pci.save(),
      messages: this.guest.interrupts.save() as unknown as State,
      host: this.host?.save() ?? null,
    };
  }

  /** @throws StateMismatchError for a state that it cannot have */
  check(state: State): void {
    const { pci, messages, host } = piecesOf(state);
    this.#pci.check(pci, 'function');
    this.guest.interrupts.check(messages, 'messages');
    if (this.host === null) expectSame('host', host, null);
    else this.host.check(host, 'host');
  }

  /** All or nothing; RAM has to be there. What was in flight goes on. @throws StateMismatchError as {@link check} does */
  load(state: State): void {
    this.check(state);
    const { pci, messages, host } = piecesOf(state);
    const own = this.#pci;
    own.load(pci);
    if (own.msix !== null) this.guest.interrupts.aimAgain(this.place, own.msix, messages);
    this.host?.load(host);
    own.resume();
    this.guest.interrupts.load(messages);
  }
}

type Messages = ReturnType<Machine['interrupts']['save']>;

const isMessages = (state: State | undefined): boolean =>
  isStateMap(state) &&
  Array.isArray(state.pending) &&
  Array.isArray(state.owned) &&
  (state.pending as readonly State[]).every((each) => Number.isInteger(each)) &&
  (state.owned as readonly State[]).every(
    (each) =>
      isStateMap(each) &&
      Number.isInteger(each.fn) &&
      Number.isInteger(each.entry) &&
      Number.isInteger(each.vector),
  );

function piecesOf(state: State): { pci: State; messages: Messages; host: State } {
  if (
    !isStateMap(state) ||
    state.state === undefined ||
    state.host === undefined ||
    !isMessages(state.messages)
  )
    throw new StateMismatchError('state', state, 'the states of a function, of messages and of a host');
  return { pci: state.state, messages: state.messages as unknown as Messages, host: state.host };
}
