import {
  type FindingAbout,
  findingOf,
  formatFunctionAddress,
  type Party,
  type RegisterMap,
  type Shape,
  type State,
  type Stateful,
  type Width,
} from '../core/index.ts';
import { Bar } from './bar.ts';
import { type BarContents, type BarOptions, checkRegistersFree } from './bar-contents.ts';
import { CapabilityList, ExtendedCapabilityList } from './capability-list.ts';
import { type ConfigListener, ConfigSpace, reaches } from './config-space.ts';
import { ExpressCapability } from './express.ts';
import { FunctionEvents } from './function-events.ts';
import { FunctionMessages } from './function-messages.ts';
import {
  checkFunctionOptions,
  FunctionOptionsError,
  headerValues,
  type PciFunctionOptions,
} from './function-options.ts';
import {
  checkFunction,
  functionManifest,
  functionState,
  LIVE_BITS,
  type SavedFunction,
} from './function-state.ts';
import {
  CONVENTIONAL_BYTES,
  capabilityId,
  command,
  EXTENDED_BYTES,
  MULTI_FUNCTION,
  messageControl,
  msixCapability,
  type0Header,
  type1Header,
} from './layout/index.ts';
import { checkVectors, Msix, type MsixPlace, msixTableBytes } from './msix.ts';
import { msixRegions } from './msix-bar.ts';
import type { BusBridge } from './pci-bus.ts';
import { InterruptPin } from './pin.ts';
import { PowerCapability, type PowerManagementOptions } from './power.ts';
import { functionShape } from './shape.ts';
import { type Slot, SlotError } from './slot.ts';
import type { VirtualFunctions } from './virtual-functions.ts';

const NO_BARS: readonly BarContents[] = [];

/**
 * A PCI function: configuration space, capability lists, BARs, MSI-X, an interrupt pin. It knows nothing of what
 * stands behind its BARs. It is assembled before it is plugged; the device behind it hears of what the
 * configuration software does.
 */
export class PciFunction extends FunctionEvents implements ConfigListener, Stateful {
  readonly name: string;
  readonly config: ConfigSpace;
  readonly capabilities: CapabilityList;
  readonly extendedCapabilities: ExtendedCapabilityList;
  bars = NO_BARS;
  /** State behind the BARs that is saved and loaded with the function. */
  readonly parts = new Map<string, Stateful>();
  /** Those that it has beside it. */
  virtualFunctions: VirtualFunctions | null = null;
  #slot: Slot | null = null;
  #msix: Msix | null = null;
  #msixAt = 0;
  #express: ExpressCapability | null = null;
  #power: PowerCapability | null = null;
  readonly #pin: InterruptPin;
  #busMaster = false;
  #msixEnabled = false;
  #multiFunction = false;
  #msixMasked = false;

  /** `header` is that of a function; a bridge has another. @throws FunctionOptionsError */
  constructor(options: PciFunctionOptions, header: RegisterMap = type0Header) {
    checkFunctionOptions(options);
    super();
    this.name = options.name;
    this.config = new ConfigSpace(options.express === true ? EXTENDED_BYTES : CONVENTIONAL_BYTES, LIVE_BITS);
    this.config.place(header, 0, headerValues(options));
    this.#pin = new InterruptPin(this.config);
    this.capabilities = new CapabilityList(this.config);
    this.extendedCapabilities = new ExtendedCapabilityList(this.config);
    this.config.listen(this);
    if (options.express === true && header !== type1Header)
      this.#express = new ExpressCapability(this.config, this.capabilities, this, header);
  }

  /** Software wrote bytes of configuration space. */
  afterWrite(start: number, end: number): void {
    if (reaches(start, end, type0Header.command.offset, 2)) this.#onCommand();
    if (reaches(start, end, type0Header.bar.offset, 24)) this.#onBarWrite();
    if (this.#msixAt !== 0 && reaches(start, end, this.#msixAt + msixCapability.messageControl.offset, 2))
      this.#onMsixControl();
    if (this.#power?.reached(start, end) === true) {
      if (this.#power.follow()) this.reset();
      else this.#onCommand();
    }
  }

  /** @throws BarError when the register is taken or the BAR is impossible. */
  addBar(options: BarOptions): BarContents {
    checkRegistersFree(this.bars, options);
    const bar = this.makeBar(options);
    // Unlike a spread, which leaves room for more.
    this.bars = this.bars.concat(bar);
    if (bar.kind === 'io') this.#express?.claimsIo();
    return bar;
  }

  protected makeBar(options: BarOptions): BarContents {
    return new Bar(this.config, options);
  }

  /**
   * MSI-X with table and pending bits in one memory BAR of its own, as `bar`; 2 KiB each or as many as needed.
   * @throws VectorCountError; BarError; FunctionOptionsError when the function has MSI-X already
   */
  addMsix(index: BarOptions['index'], vectors: number): Msix {
    checkVectors(vectors);
    const half = Math.max(2048, 2 ** Math.ceil(Math.log2(msixTableBytes(vectors))));
    const msix = this.placeMsix(vectors, { bar: index, offset: 0 }, { bar: index, offset: half });
    this.addBar({ index, kind: 'memory32', lengthBytes: 2 * half, regions: msixRegions(msix, half) });
    return msix;
  }

  /**
   * MSI-X whose table and pending bits the caller puts into BARs, where the capability says that they are: offsets are
   * multiples of 8.
   * @throws VectorCountError; FunctionOptionsError when the function has MSI-X already
   */
  placeMsix(vectors: number, table: MsixPlace, pendingBits: MsixPlace): Msix {
    if (this.#msix !== null)
      throw new FunctionOptionsError('MSI-X', vectors, `one table: it has ${this.#msix.vectors} vectors`);
    const msix = new Msix(vectors, new FunctionMessages(this));
    this.#msixAt = this.capabilities.add(capabilityId.msix, msixCapability, {
      messageControl: vectors - 1,
      table: table.offset | table.bar,
      pendingBits: pendingBits.offset | pendingBits.bar,
    });
    this.#msix = msix;
    return msix;
  }

  /** Power management with D0 and D3hot. @throws FunctionOptionsError when the function has it already */
  addPowerManagement(options: PowerManagementOptions = {}): void {
    if (this.#power !== null) throw new FunctionOptionsError('power management', true, 'it once');
    this.#power = new PowerCapability(this.config, this.capabilities, options);
  }

  /** The device has other functions: header type bit 7. Said by whoever plugs them. */
  set multiFunction(on: boolean) {
    this.#multiFunction = on;
    this.#wireHeaderType();
  }

  #wireHeaderType(): void {
    const { offset } = type0Header.headerType;
    const bit = this.#multiFunction ? MULTI_FUNCTION : 0;
    this.config.wire(offset, 1, (this.config.get(offset, 1) & ~MULTI_FUNCTION) | bit);
  }

  get slot(): Slot {
    if (this.#slot === null) throw new SlotError(`${this.name} is not plugged into a machine`);
    return this.#slot;
  }

  /** Says that somebody breaks a clause, to whoever listens; to nobody while it is plugged nowhere. */
  report(party: Party, clause: string, message: string, about?: FindingAbout): void {
    const slot = this.#slot;
    if (slot !== null)
      slot.report(findingOf({ address: slot.address, subject: this.name }, party, clause, message, about));
  }

  get plugged(): boolean {
    return this.#slot !== null;
  }

  /** What is a bridge, as one. */
  get bridge(): BusBridge | null {
    return null;
  }

  /** The function that stands for the whole device on its link: itself, but for a virtual function. */
  get physical(): PciFunction {
    return this;
  }

  /** Bus mastering is on, of each bridge above too: DMA and messages leave the function. */
  get busMaster(): boolean {
    return this.#busMaster;
  }

  get msix(): Msix | null {
    return this.#msix;
  }

  /** The enable bit of message control. */
  get msixEnabled(): boolean {
    return this.#msixEnabled;
  }

  /** The function mask bit of message control. */
  get msixMasked(): boolean {
    return this.#msixMasked;
  }

  /** Takes the bits of message control over. */
  #readMsixControl(): void {
    if (this.#msix === null) return;
    const control = this.config.get(this.#msixAt + msixCapability.messageControl.offset, 2);
    this.#msixEnabled = (control & messageControl.enable) !== 0;
    this.#msixMasked = (control & messageControl.functionMask) !== 0;
  }

  #onMsixControl(): void {
    const [enabled, masked] = [this.#msixEnabled, this.#msixMasked];
    this.#readMsixControl();
    this.#updateLine();
    if (enabled !== this.#msixEnabled) this.tell('msixEnable');
    if (masked !== this.#msixMasked) this.#msix?.functionMaskChanged();
    this.#msix?.flush();
  }

  /** Called by the machine. @throws SlotError when the function sits in a slot already. */
  plug(slot: Slot): void {
    if (this.#slot !== null)
      throw new SlotError(`${this.name} sits in slot ${formatFunctionAddress(this.#slot.address)} already`);
    const lineBefore = this.config.get(type0Header.interruptLine.offset, 1);
    this.#slot = slot;
    if (this.#express !== null) this.#express.behindPort = slot.upstream?.leadsTo === 'link';
    if (slot.interruptLine !== null) this.config.set(type0Header.interruptLine.offset, 1, slot.interruptLine);
    this.config.seal();
    try {
      this.tell('plug');
      this.#onCommand();
    } catch (error) {
      this.unplug();
      this.config.wire(type0Header.interruptLine.offset, 1, lineBefore);
      throw error;
    }
  }

  /** A function without power forgets what software programmed: in its next slot it starts anew. */
  unplug(): void {
    this.tell('unplug');
    this.reset();
    this.setInterrupt(false);
    this.#slot = null;
    if (this.#express !== null) this.#express.behindPort = false;
  }

  /** A bridge above passes on what it did not, or no longer. */
  upstreamChanged(): void {
    this.#onCommand();
    this.tell('decode');
  }

  /** The bus that it stands on has another number: what it decodes bears its new name. */
  renumbered(): void {
    for (const bar of this.bars) bar.release();
    this.decode();
    this.virtualFunctions?.renumbered();
  }

  configRead(offset: number, width: Width): number {
    return this.config.read(offset, width);
  }

  configWrite(offset: number, width: Width, value: number): void {
    this.config.write(offset, width, value);
  }

  /** Level that the device wants on its pin; the command register, MSI-X and the power state have their say. */
  setInterrupt(level: boolean): void {
    if (level === this.#pin.level) return;
    this.#pin.level = level;
    this.#updateLine();
  }

  /** Function-level or bus reset: the device first, then configuration space as after power-on. */
  reset(): void {
    this.tell('reset');
    this.#msix?.reset();
    this.config.reset();
    this.#power?.restore();
    this.#onCommand();
    this.#onMsixControl();
  }

  /** The level that the device wants on its pin. */
  get pinLevel(): boolean {
    return this.#pin.level;
  }

  /** In D0. Below it the function decodes nothing and masters nothing. */
  get powered(): boolean {
    return this.#power === null || this.#power.powered;
  }

  /** The command register, or 0 in a power state in which it has no effect. */
  protected get commandInForce(): number {
    return this.powered ? this.config.get(type0Header.command.offset, 2) : 0;
  }

  #mastersBus(): boolean {
    return (this.commandInForce & command.busMaster) !== 0 && this.#slot?.upstream?.busMaster !== false;
  }

  #onCommand(): void {
    this.decode();
    const was = this.#busMaster;
    this.#busMaster = this.#mastersBus();
    this.#updateLine();
    if (was !== this.#busMaster) this.tell('busMaster');
    if (this.#busMaster && !was) this.#msix?.flush();
  }

  #onBarWrite(): void {
    for (const { index, address: value, whileDecoded } of this.bars)
      if (whileDecoded !== null)
        this.report('driver', 'CONF-03', `BAR${index} was ${whileDecoded} while it is decoded`, {
          what: 'address',
          value,
        });
    this.decode();
  }

  /** Follows the registers that say where it answers. */
  protected decode(): void {
    const slot = this.#slot;
    if (slot === null) return;
    const bits = this.commandInForce;
    let changed = false;
    for (const bar of this.bars) {
      const io = bar.kind === 'io';
      const on = (bits & (io ? command.io : command.memory)) !== 0;
      if (bar.decode(io ? slot.io : slot.memory, on, this, slot.address)) changed = true;
    }
    if (changed) this.tell('decode');
  }

  #updateLine(): void {
    if (this.#pin.follow(this.#msixEnabled, this.powered)) this.#slot?.setLine(this.#pin.asserted);
  }

  save(shape: Shape = functionShape(this)) {
    const parts = Object.fromEntries(Array.from(this.parts, ([name, part]) => [name, part.save()]));
    return functionState.save({
      shape,
      config: this.config.save(),
      msix: this.#msix?.save() ?? null,
      pinLevel: this.#pin.level,
      parts,
    });
  }

  manifest(): State {
    return functionManifest(this);
  }

  check(state: State, path = `function ${this.name}`) {
    const saved = checkFunction(this, state, path, this.#msixAt);
    this.#power?.check(saved.config, `${path}.config`);
    this.#express?.check(saved.config, `${path}.config`);
    return saved;
  }

  load(state: State): void {
    this.restore(this.check(state), false);
  }

  /** @param own it is of its own saving by today's code, and its parts need not look at it. */
  restore(saved: SavedFunction, own = true): void {
    this.config.restore(saved.config);
    // Its neighbours are those of the slot that it sits in now.
    this.#wireHeaderType();
    this.#msix?.load(saved.msix!);
    this.#pin.level = saved.pinLevel;
    this.#power?.restore();
    this.#busMaster = this.#mastersBus();
    this.#readMsixControl();
    this.decode();
    this.#updateLine();
    this.tell('load');
    for (const [name, part] of this.parts)
      if (own && part.restore !== undefined) part.restore(saved.parts[name]!);
      else part.load(saved.parts[name]!);
  }

  resume(): void {
    for (const part of this.parts.values()) part.resume?.();
  }
}
