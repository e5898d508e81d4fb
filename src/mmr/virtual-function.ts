import { type Bus, type FunctionAddress, VirtiolabError } from '../core/index.ts';
import { configOf, type FunctionConfig, type FunctionReference } from '../driver/index.ts';
import { PciFunction } from '../pci/index.ts';
import {
  conventionalBars,
  type DeviceType,
  deviceTypes,
  LEGACY_BAR,
  LEGACY_CONFIG_OFFSET_MSIX,
  transitionalIdOf,
  VIRTIO_VENDOR_ID,
} from '../virtio/index.ts';
import type { AdminMember } from './access/admin.ts';
import type { LegacyBackend } from './access/backend.ts';
import { checkDraft, type Draft, draft2023, identify, type VirtioIdentity } from './layout/index.ts';
import { TranslatorWindow } from './translator.ts';
import {
  equalWayNames,
  type TranslatedWay,
  type TranslatedWayName,
  translatedWayNames,
  ways,
} from './ways.ts';

/** A function that no legacy driver could be given: not virtio, or of no type that is known, or a modern-only one. */
export class NotPresentableError extends VirtiolabError {}

export interface PresentOptions {
  readonly draft?: Draft;
  /** How the guest's accesses reach the function; by default what its ids call for. */
  readonly way?: TranslatedWayName;
  /** Bytes of the function's configuration, for a way on which it does not tell them itself: by default as many as its type can have. */
  readonly configBytes?: number;
  /** By whose commands the function is reached, in place of its own registers: a virtual function of an owner that has legacy commands. */
  readonly member?: AdminMember;
  /** Device types that the host's function may be of; this project's by default. */
  readonly types?: readonly DeviceType[];
  /** Offers MSI-X to the guest where the host's function has it. False for a machine without a place for messages. */
  readonly messages?: boolean;
}

/**
 * What a guest's machine is given in the place of a host's function. Unplugging it gives the host's function back, reset,
 * and its vectors: to plug the host's function in again, present it again.
 */
export interface PresentedFunction {
  readonly type: DeviceType;
  readonly pci: PciFunction;
  readonly backend: LegacyBackend;
}

/** The way to a function with ids that call for some of them. @returns undefined where there is none */
function nameOf(ids: VirtioIdentity['ids'], host: FunctionConfig, { way: wanted, member }: PresentOptions) {
  const byCommands = member !== undefined;
  const named = (name: TranslatedWayName) =>
    (wanted ?? name) === name && ways[name].byCommands === byCommands;
  // By commands ids mean nothing: what the function has in its BARs is not used.
  const candidates = wanted === undefined ? equalWayNames : translatedWayNames;
  const stands = (block: TranslatedWay['block']) =>
    wanted !== undefined || block === null || block === host.barPlace(LEGACY_BAR).space;
  return candidates.find(
    (name) => named(name) && (byCommands || (ways[name].ids === ids && stands(ways[name].block))),
  );
}

/** Device type by the ids of a host's function, and the way to it. */
function wayTo(
  host: FunctionConfig,
  options: PresentOptions,
): { type: DeviceType; draft: Draft; way: TranslatedWay } {
  const { draft = draft2023, types = deviceTypes } = options;
  checkDraft(draft, types);
  const { vendorId: vendor, deviceId: device } = host;
  const identity = identify(vendor, device, draft, types);
  const name = identity === null ? undefined : nameOf(identity.ids, host, options);
  if (identity !== null && name !== undefined) return { type: identity.type, draft, way: ways[name] };
  const ids = [vendor, device].map((id) => id.toString(16).padStart(4, '0')).join(':');
  throw new NotPresentableError(`function ${ids} is ${whyNot(identity === null, draft, options)}`);
}

function whyNot(unknown: boolean, { name }: Draft, { way, member }: PresentOptions): string {
  if (unknown || way === undefined) return `neither transitional nor of the ${name} draft`;
  const byCommands = member !== undefined;
  const how = byCommands ? " by its owner's commands" : ' without the commands of its owner';
  return `not one for the way '${way}'${byCommands === ways[way].byCommands ? '' : how}`;
}

/**
 * Presents a function of the host to a guest as an ordinary legacy function: transitional ids, revision 0, an I/O BAR0.
 * The host's firmware must have given the function its addresses, and its DMA must reach the guest's memory. Whatever it
 * was used for before, it starts reset. Where its BARs are moved later it is followed; once it is gone the guest reads all
 * ones. Of a virtual function its owner tells ids and BARs: give it as `EnabledVirtualFunctions.find` returns it.
 * @throws DraftError, NotPresentableError, TranslatorError; AlreadyPresentedError while another guest has the function.
 */
export function presentLegacy(
  bus: Bus,
  fn: FunctionReference,
  options: PresentOptions = {},
): PresentedFunction {
  const host = configOf(bus, fn);
  const { type, draft, way } = wayTo(host, options);
  const { member, configBytes } = options;
  const backend = way.open(bus, fn, { draft, type, member, configBytes });
  const pci = virtualFunction(type, backend, options.messages);
  warnOfStrayDma(bus, host.address, pci);
  return { type, pci, backend };
}

/**
 * Addresses that the guest's driver gives mean nothing to a function whose DMA goes to another memory. Said when the
 * guest first lets the function master the bus; served all the same.
 */
function warnOfStrayDma(bus: Bus, address: FunctionAddress, pci: PciFunction): void {
  let said = false;
  pci.onBusMaster.push(() => {
    if (said || !pci.busMaster) return;
    const memory = bus.dmaMemory?.(address);
    if (memory === undefined || memory === pci.slot.dma.memory) return;
    said = true;
    pci.report('device', 'RF-16', "the host's function has a DMA domain that is not the guest's memory", {
      what: "address of the host's function",
      value: address,
    });
  });
}

/** The function that the guest sees, in front of a back end. `messages` as in {@link PresentOptions}. @throws ModernOnlyTypeError */
export function virtualFunction(type: DeviceType, backend: LegacyBackend, messages = true): PciFunction {
  const { functionName: name, classCode, typeNumber: subsystemId } = type;
  const pci = new PciFunction({
    name,
    vendorId: VIRTIO_VENDOR_ID,
    deviceId: transitionalIdOf(type, 'legacy'),
    classCode,
    subsystemVendorId: VIRTIO_VENDOR_ID,
    subsystemId,
    interruptPin: 1,
  });
  const lengthBytes = Math.max(
    32,
    2 ** Math.ceil(Math.log2(LEGACY_CONFIG_OFFSET_MSIX + backend.configBytes)),
  );
  const target = new TranslatorWindow(backend, () => pci.msixEnabled);
  pci.addBar({
    index: conventionalBars.legacy,
    kind: 'io',
    lengthBytes,
    regions: [{ name: 'legacy', offset: 0, length: lengthBytes, target }],
  });
  if (messages && backend.vectors > 0) pci.addMsix(conventionalBars.msix, backend.vectors);
  backend.attach({
    setLine: (level) => pci.setInterrupt(level),
    trigger: (vector) => pci.msix?.trigger(vector, vector),
    forget: (vector) => {
      if (vector === undefined) pci.msix?.withdrawAll();
      else pci.msix?.withdraw(vector);
    },
    masked: (vector) => pci.msix?.isMasked(vector) ?? false,
    report: (clause, message, about) => pci.report('device', clause, message, about),
  });
  if (pci.msix !== null)
    pci.msix.origin = {
      maskChanged: (vector, masked) => backend.setMask?.(vector, masked),
      pendingBits: (offset) => backend.pendingBits?.(offset) ?? 0,
    };
  pci.onMsixEnable.push(() => backend.setMsix(pci.msixEnabled));
  pci.onBusMaster.push(() => backend.setBusMaster(pci.busMaster));
  // A function that is taken away is reset after that once more, when the host's may be another guest's already.
  let released = false;
  pci.onReset.push(() => {
    if (!released) backend.reset();
  });
  pci.onUnplug.push(() => {
    backend.reset();
    backend.release();
    released = true;
  });
  pci.onLoad.push(() => {
    const { msixEnabled: msix, busMaster, pinLevel: line } = pci;
    backend.adopt?.({ msix, busMaster, line });
  });
  // Named after its kind, so that the state of another kind is not mistaken for its own.
  const part = `backend ${backend.name}`;
  pci.parts.set(part, backend);
  pci.device = {
    hear: () => {},
    check: ({ parts, pinLevel }, path) =>
      backend.checkGuest?.(parts[part]!, pinLevel, `${path}.parts.${part}`),
  };
  return pci;
}
