import { AddressSpace, FOUR_GIB, formatFunctionAddress, type State } from '../core/index.ts';
import { type BarContents, BarError, type BarOptions } from './bar-contents.ts';
import {
  type BridgeKind,
  type BridgeOptions,
  bridgeKinds,
  checkBridgeOptions,
  layWindows,
} from './bridge-options.ts';
import { BridgePort } from './bridge-port.ts';
import { reaches } from './config-space.ts';
import { PciFunction } from './function.ts';
import {
  type BridgeWindowName,
  bridgeControl,
  bridgeWindowNames,
  bridgeWindows,
  command,
  headerType,
  isaPorts,
  type0Header,
  type1Header,
  type WindowRange,
  windowRange,
} from './layout/index.ts';
import { type BusBridge, PciBus } from './pci-bus.ts';
import type { BusKind } from './slot.ts';

const PCI_TO_PCI_CLASS = 0x060400;
const BRIDGE_BARS = type1Header.bar.count;

/** The registers of all windows lie between these. */
const windowRegisters = Object.values(bridgeWindows).flatMap(({ base, limit, upper }) => [
  base,
  limit,
  ...(upper ?? []),
]);
const WINDOWS_START = Math.min(...windowRegisters.map(({ offset }) => offset));
const WINDOWS_END = Math.max(...windowRegisters.map(({ offset, width }) => offset + width));

/** A window that is open: where, and what takes it out of the space again. */
interface OpenWindow extends WindowRange {
  readonly isa: boolean;
  readonly unmap: readonly (() => void)[];
}

/**
 * A bridge to another bus, with a header of type 1: port of a root complex or of a switch, or PCI-to-PCI bridge. Functions
 * are plugged behind it. Software reaches their configuration spaces by the bus number that it gave to the secondary bus,
 * and what they decode while the windows of every bridge above them are open there. Their DMA and messages pass while every
 * bridge above them masters the bus; their interrupt pins always do.
 */
export class Bridge extends PciFunction implements BusBridge {
  readonly kind: BridgeKind;
  readonly leadsTo: BusKind;
  /** The bus behind it, and the functions there. */
  readonly secondary: PciBus;
  /** Routes of configuration accesses may be others from now on. Set by the board that it is plugged into. */
  onRoutes: () => void = () => {};
  readonly #windows: readonly BridgeWindowName[];
  readonly #open = new Map<BridgeWindowName, OpenWindow>();
  readonly #port: BridgePort | null;
  #number = 0;
  #passes = true;
  #inReset = false;

  /** @throws FunctionOptionsError */
  constructor(options: BridgeOptions) {
    checkBridgeOptions(options);
    const { kind, slotNumber = 0, ...ids } = options;
    const { port, leadsTo, ...usual } = bridgeKinds[kind];
    const own = { ...usual, name: kind, ...ids };
    const hotPlug = leadsTo === 'link' && slotNumber !== null;
    const interruptPin = hotPlug ? 1 : 0;
    super({ ...own, classCode: PCI_TO_PCI_CLASS, interruptPin, express: port !== null }, type1Header);
    this.kind = kind;
    this.leadsTo = leadsTo;
    this.config.wire(type1Header.headerType.offset, 1, headerType.bridge);
    this.#windows = layWindows(this.config, options);
    this.#port =
      port === null
        ? null
        : new BridgePort(this.config, this.capabilities, this, {
            type: port,
            leadsToLink: leadsTo === 'link',
            slotNumber: hotPlug ? slotNumber : null,
          });
    this.onBusMaster.push(() => this.#tellBehind());
    this.secondary = new PciBus(
      this,
      new AddressSpace(`I/O behind ${this.name}`, FOUR_GIB),
      new AddressSpace(`memory behind ${this.name}`, Number.MAX_SAFE_INTEGER),
    );
  }

  override get bridge(): this {
    return this;
  }

  get segment(): number {
    return this.slot.address >>> 16;
  }

  get path(): string {
    return this.plugged ? this.slot.path : this.name;
  }

  get secondaryBus(): number {
    return this.config.get(type1Header.secondaryBusNumber.offset, 1);
  }

  get subordinateBus(): number {
    return this.config.get(type1Header.subordinateBusNumber.offset, 1);
  }

  /** Not while its secondary side is in reset, or it has no power for it. */
  get passesConfig(): boolean {
    return this.powered && !this.#inReset;
  }

  get reachesDevices(): boolean {
    return this.leadsTo !== 'link' || this.#port?.forwardsAlternative === true;
  }

  #controls(bit: number): boolean {
    return (this.config.get(type1Header.bridgeControl.offset, 2) & bit) !== 0;
  }

  set occupied(present: boolean) {
    if (this.#port !== null) this.#port.occupied = present;
  }

  /** @throws BarError */
  override addBar(options: BarOptions): BarContents {
    if (options.index + (options.kind === 'memory64' ? 1 : 0) >= BRIDGE_BARS)
      throw new BarError(options.index, `a bridge has ${BRIDGE_BARS} registers`);
    return super.addBar(options);
  }

  override afterWrite(start: number, end: number): void {
    super.afterWrite(start, end);
    const { primaryBusNumber, bridgeControl: control } = type1Header;
    if (reaches(start, end, primaryBusNumber.offset, 3)) this.#onNumbers();
    if (reaches(start, end, WINDOWS_START, WINDOWS_END - WINDOWS_START)) this.decode();
    if (!reaches(start, end, control.offset, control.width)) return;
    const wasInReset = this.#inReset;
    this.decode();
    if (this.#inReset && !wasInReset) this.secondary.reset();
  }

  #onNumbers(): void {
    const number = this.secondaryBus;
    if (number !== this.#number) for (const fn of this.secondary.present()) fn.renumbered();
    this.#number = number;
    this.onRoutes();
  }

  /** A reset of the bridge is one of all that is behind it. */
  override reset(): void {
    this.secondary.reset();
    super.reset();
    this.#onNumbers();
    this.#port?.follow();
  }

  override load(state: State): void {
    super.load(state);
    this.#onNumbers();
  }

  override upstreamChanged(): void {
    super.upstreamChanged();
    this.#tellBehind();
  }

  #tellBehind(): void {
    for (const fn of this.secondary.present()) fn.upstreamChanged();
  }

  protected override decode(): void {
    super.decode();
    this.#inReset = this.#controls(bridgeControl.secondaryReset);
    if (this.#passes !== this.passesConfig) {
      this.#passes = this.passesConfig;
      this.onRoutes();
    }
    if (!this.plugged) return;
    let changed = false;
    for (const name of this.#windows) if (this.#follow(name)) changed = true;
    if (changed) this.#tellBehind();
  }

  /** Opens a window, moves or closes it, as its registers say. @returns whether anything changed. */
  #follow(name: BridgeWindowName): boolean {
    const { space } = bridgeWindows[name];
    const isa = space === 'io' && this.#controls(bridgeControl.isa);
    const open = this.#open.get(name);
    const wanted = this.#wanted(name);
    if (open?.start === wanted?.start && open?.end === wanted?.end && (open?.isa ?? isa) === isa)
      return false;
    for (const unmap of open?.unmap ?? []) unmap();
    if (wanted === null) this.#open.delete(name);
    else {
      const pieces = isa ? isaPieces(wanted) : [wanted];
      this.#open.set(name, { ...wanted, isa, unmap: pieces.map((piece) => this.#map(name, piece)) });
    }
    return true;
  }

  #wanted(name: BridgeWindowName): WindowRange | null {
    const { space } = bridgeWindows[name];
    if ((this.commandInForce & (space === 'io' ? command.io : command.memory)) === 0) return null;
    const range = windowRange((offset, width) => this.config.get(offset, width), bridgeWindows[name]);
    if (range === null) return null;
    const end = Math.min(range.end, this.slot[space].size);
    return range.start < end ? { start: range.start, end } : null;
  }

  #map(name: BridgeWindowName, { start, end }: WindowRange): () => void {
    const { space } = bridgeWindows[name];
    const { address } = this.slot;
    const target = this.secondary[space];
    const length = end - start;
    return this.slot[space].map({
      name: `${formatFunctionAddress(address)} ${name} window`,
      start,
      length,
      target,
      // Addresses are the same on both sides.
      parts: [{ name: '', offset: 0, length, base: -start, target }],
      // As with BARs that overlap, the lower function answers.
      priority: -(address * type0Header.bar.count + BRIDGE_BARS + bridgeWindowNames.indexOf(name)),
    });
  }
}

/** What of an I/O window is left with the ISA bit. */
function isaPieces({ start, end }: WindowRange): WindowRange[] {
  const { everyBytes, passedBytes, end: isaEnd } = isaPorts;
  const pieces: WindowRange[] = [];
  for (let at = start; at < Math.min(end, isaEnd); at += everyBytes)
    pieces.push({ start: at, end: at + passedBytes });
  if (end > isaEnd) pieces.push({ start: Math.max(start, isaEnd), end });
  return pieces;
}
