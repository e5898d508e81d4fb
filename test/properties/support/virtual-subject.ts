import { HeldScheduler } from '../../../src/core/index.ts';
import type { Machine } from '../../../src/pci/index.ts';
import { EntropyDevice, SeededEntropy, virtioFunction, virtualFunctions } from '../../../src/virtio/index.ts';
import { PF } from '../../pci/virtual-support.ts';
import { VirtualGuest } from '../../virtio/support/virtual.ts';
import type { Making, Subject } from './saved-subject.ts';

const TOTAL = 4;
/** A register of the common configuration, by the offsets of virtio 1.2, section 4.1.4.3. */
const common = {
  featureSelect: 0x08,
  feature: 0x0c,
  status: 0x14,
  vector: 0x1a,
  enable: 0x1c,
  descriptors: 0x20,
} as const;
/** Where the notify structure stands behind it. */
const NOTIFY = 0x3000;
const STRUCTURES = 4;
const TABLE = 1;

const entropy = (seed: number) => new EntropyDevice({ source: new SeededEntropy(seed), queueSize: 8 });

/** A physical function with virtual ones, and software that has done something with three of them. */
class VirtualSubject implements Subject {
  readonly devices = [];
  readonly guest: VirtualGuest;
  readonly #tasks = new HeldScheduler();

  constructor() {
    const owner = virtioFunction(entropy(99), { kind: 'modern', express: true });
    const functions = virtualFunctions(owner, { total: TOTAL, live: 1, make: entropy });
    const scheduler = this.#tasks;
    this.guest = new VirtualGuest(functions, {
      scheduler,
      interruptScheduler: scheduler,
      holdPostedWrites: true,
    });
  }

  get machines(): readonly Machine[] {
    return [this.guest.machine];
  }

  #put(index: number, bar: number, offset: number, width: 1 | 2 | 4, value: number): void {
    const piece = bar === TABLE ? 0x1000 : 0x4000;
    this.guest.machine.memoryWrite(this.guest.bases.get(bar)! + piece * (index - 1) + offset, width, value);
  }

  /** Brings one up as far as DRIVER_OK, with a ring of eight that offers one buffer, and kicks it. */
  #start(index: number): void {
    const { machine } = this.guest;
    const put = (offset: number, width: 1 | 2 | 4, value: number) =>
      this.#put(index, STRUCTURES, offset, width, value);
    const ring = 0x1000 * index;
    machine.configWrite(this.guest.address(index), 4, 2, 4);
    this.#put(index, TABLE, 0x10, 4, 0xfee00000);
    this.#put(index, TABLE, 0x18, 4, index);
    put(common.status, 1, 3);
    put(common.featureSelect, 4, 1);
    put(common.feature, 4, 1);
    put(common.status, 1, 11);
    put(common.vector, 2, 1);
    for (const [i, at] of [ring, ring + 0x100, ring + 0x200].entries())
      put(common.descriptors + 8 * i, 4, at);
    put(common.enable, 2, 1);
    put(common.status, 1, 15);
    for (const [at, word] of [
      [0, ring + 0x800],
      [4, 0],
      [8, 64],
      [12, 2],
      [0x100, 0x10000],
    ] as const)
      for (let byte = 0; byte < 4; byte++)
        machine.ram.write(ring + at + byte, Uint8Array.of(word >>> (8 * byte)));
    put(NOTIFY, 2, 0);
  }

  play(): void {
    const { guest } = this;
    guest.agree();
    guest.software.enable(3);
    this.#start(2);
    this.#start(1);
    this.#tasks.release();
    this.#start(3);
    guest.software.vf(1).read(0, 4);
  }

  goOn(): void {
    const { machine, bases, software } = this.guest;
    for (let index = 1; index <= TOTAL; index++) {
      for (let offset = 0; offset < 0x100; offset += 4) software.vf(index).read(offset, 4);
      for (const [bar, base] of bases)
        for (let at = 0; at < 0x40; at += 4)
          machine.memoryRead(base + (bar === TABLE ? 0x1000 : 0x4000) * (index - 1) + at, 4);
      this.#put(index, STRUCTURES, NOTIFY, 2, 0);
    }
    for (let offset = 0; offset < 0x140; offset += 4) machine.configRead(PF, offset, 4);
    machine.posted!.flushAll();
    this.#tasks.releaseAll(undefined, 500);
    software.disable();
    this.play();
    machine.posted!.flushAll();
    this.#tasks.releaseAll(undefined, 500);
  }
}

export const virtualMaking: Making = {
  make: () => new VirtualSubject(),
  used: () => {
    const subject = new VirtualSubject();
    subject.play();
    return subject;
  },
};
