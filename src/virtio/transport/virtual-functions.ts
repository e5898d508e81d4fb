import { flag, record, type State, type Stateful } from '../../core/index.ts';
import {
  type VirtualFunction,
  VirtualFunctions,
  VirtualFunctionsError,
  type VirtualFunctionsOptions,
} from '../../pci/index.ts';
import type { GroupListener, MemberGroup } from '../admin/members.ts';
import type { DeviceBehaviour } from '../behaviour.ts';
import type { VirtioDevice } from '../device.ts';
import { type FunctionKind, feature, functionKinds } from '../layout/index.ts';
import {
  type FunctionPlan,
  planFunction,
  VirtioFunction,
  type VirtioFunctionOptions,
} from './pci-function.ts';

/** How many there are and where, and the device behind each. */
export interface VirtioVirtualOptions extends Omit<VirtualFunctionsOptions, 'deviceId' | 'bars' | 'make'> {
  /**
   * The device behind function 1..total, all of one type, with as many queues and as long a configuration: see
   * {@link VirtualFunctionsOptions.make}.
   */
  make(index: number): DeviceBehaviour;
  /** The group that the owner's administration has of them. */
  readonly members?: VirtualMembers;
}

/** Virtual functions of one kind. */
export interface VirtualOptions
  extends VirtioVirtualOptions,
    Omit<VirtioFunctionOptions, 'kind' | 'express'> {
  readonly kind?: FunctionKind;
}

export const consentState = record('virtual-function-consent', 1, { given: flag });

/** Whether a driver may enable virtual functions: resets do not take that back (RF-11, RF-12). */
class Consent implements Stateful {
  readonly record = consentState;
  readonly #device: VirtioDevice;

  constructor(device: VirtioDevice) {
    this.#device = device;
  }

  save() {
    return consentState.save({ given: this.#device.features.mayEnableVirtual });
  }

  check(state: State, path = 'consent') {
    return consentState.parse(state, path);
  }

  load(state: State): void {
    this.#device.features.mayEnableVirtual = this.check(state).given;
  }
}

/** Virtual functions with virtio devices behind them. */
export class VirtioVirtualFunctions {
  readonly pci: VirtualFunctions;
  readonly owner: VirtioFunction;

  constructor(owner: VirtioFunction, pci: VirtualFunctions) {
    this.owner = owner;
    this.pci = pci;
  }

  /** VF Enable. */
  get enabled(): boolean {
    return this.pci.enabled;
  }

  /** How many there are; 0 while VF Enable is clear. */
  get count(): number {
    return this.pci.count;
  }

  /**
   * Function `index`, 1..count; undefined where there is none. It is good until the next access to whatever function: whoever
   * holds it longer takes it by {@link keep}.
   */
  at(index: number): VirtioFunction | undefined {
    return virtioOf(this.pci.at(index));
  }

  /** The same, as an object that stays what it is until {@link letGo}, or until it is gone. */
  keep(index: number): VirtioFunction | undefined {
    return virtioOf(this.pci.keep(index));
  }

  /** To be called as often as it was kept. Of one that is gone it has no effect. */
  letGo(fn: VirtioFunction): void {
    this.pci.letGo(fn.pci as VirtualFunction);
  }
}

/** The member that a command is about, and that of one which came to be carried out within it. */
const KEPT_MEMBERS = 2;

/**
 * Virtual functions as the group that their owner administers (GRP-01). The administration is a part of the owner, which comes
 * before its virtual functions: so this is made first, and given to both.
 */
export class VirtualMembers implements MemberGroup {
  /** Null before there are any. */
  functions: VirtioVirtualFunctions | null = null;
  listener: GroupListener | null = null;
  /** Those that commands were about of late. */
  readonly #latest: VirtioFunction[] = [];

  get enabled(): boolean {
    return this.functions?.enabled === true;
  }

  get bar0(): boolean {
    return this.functions?.pci.options.bars.some(({ index }) => index === 0) === true;
  }

  get count(): number {
    return this.functions?.count ?? 0;
  }

  /** Of 1 to {@link count}. It stays the same object for some commands: what one does may lead to accesses to others. */
  member(id: number): VirtioFunction {
    const functions = this.functions!;
    const found = functions.keep(id)!;
    this.#latest.push(found);
    if (this.#latest.length > KEPT_MEMBERS) functions.letGo(this.#latest.shift()!);
    return found;
  }
}

const virtioOf = (fn: VirtualFunction | undefined): VirtioFunction | undefined =>
  fn?.device instanceof VirtioFunction ? fn.device : undefined;

/** What has to be the same for one layout to do for all. */
const needsOf = ({ type, queueSizes, config }: DeviceBehaviour) =>
  `${type.name}, ${queueSizes.length} queues, ${config.length} bytes of configuration`;

/**
 * Gives a PCI Express function virtual ones, and with the capability its device the feature SR_IOV (RF-22).
 * @param planOf plans functions around a behaviour, as virtual ones.
 * @throws VirtualFunctionsError, BarError, CapabilitySpaceError, and what the plan throws.
 */
export function addVirtualFunctions(
  owner: VirtioFunction,
  options: VirtioVirtualOptions,
  planOf: (like: DeviceBehaviour) => FunctionPlan,
): VirtioVirtualFunctions {
  const { make, members, ...places } = options;
  let first: DeviceBehaviour | null = make(1);
  const needs = needsOf(first);
  const { identity, layout, build } = planOf(first);
  const pci = new VirtualFunctions(owner.pci, {
    ...places,
    deviceId: identity.deviceId,
    bars: layout.bars.map(({ index, kind, lengthBytes, prefetchable = false }) => ({
      ...{ index, lengthBytes, prefetchable },
      kind: kind as 'memory32' | 'memory64',
    })),
    make: (index) => {
      const behaviour = index === 1 && first !== null ? first : make(index);
      if (index === 1) first = null;
      if (needsOf(behaviour) !== needs)
        throw new VirtualFunctionsError(
          `function ${index}`,
          needsOf(behaviour),
          `${needs}, as the first one has`,
        );
      return build(behaviour).pci as VirtualFunction;
    },
  });
  const { features } = owner.device;
  features.offer(feature.singleRootIov);
  owner.pci.parts.set('consent', new Consent(owner.device));
  pci.onEnable.push((enabled) => {
    if (enabled && !features.mayEnableVirtual && !features.legacyDriver)
      owner.pci.report('driver', 'RF-11', 'VF Enable was set before SR_IOV was agreed on', {
        what: 'number of functions',
        value: pci.count,
      });
  });
  const functions = new VirtioVirtualFunctions(owner, pci);
  if (members === undefined) return functions;
  members.functions = functions;
  pci.onEnable.push((enabled) => {
    if (!enabled) members.listener?.groupEnds();
  });
  return functions;
}

/**
 * Gives a PCI Express virtio function virtual ones of any kind that stands in memory, by default modern ones.
 * @throws VirtualFunctionsError, ModernOnlyTypeError, ShapeError, StructurePlaceError, BarError, CapabilitySpaceError
 */
export function virtualFunctions(owner: VirtioFunction, options: VirtualOptions): VirtioVirtualFunctions {
  const { kind = 'modern' } = options;
  if (functionKinds[kind].legacy === 'io')
    throw new VirtualFunctionsError(
      'kind',
      kind,
      'one without a block in I/O space, which virtual functions have none of',
    );
  return addVirtualFunctions(owner, options, (like) =>
    planFunction(like, { ...options, kind }, { virtual: true }),
  );
}
