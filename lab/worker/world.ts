import { type DmaMeter, MeteredDma } from 'virtiolab/compare';
import {
  type Bus,
  type DmaDomain,
  type EventSink,
  functionAddress,
  GuestMemory,
  OptionError,
} from 'virtiolab/core';
import {
  DmaMemory,
  type FoundFunction,
  findFunction,
  LegacyTransport,
  legacyAccess,
  runFirmware,
  type Transport,
} from 'virtiolab/driver';
import { type Lies, MutantBus, type SampleDevice, sampleDevice, twoMachines } from 'virtiolab/lab';
import { virtioFeature as feature } from 'virtiolab/layout';
import {
  type Draft,
  draft2023,
  drafts,
  type HostedFunction,
  type TranslatedWayName,
  type WayName,
  wayNames,
  ways,
  waysOf,
} from 'virtiolab/mmr';
import { Machine } from 'virtiolab/pci';
import { tap } from 'virtiolab/trace';
import { defaultTransportFeatures, type VirtioFunction } from 'virtiolab/virtio';
import type { OwnDraft } from '../parts/own-draft.ts';
import type { DraftedStage, Stage } from '../parts/stage.ts';
import type { Setup } from '../protocol.ts';

/** Machines that are set up, firmware done: no driver has touched the device. */
export interface World {
  readonly setup: Setup;
  /** By which an MMR function is made, and read. */
  readonly draft: Draft;
  /** The driver's first. */
  readonly stages: readonly [Stage, ...Stage[]];
  readonly sample: SampleDevice;
  readonly fn: VirtioFunction;
  /** What the driver works on, where its device may lie. */
  readonly bus: Bus;
  /** Of a draft of one's own: who hears what is done on the host's bus, where there is a translator. */
  readonly host: Ear | null;
  readonly memory: DmaMemory;
  connect(bus: Bus, intx: boolean): Transport;
}

/** Hears events before there is somebody to tell. */
export class Ear {
  sink: EventSink = () => {};
}

const RAM_BYTES = 4 << 20;
/** What rings and buffers are taken from. */
const DRIVER_MEMORY = { start: 0x100000, end: 0x300000 } as const;
const PLACE = functionAddress(0, 4);

const transportFeatures = [...defaultTransportFeatures, feature.ringPacked, feature.inOrder];

/** @throws OptionError */
export function wayOf(name: string): WayName {
  const found = wayNames.find((each) => each === name);
  if (found === undefined) throw new OptionError('way', name, `one of ${wayNames.join(', ')}`);
  return found;
}

/** Ways that a function of a device type can be built for. @throws UnknownSubjectError */
export const waysFor = (type: string): readonly WayName[] => waysOf(sampleDevice(type).behaviour.type);

/** Rings that a driver by a way can have. */
export const ringsFor = (way: WayName): readonly Setup['ring'][] =>
  ways[way].modern ? ['split', 'packed'] : ['split'];

/** Names of the readings of the draft that a way has, the usual one first. */
export const readingsFor = (way: WayName): readonly string[] => (ways[way].drafts ? Object.keys(drafts) : []);

/** @throws OptionError */
function readingOf({ reading, way }: Setup, own: OwnDraft | null): Draft {
  // Of functions that are no MMR ones a draft's table says nothing.
  if (own !== null) return own.fn.kind === 'mmr' ? own.fn.draft : draft2023;
  if (reading === null) return draft2023;
  const names = readingsFor(wayOf(way));
  if (!names.includes(reading))
    throw new OptionError(
      'reading',
      reading,
      names.length === 0 ? 'a way that has drafts' : `one of ${names.join(', ')}`,
    );
  return drafts[reading]!;
}

/** @throws OptionError for a way or a type that a draft of one's own is not for */
function checkOwn({ way, type }: Setup, { ways: possible, types, name }: OwnDraft): void {
  if (!possible.some((each) => each === way))
    throw new OptionError('way', way, `for ${name} one of ${possible.join(', ')}`);
  if (!types.includes(type)) throw new OptionError('type', type, `for ${name} one of ${types.join(', ')}`);
}

/** Who hears of transfers: those of the function, and of the owner of a virtual one. */
export interface Meters {
  readonly device: DmaMeter;
  readonly owner: DmaMeter;
}

/** What a function is on the bus, by a draft of one's own; null for that of a reading. */
function draftedStage(
  own: OwnDraft | null,
  machine: Bus,
  found: FoundFunction,
  fn: VirtioFunction,
): DraftedStage | null {
  if (own === null || own.fn.kind === 'modern-shim') return null;
  return { fn: own.fn, bus: own.fn.bus(machine, found, fn.legacyBytes) };
}

/** Machines, from the driver's to the function's. */
function machinesOf(setup: Setup, draft: Draft, own: OwnDraft | null, sample: SampleDevice, meters: Meters) {
  const way = ways[wayOf(setup.way)];
  const ram = GuestMemory.allocate({ start: 0, length: RAM_BYTES });
  const domain: DmaDomain = new MeteredDma(ram, meters.device);
  if (!way.translated) {
    const fn = way.build(sample.behaviour, { transportFeatures, draft });
    const machine = new Machine({ ram });
    machine.plug(fn.pci, PLACE, domain);
    runFirmware(machine);
    const found = findFunction(machine, PLACE)!;
    const drafted = draftedStage(own, machine, found, fn);
    const stage: Stage = { column: 'left', name: 'host', machine, found, owner: null, drafted };
    const connect = (bus: Bus, intx: boolean) => way.transport(bus, found, { intx, draft });
    return { fn, stages: [stage] as const, connect, host: null };
  }
  const made = way.build(sample.behaviour, { transportFeatures, draft });
  const hostRam = GuestMemory.allocate({ start: 0, length: RAM_BYTES });
  const owners = new MeteredDma(hostRam, meters.owner);
  const ear = new Ear();
  let drafted: DraftedStage | null = null;
  const through = (hosted: HostedFunction): Bus => {
    drafted = draftedStage(own, hosted.host, hosted.found, hosted.fn);
    return drafted === null ? hosted.host : tap(drafted.bus, (event) => ear.sink(event), draft);
  };
  const machines = twoMachines([{ fn: made, domain, owners }], {
    ...{ ram, through },
    host: { ram: hostRam },
    // The row has said that it is one.
    way: setup.way as TranslatedWayName,
    draft,
  });
  const { fn, hosted } = machines.functions[0]!;
  const found = machines.inGuest();
  const guest: Stage = {
    column: 'left',
    name: 'guest',
    machine: machines.guest,
    found,
    owner: null,
    drafted: null,
  };
  const host: Stage = {
    column: 'right',
    name: 'host',
    machine: machines.host,
    found: machines.inHost(),
    owner: hosted.owner,
    drafted,
  };
  const connect = (bus: Bus, intx: boolean) =>
    new LegacyTransport(bus, found, legacyAccess(bus, found), { intx });
  return { fn, stages: [guest, host] as const, connect, host: drafted === null ? null : ear };
}

/**
 * Sets a world up. @param lies what is wrong with the device. @param own the draft of its function, where that is one's own
 * @throws OptionError, UnknownSubjectError for names that there are not; what building a function throws
 */
export function openWorld(setup: Setup, lies: readonly Lies[], own: OwnDraft | null, meters: Meters): World {
  const sample = sampleDevice(setup.type);
  if (!waysFor(setup.type).includes(wayOf(setup.way)))
    throw new OptionError('way', setup.way, `for ${setup.type} one of ${waysFor(setup.type).join(', ')}`);
  if (own !== null) checkOwn(setup, own);
  const draft = readingOf(setup, own);
  const { fn, stages, connect, host } = machinesOf(setup, draft, own, sample, meters);
  for (const lie of lies) lie.device?.(fn, sample);
  const [{ machine, found, drafted }] = stages;
  const plain: Bus = drafted?.bus ?? machine;
  const bus = lies.reduce(
    (honest, lie) => (lie.bus === undefined ? honest : new MutantBus(honest, found.address, lie.bus)),
    plain,
  );
  const memory = new DmaMemory(machine.ram, DRIVER_MEMORY.start, DRIVER_MEMORY.end);
  return { setup, draft, stages, sample, fn, bus, host, memory, connect };
}
