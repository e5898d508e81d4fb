import {
  expectSame,
  functionAddress,
  GuestMemory,
  isStateMap,
  OptionError,
  type State,
  StateMismatchError,
} from '../../core/index.ts';
import { runFirmware } from '../../driver/index.ts';
import {
  type Draft,
  isTranslated,
  OWNER_MEMORY_BYTES,
  type OwnedFunctionOptions,
  twoMachines,
  type WayName,
  ways,
} from '../../mmr/index.ts';
import { Machine, type PciFunction } from '../../pci/index.ts';
import {
  type DeviceBehaviour,
  type FunctionKind,
  functionKinds,
  virtioFunction,
} from '../../virtio/index.ts';
import { type Party, partyOfManifest } from './party.ts';
import { profileOfState } from './profile.ts';
import { newestRelease, releaseOf, releases, stateOfRelease, unknownTo, versionText } from './releases.ts';

/** Where a driver finds a device: on a function of a kind, or by a way to it. */
export type PlaceName = FunctionKind | WayName;

export interface MovableOptions extends Omit<OwnedFunctionOptions, 'administration' | 'draft'> {
  readonly draft?: Draft;
  /** PCI Express, of a function of a kind. */
  readonly express?: boolean;
  /** The number of the release of the state that it saves and loads; by default today's. */
  readonly release?: number;
}

const PLACE = functionAddress(0, 4);
/** Nobody drives the device: RAM is there because machines have some. */
const RAM_BYTES = 0x10000;

const allocate = (length: number) => GuestMemory.allocate({ start: 0, length });
const isKind = (place: PlaceName): place is FunctionKind => Object.hasOwn(functionKinds, place);

/** What the guest's function is, and the host's machine where one stands behind it. */
function build(
  behaviour: DeviceBehaviour,
  place: PlaceName,
  { release: _, express, draft, ...options }: MovableOptions,
): { pci: PciFunction; host: Machine | null } {
  if (isKind(place) || !isTranslated(place)) {
    const machine = new Machine({ ram: allocate(RAM_BYTES) });
    const drafted = draft === undefined ? options : { ...options, draft };
    const { pci } = isKind(place)
      ? virtioFunction(behaviour, { ...options, ...(express === true ? { express } : {}), kind: place })
      : ways[place].build(behaviour, drafted);
    machine.plug(pci, PLACE);
    runFirmware(machine);
    return { pci, host: null };
  }
  const chosen = draft === undefined ? {} : { draft };
  const { guest, host } = twoMachines(ways[place].build(behaviour, { ...options, ...chosen }), {
    ram: allocate(RAM_BYTES),
    host: { ram: allocate(OWNER_MEMORY_BYTES) },
    way: place,
    ...chosen,
  });
  return { pci: guest.functions.get(PLACE)!, host };
}

/** A device of a release that did not have such. */
export class ReleaseError extends OptionError {}

/** A device that nobody drives, with what stands between it and a guest: what saves a state, and takes one. */
export class Movable {
  readonly name: string;
  readonly party: Party;
  readonly #pci: PciFunction;
  readonly #host: Machine | null;
  readonly #release: number;

  /** @throws ReleaseError; what building the function throws */
  constructor(name: string, behaviour: DeviceBehaviour, place: PlaceName, options: MovableOptions = {}) {
    const { pci, host } = build(behaviour, place, options);
    this.name = name;
    this.#pci = pci;
    this.#host = host;
    this.#release = options.release ?? newestRelease;
    const unknown = unknownTo(this.#today(), this.#release);
    if (unknown !== null)
      throw new ReleaseError(
        'release',
        versionText(releases[this.#release]!.software),
        `one that has ${unknown}`,
      );
    this.party =
      this.#release === newestRelease
        ? partyOfManifest(name, this.manifest())
        : partyOfManifest(name, manifestOfRelease(this.manifest(), this.#release));
  }

  /** The manifests of the function that the guest sees, and of the host's machine; null where there is none. */
  manifest(): State {
    return { function: this.#pci.manifest(), host: this.#host?.manifest() ?? null };
  }

  #today(): State {
    return { state: this.#pci.save(), host: this.#host?.save() ?? null };
  }

  /** Of the release that it is of. */
  save(): State {
    const today = this.#today();
    return this.#release === newestRelease ? today : stateOfRelease(today, this.#release);
  }

  /** @throws StateMismatchError for a state that it cannot have. */
  check(state: State): void {
    if (!isStateMap(state) || state.state === undefined || state.host === undefined)
      throw new StateMismatchError('state', state, 'the states of a function and of a host');
    const release = releaseOf(profileOfState(state));
    if (release > this.#release) {
      const [found, newest] = [release, this.#release].map((each) => versionText(releases[each]!.software));
      throw new StateMismatchError('release', found, `a state of release ${newest} or older`);
    }
    this.#pci.check(state.state, 'function');
    if (this.#host === null) expectSame('host', state.host, null);
    else this.#host.check(state.host, 'host');
  }

  /** All or nothing. @throws StateMismatchError as {@link check} */
  load(state: State): void {
    this.check(state);
    const saved = state as { readonly state: State; readonly host: State };
    this.#pci.load(saved.state);
    this.#host?.load(saved.host);
  }
}

/** The manifest of a device of an older release: records have the versions of that time. */
function manifestOfRelease(manifest: State, release: number): State {
  if (Array.isArray(manifest))
    return (manifest as readonly State[]).map((each) => manifestOfRelease(each, release));
  if (!isStateMap(manifest)) return manifest;
  const { since: _, ...rest } = manifest;
  const raised = releases
    .slice(release + 1)
    .flatMap((each) => each.raised)
    .find(({ record }) => record === manifest.record);
  const current = raised === undefined ? manifest : { ...rest, version: raised.version - 1 };
  return Object.fromEntries(
    Object.entries(current).map(([name, each]) => [name, manifestOfRelease(each, release)]),
  );
}
