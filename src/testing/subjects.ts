import type { Setting, Subject, SubjectSource } from '../conformance/device/index.ts';
import { functionAddress, GuestMemory, type Target } from '../core/index.ts';
import { runFirmware } from '../driver/index.ts';
import {
  draft2023,
  mmrFunction,
  type TranslatedWayName,
  type TwoMachines,
  translatedWayNames,
  twoMachines,
  ways,
} from '../mmr/index.ts';
import { Machine, machineTarget } from '../pci/index.ts';
import {
  Administration,
  type DeviceBehaviour,
  defaultTransportFeatures,
  type FunctionKind,
  feature,
  functionKindNames,
  functionKinds,
  type VirtioFunction,
  VirtualMembers,
  virtioFunction,
  virtualFunctions,
} from '../virtio/index.ts';
import { sampleDevice, UnknownSubjectError } from './devices.ts';
import type { DeviceMutant, Lies } from './mutants/mutant.ts';
import { MutantBus } from './mutants/mutant-bus.ts';

/** How a function of ours is built, and from where it is seen. */
export type SubjectKind = FunctionKind | 'mmr' | 'owner' | `via-${TranslatedWayName}`;
export const subjectKinds: readonly SubjectKind[] = [
  ...functionKindNames,
  'mmr',
  'owner',
  ...translatedWayNames.map((name) => `via-${name}` as const),
];

/** All that a device here can offer besides what is its type's. */
const transportFeatures = [
  ...defaultTransportFeatures,
  feature.ringPacked,
  feature.inOrder,
  feature.suspend,
  feature.notificationConfigData,
];
const PLACE = functionAddress(0, 4);
const MEMORY = { start: 0x100000, end: 0x300000 } as const;
/** In one process what is to happen has happened, but for what waits for a promise. */
const PATIENCE = 120;
const ram = () => GuestMemory.allocate({ start: 0, length: 0x400000 });

const settingsOf = (legacy: boolean, modern: boolean): Setting[] => [
  ...(legacy ? (['legacy'] as const) : []),
  ...(modern ? (['modern', 'packed'] as const) : []),
];

interface Built {
  readonly target: Target;
  /** The driver's: the guest where there are two. */
  readonly machine: Machine;
  readonly machines: TwoMachines | null;
  readonly fn: VirtioFunction;
  readonly settings: readonly Setting[];
  readonly mmr: boolean;
}

function direct(behaviour: DeviceBehaviour, kind: FunctionKind | 'mmr'): Built {
  const machine = new Machine({ ram: ram() });
  const fn =
    kind === 'mmr'
      ? mmrFunction(behaviour, { transportFeatures })
      : virtioFunction(behaviour, { kind, transportFeatures });
  machine.plug(fn.pci, PLACE);
  const { legacy, modern } = kind === 'mmr' ? { legacy: 'mmr', modern: false } : functionKinds[kind];
  return {
    target: machineTarget(machine, PLACE),
    machine,
    machines: null,
    fn,
    settings: settingsOf(legacy !== null, modern),
    mmr: kind === 'mmr',
  };
}

/** Seen from a guest, through the translator. */
function translated(behaviour: DeviceBehaviour, way: TranslatedWayName): Built {
  const machines = twoMachines(ways[way].build(behaviour, { transportFeatures }), { way, ram: ram() });
  const { guest: machine, functions } = machines;
  const { fn, guestAddress } = functions[0]!;
  const target = machineTarget(machine, guestAddress);
  return { target, machine, machines, fn, settings: settingsOf(true, false), mmr: false };
}

/** Virtual functions of an owner. */
const MEMBERS = 3;

/** The owner of virtual functions like itself, with everything in its administration queue. */
function owner(behaviour: DeviceBehaviour): Built {
  const machine = new Machine({ ram: ram() });
  const members = new VirtualMembers();
  const administration = new Administration({
    members,
    legacy: { notify: ['member', 'owner'] },
    parts: { get: 2, set: 2 },
  });
  const fn = virtioFunction(behaviour, { kind: 'modern', express: true, transportFeatures, administration });
  const make = () => sampleDevice(behaviour.type.name).behaviour;
  virtualFunctions(fn, { total: MEMBERS, make, members, legacyCommands: true });
  machine.plug(fn.pci, PLACE);
  const target = machineTarget(machine, PLACE);
  return { target, machine, machines: null, fn, settings: settingsOf(false, true), mmr: false };
}

function build(behaviour: DeviceBehaviour, kind: SubjectKind): Built {
  if (kind === 'owner') return owner(behaviour);
  const way = translatedWayNames.find((name) => kind === `via-${name}`);
  return way === undefined ? direct(behaviour, kind as FunctionKind | 'mmr') : translated(behaviour, way);
}

/** A subject, and what stands behind its bus. */
export interface OpenedSubject {
  readonly subject: Subject;
  readonly machine: Machine;
  /** Null where the driver has the function itself. */
  readonly machines: TwoMachines | null;
  readonly fn: VirtioFunction;
  readonly behaviour: DeviceBehaviour;
}

/** A function of ours that is brought up by firmware, made worse by lies where there are any, and its machines. */
export function openWhole(type: string, kind: SubjectKind, lies: Lies = {}): OpenedSubject {
  const { behaviour, hands } = sampleDevice(type);
  const { target, fn, machine, machines, settings, mmr } = build(behaviour, kind);
  runFirmware(target.bus);
  lies.device?.(fn, { behaviour, hands });
  const bus = lies.bus === undefined ? target.bus : new MutantBus(target.bus, target.fn, lies.bus);
  const subject = {
    target: { ...target, bus },
    type: behaviour.type,
    settings,
    ...(mmr ? { draft: draft2023 } : {}),
    memory: MEMORY,
    hands,
    patience: PATIENCE,
  };
  return { subject, machine, machines, fn, behaviour };
}

/**
 * A function of ours that is brought up by firmware, and made worse by a mutant where there is one.
 * @throws UnknownSubjectError, which lists the names
 */
export const openSubject = (type: string, kind: SubjectKind, mutant?: DeviceMutant): Subject =>
  openWhole(type, knownKind(type, kind), mutant).subject;

/** Types whose owners are of interest: one without configuration, one with fields of all widths, one that is written. */
const ownerTypes: readonly string[] = ['entropy', 'block', 'network'];

/**
 * Kinds that a type's functions can be of: a type that is modern only has no ids for the others.
 * @throws UnknownSubjectError, which lists the types
 */
export const kindsOf = (type: string): readonly SubjectKind[] =>
  sampleDevice(type).behaviour.type.transitionalId === null
    ? ['modern']
    : subjectKinds.filter((kind) => kind !== 'owner' || ownerTypes.includes(type));

/** A kind of a type's functions. @throws UnknownSubjectError, which lists the names */
export function knownKind(type: string, kind: string): SubjectKind {
  const kinds = kindsOf(type);
  const found = kinds.find((each) => each === kind);
  if (found === undefined)
    throw new UnknownSubjectError(
      `unknown kind '${kind}' of ${type} functions; kinds are ${kinds.join(', ')}`,
    );
  return found;
}

/**
 * Functions of ours by name, `block:transitional`. @param kind one of {@link subjectKinds}.
 * @throws UnknownSubjectError, which lists the names
 */
export function ourSource(type: string, kind: string, mutant?: DeviceMutant): SubjectSource {
  const found = knownKind(type, kind);
  return { name: `${type}:${kind}`, cheap: true, open: () => openSubject(type, found, mutant) };
}
