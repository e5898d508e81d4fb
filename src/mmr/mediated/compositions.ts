import type { LabEvent } from '../../core/index.ts';
import { BlockDriver, DmaMemory, findFunction, openTransport } from '../../driver/index.ts';
import { type Machine, MSIX_ENTRY_BYTES, msixEntry, VECTOR_MASKED } from '../../pci/index.ts';
import { conventionalBars } from '../../virtio/index.ts';
import { BlockParent, diskSlices } from './block-parent.ts';
import type { SlicePort } from './slice-function.ts';

/** Where the emulation of slices runs: beside the driver of the parent, or in a process that asks that driver for little. */
export const compositions = {
  kernel: 'configuration space and BARs are emulated beside the driver of the parent',
  user: 'they are emulated in a process, over a small interface to the driver of the parent',
} as const;

export type Composition = keyof typeof compositions;

/** What is counted, and what each number is of. */
export const compositionCounts = {
  exits: 'accesses of the guest that leave the guest',
  doorbells: 'accesses of the guest that reach hardware as they are: its doorbells, mapped',
  transitions: 'changes between kernel and process',
  calls: 'calls from the emulation to the driver of the parent',
  parentAccesses: 'accesses to registers of the parent',
  delivered: 'interrupts by a handler of the host',
  posted: 'interrupts past all handlers',
  kernelInputs: 'values of the guest that code in the kernel has to make sense of',
} as const;

export type CompositionCounts = Record<keyof typeof compositionCounts, number>;

export const compositionOperations = ['bring-up', 'request', 'mask and unmask', 'reset'] as const;
export type CompositionOperation = (typeof compositionOperations)[number];

const none = (): CompositionCounts =>
  Object.fromEntries(Object.keys(compositionCounts).map((name) => [name, 0])) as CompositionCounts;

/** Calls that cross over where the emulation is a process; what a slice's queues do is hardware. */
const CALLS = ['enable', 'mask', 'reset', 'withdraw', 'isPending', 'bindPasid', 'unbindPasid'] as const;

/** Counts what passes the borders of one composition. */
export class CompositionMeter {
  readonly composition: Composition;
  #counts = none();

  constructor(composition: Composition) {
    this.composition = composition;
  }

  /** A port that counts its calls. */
  readonly between = (port: SlicePort): SlicePort => {
    const counted = Object.create(port) as Record<string, unknown>;
    for (const name of CALLS)
      counted[name] = (...values: never[]) => {
        this.#call();
        return (port[name] as (...values: never[]) => unknown)(...values);
      };
    for (const name of ['signal', 'pasidDomain'] as const)
      counted[name] = (value: never) => (port[name] as (value: never) => unknown)(value);
    return counted as unknown as SlicePort;
  };

  #call(): void {
    this.#counts.calls++;
    if (this.composition === 'user') {
      this.#counts.transitions += 2;
      this.#counts.kernelInputs++;
    }
  }

  watch(guest: Machine, host: Machine): void {
    guest.events = (event) => this.#guest(event);
    host.events = (event) => this.#host(event);
  }

  #guest(event: LabEvent): void {
    if (event.kind !== 'access' || event.target === 'RAM') return;
    if (event.space === 'memory' && event.target.endsWith(' notify')) {
      this.#counts.doorbells++;
      return;
    }
    this.#counts.exits++;
    if (this.composition === 'user') this.#counts.transitions += 2;
    else this.#counts.kernelInputs++;
  }

  #host(event: LabEvent): void {
    if (event.kind === 'access') this.#counts.parentAccesses++;
  }

  /** Interrupts came, each of the former by way of the process where the MSI-X table that it goes through is there. */
  interrupts(delivered: number, posted: number): void {
    this.#counts.delivered += delivered;
    this.#counts.posted += posted;
    if (this.composition === 'user') this.#counts.transitions += 2 * delivered;
  }

  /** What was counted since it was taken last. */
  take(): CompositionCounts {
    const counts = this.#counts;
    this.#counts = none();
    return counts;
  }
}

/**
 * Drives a disk through one composition, with the same parts in either, and counts each operation.
 * @param posted interrupts go past the host's handlers.
 */
export async function runComposition(
  composition: Composition,
  posted = false,
): Promise<Record<CompositionOperation, CompositionCounts>> {
  const meter = new CompositionMeter(composition);
  const lab = new BlockParent({ types: [diskSlices(1)], between: meter.between });
  const uuid = BlockParent.uuid(1);
  const slice = lab.parent.create(diskSlices(1).name, uuid);
  const guest = lab.guestOf(uuid, { posted });
  const table = findFunction(guest, BlockParent.SLICE)!.bars.find(
    ({ index }) => index === conventionalBars.msix,
  )!;
  meter.watch(guest, lab.host);
  meter.take();
  let seen = { ...slice.counts };
  const took = () => {
    const { delivered, posted: past } = slice.counts;
    meter.interrupts(delivered - seen.delivered, past - seen.posted);
    seen = { ...slice.counts };
    return meter.take();
  };
  const transport = openTransport(guest, BlockParent.SLICE);
  const driver = new BlockDriver(transport, new DmaMemory(guest.ram, 0x10000), {
    requestBytes: 4096,
    depth: 2,
  });
  const bringUp = took();
  await driver.read(0, 1);
  const request = took();
  for (const mask of [VECTOR_MASKED, 0])
    guest.memoryWrite(table.address + MSIX_ENTRY_BYTES + msixEntry.vectorControl.offset, 4, mask);
  const masks = took();
  driver.driver.transport.reset();
  const reset = took();
  return { 'bring-up': bringUp, request, 'mask and unmask': masks, reset };
}
