import { DriverWatch } from '../../src/conformance/watch/index.ts';
import {
  type Bus,
  type Finding,
  functionAddress,
  immediate,
  type LabEvent,
  type Scheduler,
  type Task,
} from '../../src/core/index.ts';
import {
  type GuestDevice,
  type GuestWindow,
  guestWindows,
  presentDevice,
} from '../../src/hosts/present/present.ts';
import { V86Board } from '../../src/hosts/v86/board.ts';
import type { LinuxGuest } from '../../src/hosts/v86/linux-guest.ts';
import { ways } from '../../src/mmr/index.ts';
import type { PciFunction } from '../../src/pci/index.ts';
import { type DeviceBehaviour, defaultTransportFeatures, feature } from '../../src/virtio/index.ts';
import { startGuest } from './support.ts';

/** One way for the guest to a device. The name goes into titles: what works is read from there (test/evidence.ts). */
export interface GuestWay {
  readonly name: string;
  readonly window: GuestWindow;
  /** Ring and transport features that the function offers. */
  readonly transportFeatures: readonly number[];
}

/**
 * Of windows that a guest cannot tell from others, or hardly, tests of boot sectors, saved states, messages and virtual functions
 * are enough, but where `VIRTIOLAB_MACHINES=all` is asked for.
 */
const SELDOM: readonly string[] =
  process.env.VIRTIOLAB_MACHINES === 'all'
    ? []
    : ['memory-bar', 'mmr-virtual', 'admin', 'transitional-memory'];
export const usualWindows = guestWindows.filter((window) => !SELDOM.includes(window));

/** The usual windows, and the plain one of virtio 1.x with packed rings as well. */
export const guestWays: readonly GuestWay[] = [
  ...usualWindows.map((window) => ({ name: window, window, transportFeatures: defaultTransportFeatures })),
  {
    name: 'modern, packed rings',
    window: 'modern',
    transportFeatures: [...defaultTransportFeatures, feature.ringPacked],
  },
];

const RESCAN = 'echo 1 > /sys/bus/pci/rescan';

/** The folder of a function in the guest's sysfs. */
export const pciFolder = (device: number) =>
  `/sys/bus/pci/devices/0000:00:${device.toString(16).padStart(2, '0')}.0`;

/** Runs tasks at once, but for those that a test wants to keep for later. */
export class Gate implements Scheduler {
  holds: (task: Task) => boolean = () => false;
  readonly #held: Task[] = [];

  get held(): readonly Task[] {
    return this.#held;
  }

  submit(task: Task): void {
    if (this.holds(task)) this.#held.push(task);
    else immediate.submit(task);
  }

  /** Runs what was kept, and keeps nothing from now on. */
  open(): void {
    this.holds = () => false;
    for (const task of this.#held.splice(0)) task.run();
  }
}

/** A guest with a board, and short words for what the tests do with them. */
export class Lab {
  readonly guest: LinuxGuest;
  readonly board: V86Board;
  readonly gate: Gate;
  readonly events: LabEvent[] = [];
  /** Judges the guest's drivers. */
  readonly watch: DriverWatch;
  readonly #builtIn = new Set<string | null>();

  constructor(guest: LinuxGuest) {
    this.guest = guest;
    this.gate = new Gate();
    this.board = new V86Board(guest.bus, { scheduler: this.gate });
    const configRead: Bus['configRead'] = (fn, offset, width) =>
      this.board.at(fn)?.configRead(offset, width) ?? 0xffffffff;
    this.watch = new DriverWatch({ ram: this.board.ram, config: { configRead } });
    this.board.events = (event) => {
      this.events.push(event);
      this.watch.sink(event);
    };
  }

  /** Continues the run's snapshot. */
  static async start(): Promise<Lab> {
    return new Lab(await startGuest());
  }

  /** Gives the guest a device, without telling it. */
  present(
    behaviour: DeviceBehaviour,
    device: number,
    window: GuestWindow,
    prepare?: (pci: PciFunction) => void,
    transportFeatures?: readonly number[],
  ): GuestDevice {
    this.#builtIn.add(ways[window].breaks);
    return presentDevice(this.board, behaviour, functionAddress(0, device), {
      window,
      ...(prepare === undefined ? {} : { prepare }),
      ...(transportFeatures === undefined ? {} : { transportFeatures }),
    });
  }

  async rescan(): Promise<void> {
    await this.guest.runOk(RESCAN);
  }

  /** Runs a command that must succeed. @returns its output without the last line's end. */
  async sh(command: string, timeoutMs = 60_000): Promise<string> {
    return (await this.guest.runOk(command, { timeoutMs })).replace(/\n$/, '');
  }

  /** But for what a function that was presented breaks by the way it is built. */
  get findings(): Finding[] {
    return this.events.filter(
      (event): event is Finding =>
        event.kind === 'finding' && !(event.party === 'device' && this.#builtIn.has(event.clause)),
    );
  }

  /** Clauses that the guest broke, as often as it did. */
  get clauses(): string[] {
    return this.findings.map(({ clause }) => clause);
  }

  destroy(): Promise<void> {
    return this.guest.destroy();
  }
}
