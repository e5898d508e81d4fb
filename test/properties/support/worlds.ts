import {
  DmaDomain,
  type Finding,
  type FunctionAddress,
  functionAddress,
  GuestMemory,
  HeldScheduler,
  immediate,
  type Task,
  Work,
} from '../../../src/core/index.ts';
import {
  AdminDriver,
  DmaMemory,
  findFunction,
  ModernTransport,
  runFirmware,
} from '../../../src/driver/index.ts';
import {
  AdminBackend,
  drafts,
  equalWayNames,
  HostedFunction,
  OWNER_MEMORY_BYTES,
  type TranslatedWayName,
  virtualFunction,
  ways,
} from '../../../src/mmr/index.ts';
import { Machine } from '../../../src/pci/index.ts';
import { RingScribe } from '../../../src/testing/index.ts';
import {
  Administration,
  legacyRingLayout,
  VirtioFunction,
  virtioFunction,
} from '../../../src/virtio/index.ts';
import { HandMadeGroup } from '../../virtio/admin/support.ts';
import { Probe } from '../../virtio/support/probe.ts';
import { kitOf, typesWithKits, withIds } from '../kits/index.ts';
import type { KitDevice } from '../kits/kit.ts';

/**
 * Ways to put a legacy function before a guest. `direct` needs no host and no translator: it is the plain function;
 * `transitional` is one with the modern structures, power management and PCI Express as well.
 */
export type WorldKind = TranslatedWayName | 'direct' | 'transitional';
/**
 * The translator's ways, and the plain function to compare them with. The one whose kicks are posted leads: the others are
 * never behind it.
 */
const LEADER = 'mmr';
export const comparedKinds: readonly WorldKind[] = [
  LEADER,
  ...equalWayNames.filter((name) => name !== LEADER),
  'direct',
];

/**
 * Time in the machine of an owner: what it has to do is done in any order, and a processor of the guest's may go on while another waits for an
 * answer.
 */
class OwnersTime extends HeldScheduler {
  #beside: (() => void) | null = null;
  #picks: number[] = [];

  /** In the next pause something else comes first; then whatever of those that wait. */
  begin(beside: () => void, picks: readonly number[]): void {
    this.#beside = beside;
    this.#picks = [...picks];
  }

  end(): void {
    this.#beside = null;
  }

  override pause(): boolean {
    const beside = this.#beside;
    this.#beside = null;
    if (beside === null) return this.release(this.#picks.shift() ?? 0);
    beside();
    return true;
  }
}

/** What every world of one case has in common. */
export interface Setup {
  /** Name of a draft. */
  readonly draft: string;
  readonly placement: 'own' | 'shared';
  /** One function or two; two share the interrupt line. */
  readonly types: readonly string[];
  /** Descriptors of each queue. */
  readonly queueSize: number;
  readonly bigEndian: boolean;
  /** MSI-X vectors; undefined for one a queue and one for configuration. */
  readonly vectors: number | undefined;
  /** What the guest's interrupt handler does: it is absent, or reads ISR, or then also kicks the queue. */
  readonly handler: 'none' | 'isr' | 'isr-and-kick';
  /** Device work, and the host's memory writes, wait for release. */
  readonly held: boolean;
  /** Features offered that the guest does not see; by default it sees all. */
  readonly blind?: number;
}

/** Guest-physical RAM. A legacy ring may lie above 4 GiB: its page number has 32 bits. */
export const LOW_RAM = 0x64000;
/** Where messages land that are aimed at RAM. */
export const MESSAGES = 0x1000;
/** Pages of the longest ring that is drawn, of 256 descriptors. */
const RING_PAGES = 3;
/** Queues of a function that have a ring here; the others stay absent to the guest. */
export const MOST_QUEUES = 6;
/** A function's rings may begin at two places below 4 GiB and at one above, as pages of 4096 bytes. */
const FIRST_PAGES = [
  [0x2, 0x26, 0x100000],
  [0x14, 0x38, 0x100012],
] as const;
export const HIGH_RAM = { start: 2 ** 32, length: 2 * MOST_QUEUES * RING_PAGES * 4096 } as const;
/** Places for what chains point at, and where chains have their indirect table. */
export const BUFFERS = 0x4a000;
export const BUFFER_SLOT = 0xa00;
export const BUFFER_SLOTS = 40;
export const INDIRECT_TABLE = 0x63000;

/** Page on which the ring of a function's nth queue begins, at one of its three places. */
export const ringPage = (fn: number, nth: number, place: number) =>
  FIRST_PAGES[fn]![place]! + RING_PAGES * nth;

const FUNCTIONS: readonly FunctionAddress[] = [functionAddress(0, 4), functionAddress(0, 8)];
const LINE = 11;
export const IO_BASE = 0xc000;
export const MEMORY_BASE = 0xc0000000;
export const STRUCTURES_BASE = 0xd0000000;

/** What lies in the guest's buffers at first: a guest that writes zeros proves little. */
const buffers = new Uint8Array(INDIRECT_TABLE - BUFFERS).map((_, i) => (i * 11 + (i >> 8)) & 0xff);

function makeRam(): GuestMemory {
  const memory = GuestMemory.allocate({ start: 0, length: LOW_RAM }, HIGH_RAM);
  memory.write(BUFFERS, buffers);
  return memory;
}

/** A request whose chain died, or that has none: it was answered early, as one that was aborted is. */
function isDead(task: Task): boolean {
  const { chain } = task as { chain?: { live: boolean } | null };
  return chain !== undefined && chain?.live !== true;
}

/** A guest, its function or functions, and whatever stands behind them. Software of the test sees only `guest`. */
export class World {
  readonly kind: WorldKind;
  readonly setup: Setup;
  readonly guest: Machine;
  readonly host: Machine | null;
  /** The machine of the owner by whose commands the functions are reached. */
  #owners: Machine | null = null;
  #time: OwnersTime | null = null;
  /** Offsets of each function's capabilities, by id. */
  readonly #capabilities: Map<number, number>[] = [];
  /** Device work that waits; null where all is done at once. */
  readonly tasks: HeldScheduler | null;
  /** The guest's interrupts: its processor takes them between two of its operations. */
  readonly cpu = new HeldScheduler();
  readonly functions: VirtioFunction[] = [];
  /** What stands behind each function. */
  readonly devices: KitDevice[] = [];
  /** Everything about interrupts that the guest notices, in order. */
  readonly log: string[] = [];
  /** What was found of the guest's functions. */
  readonly findings: Finding[] = [];
  /** Which of its three places each function's rings have, as the guest last set them up. */
  readonly places: number[] = [0, 0];

  constructor(kind: WorldKind, setup: Setup) {
    this.kind = kind;
    this.setup = setup;
    const ram = makeRam();
    this.tasks = setup.held ? new HeldScheduler() : null;
    const scheduler = this.tasks ?? immediate;
    this.guest = new Machine({ ram, scheduler, interruptScheduler: this.cpu });
    if (kind === 'direct' || kind === 'transitional') this.host = null;
    else {
      const hostRam = GuestMemory.allocate({ start: 0, length: OWNER_MEMORY_BYTES });
      this.host = new Machine({
        ram: hostRam,
        scheduler,
        interruptScheduler: immediate,
        // Where kicks are memory writes, only the leader's are late: the others are never behind it.
        holdPostedWrites: setup.held && kind === LEADER,
      });
    }
    if (setup.blind !== undefined) this.#overlook(setup.blind);
    this.#plug(ram);
    for (const [index, address] of this.addresses.entries()) {
      this.guest.configWrite(address, 0x10, 4, IO_BASE + 0x100 * index);
      this.guest.configWrite(address, 0x14, 4, MEMORY_BASE + 0x10000 * index);
      if (kind === 'transitional')
        this.guest.configWrite(address, 0x20, 4, STRUCTURES_BASE + 0x10000 * index);
      this.guest.configWrite(address, 0x04, 2, 7);
      this.#capabilities.push(this.#findCapabilities(address));
    }
    this.#listen();
  }

  /** The guest's port reads leave features out, wherever in their register an access begins. */
  #overlook(features: number): void {
    const { guest } = this;
    const ioRead = guest.ioRead.bind(guest);
    guest.ioRead = (port, width) => {
      const value = ioRead(port, width);
      const at = this.addresses
        .map((_, index) => port - this.ioBase(index))
        .find((each) => each >= 0 && each < 4);
      return at === undefined ? value : (value & ~(features >>> (8 * at))) >>> 0;
    };
  }

  get addresses(): readonly FunctionAddress[] {
    return FUNCTIONS.slice(0, this.setup.types.length);
  }

  #findCapabilities(address: FunctionAddress): Map<number, number> {
    const found = new Map<number, number>();
    for (let at = this.guest.configRead(address, 0x34, 1); at !== 0; ) {
      found.set(this.guest.configRead(address, at, 1), at);
      at = this.guest.configRead(address, at + 1, 1);
    }
    return found;
  }

  /** Offset of a register of a capability in configuration space; 0xfff where there is none. */
  capability(index: number, id: number, register: number): number {
    const at = this.#capabilities[index]!.get(id);
    return at === undefined ? 0xfff : at + register;
  }

  /** Members of a group, presented by their owner's commands. The owner is in a machine of its own, where its answers are late. */
  #present(): void {
    const { setup, functions, guest } = this;
    const host = this.host!;
    const group = new HandMadeGroup(functions);
    this.#time = setup.held ? new OwnersTime() : null;
    const machine = new Machine({
      ram: GuestMemory.allocate({ start: 0, length: 2 * OWNER_MEMORY_BYTES }),
      scheduler: this.#time ?? immediate,
    });
    const several = { queueSizes: [8, 8], lateAnswers: setup.held };
    const administration = new Administration({ members: group, legacy: {}, ...several });
    const { pci } = virtioFunction(new Probe(), { kind: 'modern', administration });
    machine.plug(pci, FUNCTIONS[0]!);
    runFirmware(machine);
    const owner = findFunction(machine, FUNCTIONS[0]!)!;
    const driver = AdminDriver.bringUp(new ModernTransport(machine, owner), new DmaMemory(machine.ram, 0));
    driver.use('singleRootIov');
    pci.parts.set('driver', driver);
    this.#owners = machine;
    for (const [i, address] of this.addresses.entries()) {
      const { type, config } = functions[i]!.device.behaviour;
      const backend = new AdminBackend(
        host,
        address,
        { driver, owner, memberId: i + 1, bigEndian: setup.bigEndian, configBytes: config.length },
        type,
      );
      guest.plug(virtualFunction(type, backend), address);
    }
  }

  #plug(ram: GuestMemory): void {
    const { setup, host, kind } = this;
    const { placement, vectors } = setup;
    const draft = drafts[setup.draft]!;
    const guestEndian = setup.bigEndian ? ('big' as const) : ('little' as const);
    const common = vectors === undefined ? { guestEndian } : { guestEndian, vectors };
    const hosted: HostedFunction[] = [];
    for (const [index, type] of setup.types.entries()) {
      const device = kitOf(type).make(setup.queueSize);
      const behaviour = withIds(device.behaviour);
      this.devices.push(device);
      const fn =
        kind === 'transitional'
          ? virtioFunction(behaviour, { ...common, kind, powerManagement: true, express: true })
          : kind === 'direct'
            ? virtioFunction(behaviour, { ...common, kind: 'legacy' })
            : kind === 'admin'
              ? virtioFunction(behaviour, { ...common, kind: 'modern', legacyCommands: true })
              : ways[kind].build(behaviour, { ...common, draft, placement });
      if (host === null) this.guest.plug(fn.pci, FUNCTIONS[index]!);
      else hosted.push(new HostedFunction(host, fn, FUNCTIONS[index]!, new DmaDomain(ram)));
      if (fn instanceof VirtioFunction) this.functions.push(fn);
    }
    if (host === null) return;
    runFirmware(host);
    if (kind === 'admin') {
      this.#present();
      return;
    }
    const way = kind as TranslatedWayName;
    for (const [index, each] of hosted.entries()) {
      const presented = each.present({ draft, way, types: typesWithKits });
      this.functions[index] = each.fn;
      this.guest.plug(presented.pci, FUNCTIONS[index]!);
    }
  }

  #listen(): void {
    const { guest, log } = this;
    guest.events = (event) => {
      if (event.kind === 'interrupt')
        log.push(`${event.signal} ${event.vector} ${event.asserted} ${event.source}`);
      else if (event.kind === 'finding') this.findings.push(event);
    };
    for (let vector = 0; vector < 4; vector++)
      guest.interrupts.allocateMessage(() => log.push(`vector ${vector} handled`));
    if (this.setup.handler !== 'none') guest.interrupts.connectLine(LINE, () => this.#onLine());
  }

  /** While true the guest's processor is away, and its handler answers no interrupt. */
  paused = false;

  /** The guest's handler asks each function on the line. */
  #onLine(): boolean {
    let handled = false;
    if (this.paused) return handled;
    for (let index = 0; index < this.addresses.length; index++) {
      const base = this.ioBase(index);
      const isr = this.guest.ioRead(base + 0x13, 1);
      this.log.push(`handler read ISR ${isr}`);
      handled ||= isr === 1 || isr === 2 || isr === 3;
      if (this.setup.handler === 'isr-and-kick') this.guest.ioWrite(base + 0x10, 2, this.queues(index)[0]!);
    }
    return handled;
  }

  /** Where the guest's I/O BAR is, as its registers say. */
  ioBase(index: number): number {
    return this.guest.configRead(FUNCTIONS[index]!, 0x10, 4) & 0xfffc;
  }

  memoryBase(index: number): number {
    return (this.guest.configRead(FUNCTIONS[index]!, 0x14, 4) & ~15) >>> 0;
  }

  /** Numbers of the queues that the guest uses. */
  queues(index: number): readonly number[] {
    return kitOf(this.setup.types[index]!).queues.slice(0, MOST_QUEUES);
  }

  /** Descriptors of a function's nth queue, as its kit has made it. */
  queueSize(index: number, nth: number): number {
    return this.devices[index]!.behaviour.queueSizes[this.queues(index)[nth]!]!;
  }

  /** Where a function's nth queue has its ring. */
  page(index: number, nth: number): number {
    return ringPage(index, nth, this.places[index]!);
  }

  scribe(index: number, nth = 0): RingScribe {
    const size = this.queueSize(index, nth);
    const base = this.page(index, nth) * 4096;
    const { available, used } = legacyRingLayout(size);
    const place = { descriptor: base, driver: base + available, device: base + used };
    return new RingScribe(this.guest.ram, place, size, !this.setup.bigEndian);
  }

  /** All that has reached the world behind the functions. */
  outside(): unknown {
    return this.devices.map((device) => device.outside());
  }

  /** Device work that will have an effect: what was cancelled, or belongs to a queue since reset, stays listed only. */
  get due(): Task[] {
    return (this.tasks?.pending ?? []).filter((task) =>
      task instanceof Work ? task.pending : !isDead(task),
    );
  }

  /**
   * Back ends are done with requests that died: a queue takes fewer chains while they are not, and what the host was doing
   * for them is no part of a state.
   */
  letGo(): void {
    for (;;) {
      const index = this.tasks?.pending.findIndex((task) => !(task instanceof Work) && isDead(task)) ?? -1;
      if (index < 0) return;
      this.tasks!.release(index);
    }
  }

  /** Runs the `nth` due task of that label. @returns false when there is none. */
  run(label: string, nth: number): boolean {
    const task = this.due.filter((each) => each.label === label)[nth];
    if (task === undefined) return false;
    this.tasks!.release(this.tasks!.pending.indexOf(task));
    return true;
  }

  /** The device looks at its queue without being told to, as it always may. */
  look(label: string): void {
    const [, name, queue] = /^(.*) queue (\d+)$/.exec(label) ?? [];
    const fn = this.functions.find(({ pci }) => pci.name === name);
    fn?.device.notify(Number(queue));
  }

  /** How often an access began while another was waited for. */
  overlaps = 0;

  /**
   * Two processors have an access each under way, which do not depend on each other. Where the first is waited for, the second begins meanwhile,
   * and both are answered in any order; elsewhere it follows.
   */
  atOnce(first: () => number[], second: () => number[], picks: readonly number[]): number[] {
    let other: number[] | null = null;
    this.#time?.begin(() => {
      this.overlaps++;
      other = second();
    }, picks);
    const own = first();
    this.#time?.end();
    return [...own, ...(other ?? second())];
  }

  /** Everything saved: both machines, and what of the test itself goes along. */
  save() {
    return {
      guest: this.guest.save(),
      host: this.host?.save() ?? null,
      owners: this.#owners?.save() ?? null,
      outside: this.devices.map((device) => device.saveOutside()),
      log: [...this.log],
      places: [...this.places],
    };
  }

  /** A fresh world that goes on from there. The guest comes first: what the host resumes works on the guest's memory. */
  static load(kind: WorldKind, setup: Setup, saved: ReturnType<World['save']>): World {
    const world = new World(kind, setup);
    world.paused = true;
    for (const [i, device] of world.devices.entries()) device.loadOutside(saved.outside[i]!);
    world.guest.load(saved.guest as never);
    if (saved.owners !== null) world.#owners!.load(saved.owners as never);
    if (saved.host !== null) world.host!.load(saved.host as never);
    world.cpu.releaseAll();
    world.paused = false;
    world.log.splice(0, world.log.length, ...saved.log);
    world.places.splice(0, world.places.length, ...saved.places);
    return world;
  }

  /** Lets the host's memory writes to one function arrive: the oldest, or all. */
  arrive(index: number, all: boolean): void {
    const { host } = this;
    const owner = host?.functions.get(FUNCTIONS[index]!);
    if (host?.posted == null || owner === undefined) return;
    if (all) host.posted.flush(owner);
    else host.posted.releaseOne(owner);
  }
}
