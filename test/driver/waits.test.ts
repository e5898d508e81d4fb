import { describe, expect, it } from 'vitest';
import { type Bus, HeldScheduler, type Interrupts, TargetGoneError } from '../../src/core/index.ts';
import {
  BlockDriver,
  DeviceFailedError,
  DmaMemory,
  EntropyDriver,
  findFunction,
  findStructures,
  ModernTransport,
  NoAnswerError,
  runFirmware,
  Waits,
} from '../../src/driver/index.ts';
import {
  BlockDevice,
  commonConfig,
  type DeviceBehaviour,
  EntropyDevice,
  MemoryStorage,
  virtioFunction,
} from '../../src/virtio/index.ts';
import { SLOT, smallMachine } from '../pci/support.ts';

const disk = () => new BlockDevice({ storage: new MemoryStorage(new Uint8Array(8192).fill(7)) });

const SMALL = { requestBytes: 4096, depth: 4 };

/** A function on a machine whose work is held back. */
function held(behaviour: DeviceBehaviour) {
  const scheduler = new HeldScheduler();
  const machine = smallMachine({ scheduler });
  const fn = virtioFunction(behaviour, { kind: 'modern' });
  machine.plug(fn.pci, SLOT);
  runFirmware(machine);
  const memory = new DmaMemory(machine.ram, 0x10000);
  const found = findFunction(machine, SLOT)!;
  const open = (patience?: number, bus: Bus = machine) =>
    new ModernTransport(bus, found, patience === undefined ? {} : { patience });
  return { scheduler, machine, fn, memory, open };
}

/** The same bus, which keeps interrupts until a pause, and throws from every access once it is cut. */
class Distant implements Bus {
  readonly ram;
  readonly interrupts: Interrupts;
  readonly #machine;
  readonly #pending: (() => void)[] = [];
  pauses = 0;
  cut = false;

  constructor(machine: ReturnType<typeof smallMachine>) {
    this.#machine = machine;
    this.ram = machine.ram;
    const { interrupts } = machine;
    this.interrupts = {
      inPausesOnly: true,
      connectLine: (line, handler) => interrupts.connectLine(line, handler),
      allocateMessage: (handler, place) =>
        interrupts.allocateMessage(() => void this.#pending.push(handler), place),
    };
  }

  get #there() {
    if (this.cut) throw new TargetGoneError('the target', 'it was cut');
    return this.#machine;
  }

  pause(): void {
    this.pauses++;
    this.#there.pause();
    for (const deliver of this.#pending.splice(0)) deliver();
  }

  configRead: Bus['configRead'] = (...args) => this.#there.configRead(...args);
  configWrite: Bus['configWrite'] = (...args) => this.#there.configWrite(...args);
  ioRead: Bus['ioRead'] = (...args) => this.#there.ioRead(...args);
  ioWrite: Bus['ioWrite'] = (...args) => this.#there.ioWrite(...args);
  memoryRead: Bus['memoryRead'] = (...args) => this.#there.memoryRead(...args);
  memoryWrite: Bus['memoryWrite'] = (...args) => this.#there.memoryWrite(...args);
}

describe('a pause of the machine', () => {
  it('lets the task that has waited longest go, and writes arrive', () => {
    const scheduler = new HeldScheduler();
    const interruptScheduler = new HeldScheduler();
    const machine = smallMachine({ scheduler, interruptScheduler, holdPostedWrites: true });
    const ran: string[] = [];
    const task = (label: string) => ({ label, run: () => void ran.push(label) });
    for (const label of ['first', 'second']) scheduler.submit(task(label));
    interruptScheduler.submit(task('interrupt'));
    machine.posted!.push({}, 0x1000, 4, 0x12345678);
    machine.pause();
    expect([ran, machine.posted!.count, machine.memoryRead(0x1000, 4)]).toEqual([
      ['first', 'interrupt'],
      0,
      0x12345678,
    ]);
    machine.pause();
    machine.pause();
    expect(ran).toEqual(['first', 'interrupt', 'second']);
  });

  it('runs one task, where devices and interrupts share the scheduler', () => {
    const scheduler = new HeldScheduler();
    const machine = smallMachine({ scheduler });
    for (const label of ['a', 'b']) scheduler.submit({ label, run: () => {} });
    machine.pause();
    expect(scheduler.pending.map(({ label }) => label)).toEqual(['b']);
  });

  it('is nothing where nothing is held', () => {
    expect(() => smallMachine().pause()).not.toThrow();
  });
});

describe('a handshake', () => {
  it('looks first, then pauses between two looks, and ends with what was waited for', () => {
    let [pauses, looks] = [0, 0];
    const bus: Bus = Object.assign(smallMachine(), { pause: () => void pauses++ });
    const waits = new Waits(bus, { patience: 3 });
    waits.handshake('nothing', () => true);
    expect(pauses).toBe(0);
    waits.handshake('the third look', () => ++looks === 3);
    expect([looks, pauses]).toEqual([3, 2]);
    const never = () => waits.handshake('a bus to Rome', () => false);
    expect(never).toThrow(NoAnswerError);
    expect(never).toThrow(DeviceFailedError);
    expect(never).toThrow('waited in vain for a bus to Rome, 3 pauses long');
  });

  it('ends a reset that never ends, and that of a queue', () => {
    const { fn, machine, open, memory } = held(disk());
    const { driver } = new BlockDriver(open(5), memory, SMALL);
    const { address } = findStructures(machine, findFunction(machine, SLOT)!).common;
    const read = machine.memoryRead.bind(machine);
    const register = address + commonConfig.queueReset.offset;
    machine.memoryRead = (at, width) => (at === register ? 1 : read(at, width));
    expect(() => driver.resetQueue(0)).toThrow(
      'waited in vain for the end of the reset of queue 0, 5 pauses',
    );
    fn.device.reset = () => {};
    expect(() => driver.transport.reset()).toThrow('waited in vain for status 0 after a reset, 5 pauses');
  });
});

describe('a request', () => {
  it('waits for its interrupt and for nothing else, where interrupts come by themselves', async () => {
    const { scheduler, memory, open } = held(disk());
    const driver = new BlockDriver(open(), memory, SMALL);
    let done = false;
    const read = driver.read(0, 1).then(() => {
      done = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect([done, scheduler.pending.length > 0]).toEqual([false, true]);
    scheduler.releaseAll();
    await read;
  });

  it('lets held work go where it may pause', async () => {
    const { memory, open } = held(disk());
    const driver = new BlockDriver(open(50), memory, SMALL);
    expect([...(await driver.read(0, 1)).subarray(0, 2)]).toEqual([7, 7]);
  });

  it('pauses by itself on a bus that delivers interrupts in pauses only', async () => {
    const { machine, memory, open } = held(disk());
    const bus = new Distant(machine);
    const driver = new BlockDriver(open(undefined, bus), memory, SMALL);
    expect((await driver.read(0, 1))[0]).toBe(7);
    expect(bus.pauses).toBeGreaterThan(0);
  });

  it('ends when its pauses are over, and later ones may be answered', async () => {
    const { fn, machine, memory, open } = held(new EntropyDevice());
    const driver = new EntropyDriver(open(300), memory);
    const { behaviour } = fn.device;
    const handle = behaviour.handle;
    const kept: Parameters<typeof handle>[0][] = [];
    behaviour.handle = (chain) => void kept.push(chain);
    const error = await driver.read(8).catch((thrown) => thrown);
    expect(error).toBeInstanceOf(NoAnswerError);
    expect([error.what, error.pauses]).toEqual(['random bytes', 300]);
    behaviour.handle = handle;
    for (const chain of kept) behaviour.handle(chain);
    for (let i = 0; i < 10; i++) machine.pause();
    expect((await driver.read(8)).length).toBe(8);
  });

  it('ends also while it waits for its turn', async () => {
    const { fn, memory, open } = held(disk());
    const driver = new BlockDriver(open(20), memory, { ...SMALL, depth: 1 });
    fn.device.behaviour.handle = () => {};
    const ends = await Promise.allSettled([driver.read(0, 1), driver.read(1, 1)]);
    expect(ends.map((end) => end.status === 'rejected' && end.reason.what)).toEqual([
      'a block request on queue 0',
      'room for a block request',
    ]);
  });
});

describe('a target that is lost', () => {
  it('ends what waits and what comes, and lets the driver close', async () => {
    const { machine, memory, open } = held(disk());
    const bus = new Distant(machine);
    const driver = new BlockDriver(open(undefined, bus), memory, SMALL);
    const reads = [driver.read(0, 1), driver.read(1, 1)];
    bus.cut = true;
    for (const end of await Promise.allSettled(reads))
      expect(end.status === 'rejected' && end.reason).toBeInstanceOf(TargetGoneError);
    expect(driver.driver.failure).toBeInstanceOf(TargetGoneError);
    await expect(driver.read(0, 1)).rejects.toThrow('the target is gone: it was cut');
    expect(() => driver.close()).not.toThrow();
  });

  it('is told by bring-up as it is', () => {
    const { machine, memory, open } = held(disk());
    const bus = new Distant(machine);
    const transport = open(undefined, bus);
    bus.cut = true;
    expect(() => new BlockDriver(transport, memory)).toThrow(TargetGoneError);
  });
});
