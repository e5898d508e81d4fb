import {
  DmaDomain,
  type Finding,
  type FunctionAddress,
  formatFunctionAddress,
  GuestMemory,
  immediate,
  type Scheduler,
  type Stateful,
} from '../../core/index.ts';
import { runFirmware } from '../../driver/index.ts';
import {
  type Draft,
  HostedFunction,
  type HostFunction,
  isTranslated,
  type MmrFunctionOptions,
  type OrdinaryWayName,
  OWNER_MEMORY_BYTES,
  OwnedFunction,
  ordinaryWayNames,
  type PresentedFunction,
  type TranslatedWayName,
  ways,
} from '../../mmr/index.ts';
import { functionZero, Machine, type PciFunction } from '../../pci/index.ts';
import type { DeviceBehaviour, VirtioFunction } from '../../virtio/index.ts';

/**
 * Where the guest's driver finds a device: in the legacy block of an I/O BAR, which stands in front of a host's function
 * and is translated to it by one of the translator's ways; or in the modern structures of a function of its own.
 */
export const guestWindows = ordinaryWayNames;
export type GuestWindow = OrdinaryWayName;

/** Slots of a machine that somebody else emulates, with its RAM and its interrupt controllers. */
export interface GuestBoard {
  readonly ram: GuestMemory;
  readonly scheduler: Scheduler;
  /** MSI-X works there. */
  readonly takesMessages: boolean;
  /** State behind the functions that is saved with them. */
  readonly parts: Map<string, Stateful>;
  /** @throws SlotUnavailableError, PlaceError */
  checkFree(address: FunctionAddress): void;
  /** @returns a function that takes it out. */
  plug(fn: PciFunction, address: FunctionAddress, dma?: DmaDomain): () => void;
  /** A finding on a host's function behind one of the board's, at the board's address, where whoever watches the board is to hear of it. */
  finding?(finding: Finding): void;
  /** Has what a function writes to its RAM told to whoever emulates it. @returns a function that ends it. */
  watchWrites(dma: DmaDomain): () => void;
}

export interface PresentOptions {
  readonly window: GuestWindow;
  /** The MMR function's draft, and where it puts its legacy block. */
  readonly draft?: Draft;
  readonly placement?: MmrFunctionOptions['placement'];
  /** Ring and transport features that are offered, in place of the usual ones. */
  readonly transportFeatures?: readonly number[];
  /** What the function's DMA reaches, made of the guest's memory; by default a plain domain. One that is a `MeteredDma` tells of transfers. */
  readonly domain?: (memory: GuestMemory) => DmaDomain;
  /** Changes the function that the guest sees before it is plugged, as by one capability more. */
  readonly prepare?: (pci: PciFunction) => void;
}

export interface GuestDevice {
  /** What the guest sees. */
  readonly pci: PciFunction;
  /** The device's own function: the host's, or for `modern` the same as the guest's. */
  readonly fn: VirtioFunction;
  /** The machine of the host that the function is plugged into; null for `modern`, which has none. */
  readonly host: Machine | null;
  /** The function as it stands there. */
  readonly hosted: HostedFunction | null;
  /** Takes the device out of the guest's machine. */
  unplug(): void;
}

/** RAM of a host where nobody uses it: its functions reach the guest's. */
const UNUSED_BYTES = 4096;

/** Whoever watches the guest's machine knows where a function stands there, not in the host. */
const toldAt =
  (board: GuestBoard, place: FunctionAddress) =>
  (finding: Finding): void =>
    board.finding?.(finding.address === null ? finding : { ...finding, address: place });

/**
 * The host's machine with the function in it: its own RAM is the driver's of a virtual function's owner, others reach the guest's.
 * `place` is the guest's.
 */
function hostFor(
  board: GuestBoard,
  made: HostFunction,
  place: FunctionAddress,
  way: TranslatedWayName,
  draft: Draft | undefined,
  dma: DmaDomain,
): { address: FunctionAddress; hosted: HostedFunction; presented: PresentedFunction } {
  const host = new Machine({
    ram: GuestMemory.allocate({
      start: 0,
      length: made instanceof OwnedFunction ? OWNER_MEMORY_BYTES : UNUSED_BYTES,
    }),
    scheduler: board.scheduler,
    interruptScheduler: immediate,
    ...(board.finding === undefined ? {} : { onFinding: toldAt(board, place) }),
  });
  // The host has this one function: it is function 0 there, whichever it is in the guest.
  const address = functionZero(place);
  board.watchWrites(dma);
  // A register of the guest may become a command of the owner's: it is answered within the access, while work on the guest's
  // memory waits, whose own emulator may have to be asked for it.
  const owners = new DmaDomain(host.ram);
  owners.scheduler = immediate;
  const hosted = new HostedFunction(host, made, address, dma, owners);
  runFirmware(host);
  const options = { way, ...(draft === undefined ? {} : { draft }), messages: board.takesMessages };
  return { address, hosted, presented: hosted.present(options) };
}

/**
 * Gives the guest of another's machine a device through the window of one's choice: the whole assembly of a host that
 * presents its function, where the window needs one. The host's state is saved and loaded with the board's.
 * @throws SlotUnavailableError
 */
export function presentDevice(
  board: GuestBoard,
  behaviour: DeviceBehaviour,
  address: FunctionAddress,
  options: PresentOptions,
): GuestDevice {
  board.checkFree(address);
  const { window, draft, placement, prepare, transportFeatures } = options;
  const dma = options.domain?.(board.ram) ?? new DmaDomain(board.ram);
  const shape = {
    ...(transportFeatures === undefined ? {} : { transportFeatures }),
    ...(draft === undefined ? {} : { draft }),
    ...(placement === undefined ? {} : { placement }),
  };
  if (!isTranslated(window)) {
    const vectors = board.takesMessages ? {} : { vectors: 0 };
    const fn = ways[window].build(behaviour, { ...vectors, ...shape });
    prepare?.(fn.pci);
    return { pci: fn.pci, fn, host: null, hosted: null, unplug: board.plug(fn.pci, address, dma) };
  }
  const made = ways[window].build(behaviour, shape);
  const { address: hostAddress, hosted, presented } = hostFor(board, made, address, window, draft, dma);
  const { host, fn } = hosted;
  prepare?.(presented.pci);
  const takeOut = board.plug(presented.pci, address);
  const part = `host of ${formatFunctionAddress(address)}`;
  board.parts.set(part, host);
  return {
    pci: presented.pci,
    fn,
    host,
    hosted,
    unplug: () => {
      board.parts.delete(part);
      takeOut();
      host.unplug(hostAddress);
    },
  };
}
