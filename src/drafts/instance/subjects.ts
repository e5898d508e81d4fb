import {
  type Bus,
  DmaDomain,
  functionAddress,
  GuestMemory,
  HeldScheduler,
  immediate,
  type Width,
} from '../../core/index.ts';
import { configOf, DriverMsix, type FoundFunction, findFunction, runFirmware } from '../../driver/index.ts';
import { mmrFunction, presentLegacy } from '../../mmr/index.ts';
import { Machine } from '../../pci/index.ts';
import { command, type0Header } from '../../pci/layout/index.ts';
import {
  type DeviceBehaviour,
  LEGACY_CONFIG_OFFSET,
  LEGACY_CONFIG_OFFSET_MSIX,
  legacyHeader,
  legacyHeaderWithVectors,
  virtioFunction,
} from '../../virtio/index.ts';
import { hex } from '../checks/check.ts';
import type { DraftRules } from '../document/document.ts';
import { DraftedBus } from './drafted-bus.ts';
import { blockBase } from './drafted-function.ts';
import { type Load, RAM_BYTES } from './loads.ts';
import type { LegacyRegister } from './registers.ts';
import type { Step } from './steps.ts';
import type { DraftTable } from './table.ts';

/** What was seen in a step: values read, and interrupts since the step before. */
export type Seen = readonly string[];

const PLACE = functionAddress(0, 4);
/** Entries of the vector table that are aimed at something. */
const VECTORS = 2;
/** Command register: both spaces are decoded, and the function masters the bus. */
const ALL_ON = command.io | command.memory | command.busMaster;

/** How a driver reaches the registers of its device. */
interface Access {
  /** Where the driver is: its bus has the function's configuration space and interrupts. */
  readonly bus: Bus;
  readonly found: FoundFunction;
  read(offset: number, width: Width): number;
  write(offset: number, width: Width, value: number): void;
  /** Vector registers always stand in the block. */
  readonly fixedVectors: boolean;
}

/** A driver, its machine, and what stands behind: one of the worlds that are compared. */
export class Subject {
  readonly name: string;
  readonly ram: GuestMemory;
  readonly #access: Access;
  readonly #load: Load;
  readonly #tasks: HeldScheduler;
  readonly #drafted: DraftedBus | null;
  readonly #msix: DriverMsix | null;
  readonly #log: string[] = [];
  #msixOn = false;

  constructor(name: string, world: World, load: Load) {
    this.name = name;
    this.#access = world.access;
    this.#tasks = world.tasks;
    this.#drafted = world.drafted;
    this.#load = load;
    const { bus, found } = world.access;
    this.ram = world.ram;
    const config = configOf(bus, found);
    bus.configWrite(found.address, type0Header.command.offset, 2, ALL_ON);
    this.#msix = DriverMsix.find(bus, found);
    this.#msix?.aim(Math.min(VECTORS, this.#msix.vectors), false, (vector) =>
      this.#log.push(`message ${vector}`),
    );
    const line = config.read(type0Header.interruptLine);
    bus.interrupts.connectLine(line, () => {
      const isr = this.#access.read(legacyHeader.isrStatus.offset, 1);
      this.#log.push(`interrupt, ISR ${isr}`);
      return isr !== 0;
    });
  }

  /** Carries a step out. @throws what a translator or a driver throws that gives up. */
  perform(step: Step): Seen {
    const values = this.#step(step);
    return [...values, ...this.#log.splice(0)];
  }

  #step(step: Step): string[] {
    switch (step.do) {
      case 'read':
        return this.#hidden(step.register) ? [] : [this.#get(step.register)];
      case 'write':
        if (!this.#hidden(step.register)) this.#set(step.register, step.value);
        return [];
      case 'read-config':
        return [valueText(this.#access.read(this.#configAt() + step.offset, step.width), step.width)];
      case 'write-config':
        this.#access.write(this.#configAt() + step.offset, step.width, step.value);
        return [];
      case 'msix':
        this.#msix?.enable(step.on);
        this.#msixOn = step.on && this.#msix !== null;
        return [];
      case 'clear-ring':
        this.#load.clear(this.ram);
        return [];
      case 'request':
        this.#load.request(this.ram);
        return [];
      case 'work':
        this.#work();
        return [];
    }
  }

  /** Vector registers are there for a legacy driver while it has MSI-X on. */
  #hidden(register: LegacyRegister): boolean {
    return legacyHeaderWithVectors[register].offset >= LEGACY_CONFIG_OFFSET && !this.#msixOn;
  }

  #configAt(): number {
    return this.#msixOn || this.#access.fixedVectors ? LEGACY_CONFIG_OFFSET_MSIX : LEGACY_CONFIG_OFFSET;
  }

  #get(name: LegacyRegister): string {
    const { offset, width } = legacyHeaderWithVectors[name];
    return valueText(this.#access.read(offset, width as Width), width);
  }

  #set(name: LegacyRegister, value: number): void {
    const { offset, width } = legacyHeaderWithVectors[name];
    this.#access.write(offset, width as Width, value);
  }

  #work(): void {
    // A draft in which no read pushes a write has to wait for it.
    if (this.#drafted?.waits === true) this.#drafted.arriveAll();
    else this.#drafted?.arriveKicks();
    this.#tasks.releaseAll();
  }
}

const valueText = (value: number, width: number) => hex(value, 2 * width);

interface World {
  readonly ram: GuestMemory;
  readonly tasks: HeldScheduler;
  readonly drafted: DraftedBus | null;
  readonly access: Access;
}

const machineOf = (ram: GuestMemory, scheduler: HeldScheduler) =>
  new Machine({ ram, scheduler, interruptScheduler: immediate });
const allocate = (length: number) => GuestMemory.allocate({ start: 0, length });

/** Ports or memory of the function's legacy BAR0, for an unmodified driver. */
function plainAccess(machine: Machine): Access {
  runFirmware(machine);
  const found = findFunction(machine, PLACE)!;
  const { address } = found.bars.find(({ index }) => index === 0)!;
  return {
    bus: machine,
    found,
    fixedVectors: false,
    read: (offset, width) => machine.ioRead(address + offset, width),
    write: (offset, width, value) => machine.ioWrite(address + offset, width, value),
  };
}

/** The function of a draft, on a bus where its block is what the draft says. */
function drafted(
  machine: Machine,
  table: DraftTable,
  behaviour: DeviceBehaviour,
  rules: DraftRules,
  dma: GuestMemory,
) {
  const { draft, kind } = table;
  const fn =
    kind === 'mmr' ? mmrFunction(behaviour, { draft }) : virtioFunction(behaviour, { kind: 'legacy-memory' });
  machine.plug(fn.pci, PLACE, new DmaDomain(dma));
  runFirmware(machine);
  const found = findFunction(machine, PLACE)!;
  const bus = new DraftedBus(machine, table.structure, rules.postedWrites, draft.prefetchable);
  bus.place(blockBase(table, found), fn.legacyBytes);
  return { bus, found, base: blockBase(table, found) };
}

/** The reference: a legacy function with its block in I/O space, in the driver's own machine. */
function reference(behaviour: DeviceBehaviour): World {
  const [ram, tasks] = [allocate(RAM_BYTES), new HeldScheduler()];
  const machine = machineOf(ram, tasks);
  machine.plug(virtioFunction(behaviour, { kind: 'legacy' }).pci, PLACE);
  return { ram, tasks, drafted: null, access: plainAccess(machine) };
}

/** A driver that is made from the draft: it has the block itself, and pushes its writes by the draft's rules. */
function native(table: DraftTable, behaviour: DeviceBehaviour, rules: DraftRules): World {
  const [ram, tasks] = [allocate(RAM_BYTES), new HeldScheduler()];
  const { bus, found, base } = drafted(machineOf(ram, tasks), table, behaviour, rules, ram);
  const confirms = table.draft.resetHandshake === 'read-back';
  const { deviceStatus, queueNotify } = legacyHeader;
  const access: Access = {
    bus,
    found,
    fixedVectors: table.draft.msixShift === 'fixed',
    read: (offset, width) => bus.memoryRead(base + offset, width),
    write: (offset, width, value) => {
      bus.memoryWrite(base + offset, width, value);
      const resets = offset === deviceStatus.offset && value === 0;
      if (offset !== queueNotify.offset && (confirms || !resets))
        bus.memoryRead(base + deviceStatus.offset, 1);
    },
  };
  return { ram, tasks, drafted: bus, access };
}

/** An unmodified legacy driver in a guest, and registers made up over a modern function in the host. */
function shimmed(behaviour: DeviceBehaviour): World {
  const [ram, tasks] = [allocate(RAM_BYTES), new HeldScheduler()];
  const host = machineOf(allocate(0x1000), tasks);
  host.plug(virtioFunction(behaviour, { kind: 'modern' }).pci, PLACE, new DmaDomain(ram));
  runFirmware(host);
  const guest = machineOf(ram, tasks);
  guest.plug(presentLegacy(host, PLACE, { way: 'modern-shim' }).pci, PLACE);
  return { ram, tasks, drafted: null, access: plainAccess(guest) };
}

/** An unmodified legacy driver in a guest, and the draft's function in the host behind the translator. */
function translated(table: DraftTable, behaviour: DeviceBehaviour, rules: DraftRules): World {
  const [ram, tasks] = [allocate(RAM_BYTES), new HeldScheduler()];
  const { bus, found } = drafted(machineOf(allocate(0x1000), tasks), table, behaviour, rules, ram);
  const guest = machineOf(ram, tasks);
  guest.plug(presentLegacy(bus, found.address, { draft: table.draft }).pci, PLACE);
  return { ram, tasks, drafted: bus, access: plainAccess(guest) };
}

/** A world that can be made, again and again. */
export interface SubjectMaker {
  readonly name: string;
  /** @throws VirtiolabError where the draft's function cannot be made, or is not presented. */
  make(): Subject;
}

/** Worlds of a draft, the reference first. Each has a device of its own. */
export function subjectsOf(
  table: DraftTable,
  rules: DraftRules,
  load: Load,
): [reference: SubjectMaker, ...others: SubjectMaker[]] {
  const maker = (name: string, world: () => World): SubjectMaker => ({
    name,
    make: () => new Subject(name, world(), load),
  });
  const behind = maker('a legacy driver behind the translator', () => translated(table, load.make(), rules));
  const plain = maker('a legacy function in I/O space', () => reference(load.make()));
  if (table.kind === 'modern-shim')
    return [plain, maker('a legacy driver over the shim', () => shimmed(load.make()))];
  return [
    plain,
    maker('a driver made from the draft', () => native(table, load.make(), rules)),
    ...(table.kind === 'mmr' ? [behind] : []),
  ];
}
