import type { DmaDomain } from '../../core/index.ts';
import type { PciFunction } from '../../pci/index.ts';
import type { InterruptPort } from '../../virtio/behaviour.ts';
import { type DeviceBehaviour, NO_VECTOR, type VirtioFunction, virtioFunction } from '../../virtio/index.ts';

/**
 * What the emulation of a slice asks of its parent's driver, and of its queues: all that passes between the two, wherever
 * each of them runs. Events are numbered: one a queue, and the last for the slice itself.
 */
export interface SlicePort {
  /** The slice's queues may reach memory and interrupt, or may not. */
  enable(on: boolean): void;
  /** The guest masks what tells it of an event, or lifts that. */
  mask(event: number, masked: boolean): void;
  /** The guest has reset the slice: nothing of before is told any more. */
  reset(): void;
  /** Something occurred that the guest is to be told of: said by the slice's queues, in hardware. */
  signal(event: number): void;
  /** It is not to be told any more. */
  withdraw(event: number): void;
  /** An event waits behind a mask. */
  isPending(event: number): boolean;
  /** A PASID of the slice's own for more memory; null where none is left. */
  bindPasid(domain: DmaDomain): number | null;
  unbindPasid(pasid: number): void;
  /** Memory of such a PASID; null for one that is not the slice's, or while its queues are disabled. */
  pasidDomain(pasid: number): DmaDomain | null;
}

/** A slice as its guest sees it: a PCI function, and the emulation behind its registers. */
export interface SliceFunction {
  readonly pci: PciFunction;
  readonly events: number;
  /** Puts it in front of a parent. */
  connect(port: SlicePort): void;
  /** Tells the guest of an event. */
  inject(event: number): void;
  /** Requests that are under way. */
  readonly busy: number;
}

/** Nobody is behind it yet, or any more. */
export const NO_PORT: SlicePort = {
  enable: () => {},
  mask: () => {},
  reset: () => {},
  signal: () => {},
  withdraw: () => {},
  isPending: () => false,
  bindPasid: () => null,
  unbindPasid: () => {},
  pasidDomain: () => null,
};

/**
 * A slice that is a virtio function. Its queues tell of what they have done by slots of the parent, and the guest hears of
 * it through the MSI-X table, or the pin, that is emulated for it: masks of that table are masks of the slots.
 */
export class VirtioSlice implements SliceFunction, InterruptPort {
  readonly fn: VirtioFunction;
  readonly events: number;
  #port = NO_PORT;
  /** Events whose slots are masked. */
  readonly #masked: Uint8Array;

  constructor(fn: VirtioFunction) {
    const { pci, device } = fn;
    this.fn = fn;
    this.events = device.queueCount + 1;
    this.#masked = new Uint8Array(this.events);
    device.interrupts = this;
    if (pci.msix !== null)
      pci.msix.origin = {
        maskChanged: (vector) => this.#follow(vector),
        pendingBits: (offset) => this.#pendingBits(offset),
      };
    pci.onBusMaster.push(() => this.#port.enable(pci.busMaster));
    pci.onMsixEnable.push(() => this.#followAll());
  }

  get pci(): PciFunction {
    return this.fn.pci;
  }

  get busy(): number {
    return this.fn.device.queues.inFlight;
  }

  connect(port: SlicePort): void {
    this.#port = port;
  }

  #vectorOf(event: number): number {
    const { interrupts } = this.fn;
    return event === this.events - 1 ? interrupts.configVector : interrupts.queueVector(event);
  }

  /** The slot of an event is masked where the guest masks the vector that it has by now. */
  #followEvent(event: number): void {
    const { msix, msixEnabled } = this.pci;
    const vector = this.#vectorOf(event);
    const masked = msixEnabled && vector !== NO_VECTOR && msix!.isMasked(vector);
    if (masked === (this.#masked[event] === 1)) return;
    this.#masked[event] = masked ? 1 : 0;
    this.#port.mask(event, masked);
  }

  #follow(vector: number): void {
    for (let event = 0; event < this.events; event++)
      if (this.#vectorOf(event) === vector) this.#followEvent(event);
  }

  #followAll(): void {
    for (let event = 0; event < this.events; event++) this.#followEvent(event);
  }

  #pendingBits(offset: number): number {
    let bits = 0;
    for (let event = 0; event < this.events; event++) {
      const vector = this.#vectorOf(event) - 8 * offset;
      if (vector >= 0 && vector < 32 && this.#port.isPending(event)) bits |= 1 << vector;
    }
    return bits >>> 0;
  }

  inject(event: number): void {
    if (event === this.events - 1) this.fn.interrupts.config();
    else this.fn.interrupts.queue(event);
  }

  queue(index: number): void {
    this.#followEvent(index);
    this.#port.signal(index);
  }

  config(): void {
    this.queue(this.events - 1);
  }

  queueStopped(index: number): void {
    this.#port.withdraw(index);
    this.fn.interrupts.queueStopped(index);
  }

  queueReset(index: number): void {
    this.#port.withdraw(index);
    this.fn.interrupts.queueReset(index);
  }

  hold(): void {
    this.fn.interrupts.hold();
  }

  release(): void {
    this.fn.interrupts.release();
  }

  reset(): void {
    this.#port.reset();
    this.fn.interrupts.reset();
  }
}

/**
 * A slice around a device type of virtio.
 * @param build the function that its guest sees, by default a modern one; `mmrFunction` makes one for the translator.
 */
export const virtioSlice = (
  behaviour: DeviceBehaviour,
  build: (behaviour: DeviceBehaviour) => VirtioFunction = (own) => virtioFunction(own, { kind: 'modern' }),
): VirtioSlice => new VirtioSlice(build(behaviour));
