import type { Bus, DmaDomain } from '../../core/index.ts';
import { PARENT_QUEUE_BYTES, parentQueue, QUEUE_ENABLE } from '../layout/index.ts';
import type { ParentDevice } from './parent-device.ts';
import type { SlicePort } from './slice-function.ts';
import type { DeviceMessage } from './software/dev-msi.ts';

/** What a parent's driver does for one slice: it writes the parent's registers over the host's bus. */
export class KernelPort implements SlicePort {
  readonly #bus: Bus;
  /** Address of the queues' table. */
  readonly #table: number;
  readonly #device: ParentDevice;
  readonly #queues: readonly number[];
  readonly #messages: readonly DeviceMessage[];
  /** PASIDs that nobody is to have. */
  readonly #spare: () => number;
  readonly #pasids = new Set<number>();

  constructor(
    bus: Bus,
    table: number,
    device: ParentDevice,
    queues: readonly number[],
    messages: readonly DeviceMessage[],
    spare: () => number,
  ) {
    this.#bus = bus;
    this.#table = table;
    this.#device = device;
    this.#queues = queues;
    this.#messages = messages;
    this.#spare = spare;
  }

  #write(queue: number, register: keyof typeof parentQueue, value: number): void {
    this.#bus.memoryWrite(this.#table + queue * PARENT_QUEUE_BYTES + parentQueue[register].offset, 4, value);
  }

  /** Gives the queues to the slice, disabled still. */
  assign(pasid: number): void {
    for (const [event, queue] of this.#queues.entries()) {
      this.#write(queue, 'slot', this.#messages[event]!.slot);
      this.#write(queue, 'pasid', pasid);
    }
  }

  enable(on: boolean): void {
    for (const queue of this.#queues) this.#write(queue, 'control', on ? QUEUE_ENABLE : 0);
  }

  mask(event: number, masked: boolean): void {
    const message = this.#messages[event]!;
    if (masked) message.mask();
    else message.unmask();
  }

  reset(): void {
    for (const queue of this.#queues) this.#device.withdraw(queue);
    this.#messages[0]!.flush();
    for (const message of this.#messages) message.discard();
  }

  signal(event: number): void {
    this.#device.signal(this.#queues[event]!);
  }

  withdraw(event: number): void {
    this.#device.withdraw(this.#queues[event]!);
    this.#messages[event]!.flush();
    this.#messages[event]!.discard();
  }

  isPending(event: number): boolean {
    return this.#device.slots.isPending(this.#messages[event]!.slot);
  }

  /** PASIDs that slices not attached yet are to have are none of those that are left. */
  bindPasid(domain: DmaDomain): number | null {
    if (this.#spare() < 1) return null;
    const { pasid } = this.#device.pasids.bind(domain);
    this.#pasids.add(pasid);
    return pasid;
  }

  unbindPasid(pasid: number): void {
    if (this.#pasids.delete(pasid)) this.#device.pasids.unbind(pasid);
  }

  pasidDomain(pasid: number): DmaDomain | null {
    if (!this.#pasids.has(pasid) || !this.#device.isEnabled(this.#queues[0]!)) return null;
    return this.#device.pasids.find(pasid)?.domain ?? null;
  }

  /** Nothing that the slice has bound stays so. */
  end(): void {
    for (const pasid of [...this.#pasids]) this.unbindPasid(pasid);
  }
}
