import {
  type Bus,
  type FindingAbout,
  maskOf,
  record,
  type State,
  shape,
  type Width,
} from '../../core/index.ts';
import {
  configOf,
  type DriverMsix,
  type FunctionConfig,
  type FunctionReference,
} from '../../driver/index.ts';
import { command, status, type0Header } from '../../pci/layout/index.ts';
import { LEGACY_BAR, LEGACY_CONFIG_OFFSET_MSIX, legacyHeader } from '../../virtio/layout/index.ts';
import type { GuestRegisters, GuestSide, LegacyBackend } from './backend.ts';
import { ALL_ONES, HeldFunction, type Holder, refusePresented, requirePlace } from './held-function.ts';
import { awaitReset } from './reset.ts';

const { deviceStatus, isrStatus } = legacyHeader;

/** Nothing but what it was made with: all else is in the guest's function. */
export const ioBarState = record('io-bar-backend', 1, { shape });

/**
 * The reference: every access goes as it is to the I/O BAR of an ordinary transitional function, whose MSI-X follows the
 * guest's, masks and all. `configBytes` is told, since an I/O BAR does not say how much of it is configuration.
 */
export class IoBarBackend implements LegacyBackend, Holder {
  readonly record = ioBarState;
  readonly name = 'io-bar';
  readonly configBytes: number;
  readonly vectors: number;
  readonly #held: HeldFunction;
  readonly #host: FunctionConfig;
  readonly #bus: Bus;
  readonly #messages: DriverMsix;
  #disconnect: () => void = () => {};
  #guest: GuestSide | null = null;
  #line = false;

  /** @throws AlreadyPresentedError, and TranslatorError when the function has no I/O BAR0. */
  constructor(bus: Bus, fn: FunctionReference, configBytes: number) {
    this.configBytes = configBytes;
    this.#bus = bus;
    const held = new HeldFunction(bus, fn, this);
    this.#held = held;
    this.#host = held.host;
    try {
      const place = { bar: LEGACY_BAR, offset: 0, kind: 'io' } as const;
      this.#messages = held.open(place, command.io | command.memory, command.interruptDisable);
    } catch (error) {
      held.release();
      throw error;
    }
    this.vectors = this.#messages.vectors;
    this.reset();
    this.#disconnect = bus.interrupts.connectLine(this.#host.read(type0Header.interruptLine), () =>
      this.#onLine(),
    );
  }

  attach(guest: GuestSide): void {
    this.#guest = guest;
  }

  onMessage(vector: number): void {
    this.#guest?.trigger(vector);
  }

  report(clause: string, message: string, about: FindingAbout): void {
    this.#guest?.report(clause, message, about);
  }

  #pending(): boolean {
    return (this.#host.read(type0Header.status) & status.interrupt) !== 0;
  }

  /** The host's line rose: it is held off at the function until the guest has read ISR. */
  #onLine(): boolean {
    if (this.#line || this.#held.waitsForGuest || !this.#pending()) return false;
    this.#host.setCommand(command.interruptDisable, 0);
    this.#line = true;
    this.#guest?.setLine(true);
    return true;
  }

  /** After whatever may have dropped the function's interrupt. */
  #followLine(): void {
    if (!this.#line || this.#pending()) return;
    this.#line = false;
    this.#guest?.setLine(false);
    this.#host.setCommand(0, command.interruptDisable);
  }

  read(offset: number, width: Width): number {
    const held = this.#held;
    if (!held.ready && !held.enter()) return maskOf(width);
    const value = this.#bus.ioRead(held.base + offset, width);
    if (offset === isrStatus.offset) this.#followLine();
    else if (offset === deviceStatus.offset && (value & 0xff) === ALL_ONES) held.lost();
    return value;
  }

  write(offset: number, width: Width, value: number): void {
    const held = this.#held;
    // However wide the write, status takes its low byte.
    const resets = offset === deviceStatus.offset && (value & 0xff) === 0;
    if (!held.ready && !held.enter(resets ? 'BF-RST-01' : undefined)) return;
    this.#bus.ioWrite(held.base + offset, width, value);
    if (offset !== deviceStatus.offset) return;
    if (resets) this.#forget();
    this.#followLine();
  }

  /** After a reset: what was on its way to the guest comes from before (BF-RST-02). */
  #forget(): void {
    this.#messages.discard();
    this.#guest?.forget?.();
  }

  setMsix(enabled: boolean): void {
    // In configuration space, whether or not the block is decoded.
    this.#held.locate();
    if (!this.#held.kept) return;
    this.#messages.enable(enabled);
    if (!enabled) this.#guest?.forget?.();
    this.#followLine();
  }

  setMask(vector: number, masked: boolean): void {
    if (this.#held.locate()) this.#messages.mask(vector, masked);
  }

  pendingBits(offset: number): number {
    return this.#held.locate() ? this.#messages.pendingBits(offset) : 0;
  }

  setBusMaster(on: boolean): void {
    this.#held.setBusMaster(on);
  }

  /** Waits until the function says that it is reset (BF-RST-01). */
  reset(): void {
    const held = this.#held;
    if (!held.locate()) return;
    const at = held.base + deviceStatus.offset;
    this.#bus.ioWrite(at, 1, 0);
    if (!awaitReset(held, this, () => this.#bus.ioRead(at, 1))) return;
    this.#forget();
    this.setMsix(false);
  }

  /** Nothing to do: what the guest chose is in the function. */
  onFound(): void {}

  onLost(): void {
    this.#disconnect();
    this.#guest?.setLine(false);
  }

  /** The line that the guest has follows the function's, in whichever order the two states came. */
  onLoaded(): void {
    this.#followLine();
    if (this.#pending()) this.#onLine();
  }

  release(): void {
    this.#disconnect();
    this.#held.release();
  }

  adopt({ busMaster, line }: GuestRegisters): void {
    this.#line = line;
    this.#held.loadBusMaster(busMaster);
  }

  #shape() {
    return { configBytes: this.configBytes, vectors: this.vectors };
  }

  save() {
    return ioBarState.save({ shape: this.#shape() });
  }

  check(state: State, path = 'back end') {
    return ioBarState.parse(state, path, this.#shape());
  }

  load(state: State): void {
    this.check(state);
  }

  resume(): void {
    this.#held.guestLoaded();
  }
}

/**
 * The way to a function whose I/O BAR0 has the block. Its size is all that it tells of the configuration: the rest reads all
 * ones in either place.
 * @throws AlreadyPresentedError, and TranslatorError when the function has no I/O BAR0.
 */
export function openIoBar(bus: Bus, fn: FunctionReference): IoBarBackend {
  // While its BAR is measured, the function answers nobody.
  const host = configOf(bus, fn);
  refusePresented(bus, host.address);
  requirePlace(host, LEGACY_BAR, 'io');
  const configBytes = host.barBytes(LEGACY_BAR, 'io') - LEGACY_CONFIG_OFFSET_MSIX;
  return new IoBarBackend(bus, fn, configBytes);
}
