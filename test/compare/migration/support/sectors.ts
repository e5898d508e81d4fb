import { appendFileSync, closeSync, openSync, readSync, writeSync } from 'node:fs';
import { type MovingBus, MovingMachine } from '../../../../src/compare/migration/index.ts';
import { HeldScheduler, type State } from '../../../../src/core/index.ts';
import {
  DmaMemory,
  findFunction,
  LegacyTransport,
  legacyAccess,
  type RingPlace,
  VirtioDriver,
} from '../../../../src/driver/index.ts';
import { RingScribe, rawDescriptor } from '../../../../src/testing/index.ts';
import {
  BlockDevice,
  blockRequestType,
  SECTOR_BYTES,
  type Storage,
  type Transfer,
} from '../../../../src/virtio/index.ts';
import { descriptorFlag } from '../../../../src/virtio/layout/index.ts';

export const SECTORS = 64;
export const contents = (nth: number) => new Uint8Array(SECTOR_BYTES).map((_, i) => (nth * 31 + i) & 0xff);

/** An image that two processes have, and a line in a file for each sector that was written. */
class LoggedImage implements Storage {
  readonly readOnly = false;
  readonly length = SECTORS * SECTOR_BYTES;
  readonly #fd: number;
  readonly #log: string;
  readonly #tasks: HeldScheduler;

  constructor(image: string, log: string, tasks: HeldScheduler) {
    this.#fd = openSync(image, 'r+');
    this.#log = log;
    this.#tasks = tasks;
  }

  #later(transfer: Transfer, carry: (bytes: Uint8Array) => boolean): void {
    const bytes = new Uint8Array(transfer.length);
    this.#tasks.submit({ label: 'sector', run: () => transfer.whenReady(() => transfer.done(carry(bytes))) });
  }

  read(transfer: Transfer): void {
    this.#later(transfer, (bytes) => {
      readSync(this.#fd, bytes, 0, bytes.length, transfer.offset);
      return transfer.give(0, bytes, 0, bytes.length);
    });
  }

  write(transfer: Transfer): void {
    this.#later(transfer, (bytes) => {
      const taken = transfer.take(0, bytes, 0, bytes.length);
      writeSync(this.#fd, bytes, 0, bytes.length, transfer.offset);
      appendFileSync(this.#log, `${transfer.offset / SECTOR_BYTES}\n`);
      return taken;
    });
  }

  flush(transfer: Transfer): void {
    this.#later(transfer, () => true);
  }

  discard(transfer: Transfer): void {
    transfer.done(false);
  }

  writeZeroes(transfer: Transfer): void {
    transfer.done(false);
  }

  close(): void {
    closeSync(this.#fd);
  }
}

/** A machine with the image behind it, made alike in both processes. */
export function site(image: string, log: string) {
  const tasks = new HeldScheduler();
  const storage = new LoggedImage(image, log, tasks);
  const machine = new MovingMachine(new BlockDevice({ storage }), 'mmr', {
    ramBytes: 0x40000,
    scheduler: tasks,
  });
  return { tasks, machine, storage };
}

/** What the processors have in them. */
interface Registers {
  readonly place: RingPlace;
  readonly size: number;
  /** Requests that were made, and those that came back. */
  readonly made: number;
  readonly back: number;
}

const BUFFERS = 0x20000;
const SLOT = 0x400;
const AT_ONCE = 4;

/** A program of the guest's that writes one sector after the other, and looks whether they come back. All that it knows moves along. */
export class SectorProgram {
  readonly #bus: MovingBus;
  readonly #transport: LegacyTransport;
  #registers: Registers;

  /** @param registers of one that ran elsewhere; by default it begins. */
  constructor(bus: MovingBus, place: number, registers?: State) {
    const found = findFunction(bus, place)!;
    this.#bus = bus;
    this.#transport = new LegacyTransport(bus, found, legacyAccess(bus, found), { intx: true });
    this.#registers = (registers as unknown as Registers | undefined) ?? this.#begin();
  }

  #begin(): Registers {
    const driver = new VirtioDriver(this.#transport, new DmaMemory(this.#bus.ram, 0x10000, BUFFERS));
    driver.bringUp({ features: [], queues: [0], ringFeatures: [] }, { queue: () => {}, config: () => {} });
    const { place, size } = driver.rings.get(0)!;
    return { place, size, made: 0, back: 0 };
  }

  get registers(): State {
    return this.#registers as unknown as State;
  }

  get back(): number {
    return this.#registers.back;
  }

  /** Takes what came back, and makes requests up to `most`. */
  step(most: number): void {
    const { place, size } = this.#registers;
    let { made, back } = this.#registers;
    const { ram } = this.#bus;
    const ring = new RingScribe(ram, place, size, true);
    for (; back < ring.usedIndex; back++) {
      const status = ram.read(BUFFERS + SLOT * (back % AT_ONCE) + 16 + SECTOR_BYTES, 1)[0];
      if (status !== 0) throw new Error(`request ${back} has the status ${status}`);
    }
    for (; made < most && made - back < AT_ONCE; made++) {
      const at = BUFFERS + SLOT * (made % AT_ONCE);
      ring.blockHeader(at, blockRequestType.out, made % SECTORS);
      ram.write(at + 16, contents(made));
      ram.fill(at + 16 + SECTOR_BYTES, 1, 0xff);
      const pieces = [
        rawDescriptor(at, 16, 0),
        rawDescriptor(at + 16, SECTOR_BYTES, 0),
        rawDescriptor(at + 16 + SECTOR_BYTES, 1, descriptorFlag.write),
      ];
      ring.chain((3 * (made % AT_ONCE)) % size, pieces, null, null);
      this.#transport.notify(0);
    }
    this.#registers = { place, size, made, back };
  }
}
