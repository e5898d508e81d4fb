import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import { describe, it } from 'vitest';
import { HeldScheduler } from '../../src/core/index.ts';
import { ConsoleDriver } from '../../src/driver/index.ts';
import { chooser } from '../../src/testing/index.ts';
import { ConsoleDevice, MemoryConsole } from '../../src/virtio/index.ts';
import { ByteStream } from './support/byte-stream.ts';
import { type Case, cases, OFFERED, pulledOut, type Step } from './support/console-cases.ts';
import { letThrough, microtasks } from './support/quiet.ts';
import { buildRig, type Rig } from './support/rigs.ts';
import { PATIENCE, runs } from './support/runs.ts';

/*
 * Driver and device are both ours. What pins them down is a third thing: for each port and direction a plain queue of
 * bytes, which knows nothing of rings, messages or byte orders. Whatever the transport, the ring features, the sizes of
 * buffers and queues and the order in which things happen, what comes out at one end is what went in at the other: all of
 * it, once, in order, at that port. Where somebody pulls a port out or hangs up under bytes that are on their way, these
 * are lost, and nothing else is.
 */
let seeds = 0;

/** What is known of one port, by somebody who sees both ends and nothing between. */
class PortModel {
  readonly number: number;
  readonly name: string;
  readonly host: MemoryConsole;
  readonly out = new ByteStream(seeds++);
  readonly in = new ByteStream(seeds++);
  size: { columns: number; rows: number } | null = null;

  constructor(number: number, capacity: number, open: boolean) {
    this.number = number;
    this.name = `port.${number}.${seeds}`;
    this.host = new MemoryConsole({ capacity, open });
  }

  take(bytes?: number): number {
    const taken = this.host.take(bytes);
    this.out.got.push(...taken);
    return taken.length;
  }

  check(whole: boolean): void {
    this.out.check(`output of ${this.name}`, whole);
    this.in.check(`input of ${this.name}`, whole);
  }
}

class Bench {
  readonly each: Case;
  readonly tasks = new HeldScheduler();
  readonly device: ConsoleDevice;
  readonly rig: Rig;
  readonly ports = new Map<number, PortModel>();
  readonly printed: number[] = [];
  readonly #choose: (count: number) => number;
  readonly #failures: string[] = [];
  /** Ports that were pulled out before all of their output had come. */
  readonly #underWay = new Set<number>();
  /** By number: ports that were pulled out, oldest first, and how much of their input is still on its way to the driver. */
  readonly #pulledOut = new Map<number, { readonly model: PortModel; readonly left: number }[]>();
  driver!: ConsoleDriver;

  constructor(each: Case) {
    this.each = each;
    this.#choose = chooser(each.order);
    this.device = new ConsoleDevice({
      maxPorts: each.maxPorts,
      offersSize: each.offersSize,
      queueSize: each.queueSize,
      controlQueueSize: each.controlQueueSize,
      resizeOrder: each.rowsFirst ? 'rows-first' : 'columns-first',
      onEmergency: (character) => this.printed.push(character),
    });
    for (let number = 0; number < Math.min(2, Math.max(1, each.maxPorts)); number++) this.plug(number, true);
    this.rig = buildRig(this.device, { ...each, transportFeatures: OFFERED }, this.tasks);
  }

  plug(number: number, open: boolean): void {
    const model = new PortModel(number, this.each.capacity, open);
    this.ports.set(number, model);
    this.device.addPort({ number, name: model.name, backend: model.host });
  }

  start(): void {
    const { each, rig } = this;
    this.#pulledOut.clear();
    this.driver = new ConsoleDriver(rig.transport(), rig.memory, {
      ringFeatures: each.ringFeatures,
      buffers: each.buffers,
      bufferBytes: each.bufferBytes,
      resizeOrder: each.rowsFirst ? 'rows-first' : 'columns-first',
      onPort: (made) => {
        made.onData = (data) => this.#arrived(made.number, data);
      },
    });
  }

  /**
   * Input that came at a number. A queue knows numbers only: what was put into it before its port was pulled out comes
   * first, also where the next port stands there before the driver hears of it.
   */
  #arrived(number: number, data: Uint8Array): void {
    const before = this.#pulledOut.get(number) ?? [];
    let at = 0;
    while (before.length > 0) {
      const { model, left } = before[0]!;
      const bytes = data.subarray(at, at + left);
      model.in.got.push(...bytes);
      model.check(false);
      at += bytes.length;
      if (bytes.length < left) {
        before[0] = { model, left: left - bytes.length };
        return;
      }
      before.shift();
    }
    this.ports.get(number)?.in.got.push(...data.subarray(at));
  }

  /** Lets everything through until nothing is left to be done. */
  async settle(): Promise<void> {
    for (let rounds = 0; ; rounds++) {
      if (rounds > 10_000) throw new Error('no end of it');
      const quiet = await letThrough(this.rig, this.tasks, this.#choose);
      const taken = [...this.ports.values()].reduce((sum, model) => sum + model.take(), 0);
      if (quiet && taken === 0) return;
    }
  }

  write(model: PortModel, bytes: number): void {
    const driver = this.driver.ports.get(model.number);
    if (driver === undefined || driver.name !== (this.each.maxPorts > 0 ? model.name : '')) return;
    if (driver.isConsole && !model.host.open) model.out.mayLose = true;
    driver.write(model.out.next(bytes)).catch((error: unknown) => {
      if (!model.out.mayEnd) this.#failures.push(`${error}`);
    });
  }

  async perform(step: Step): Promise<void> {
    if (step.do === 'release') this.tasks.release(step.pick);
    else if (step.do === 'arrive') for (const { posted } of this.rig.machines) posted?.flushAll();
    else if (step.do === 'wait') await this.settle();
    else if (step.do === 'emergency') this.driver.emergencyWrite(step.character);
    else {
      const model = this.ports.get(step.port);
      if (model !== undefined) await this.#atPort(model, step);
      else if (step.do === 'add' && step.port < this.each.maxPorts) {
        // Output under way to a port that was pulled out would find who stands there next: a queue knows numbers only.
        if (this.#underWay.delete(step.port)) await this.settle();
        this.plug(step.port, step.open);
      }
    }
  }

  async #atPort(model: PortModel, step: Step & { port: number }): Promise<void> {
    const driver = this.driver.ports.get(model.number);
    if (step.do === 'write') this.write(model, step.bytes);
    else if (step.do === 'send') model.host.send(model.in.next(step.bytes));
    else if (step.do === 'take') model.take(step.bytes);
    else if (step.do === 'driver-open') driver?.open();
    else if (step.do === 'driver-close') driver?.close();
    else if (step.do === 'host-open') model.host.setOpen(true);
    else if (step.do === 'resize') {
      model.size = { columns: step.columns, rows: step.rows };
      model.host.resize(model.size);
    } else if (step.do === 'host-close' || step.do === 'remove') {
      if (step.do === 'remove' && this.each.maxPorts === 0) return;
      if (step.calm) await this.settle();
      else if (step.do === 'remove') model.out.mayEnd = model.in.mayEnd = true;
      else model.out.mayLose = true;
      if (step.do === 'remove') await this.#remove(model, step.calm);
      else {
        model.host.setOpen(false);
        // A driver that is not told, or a console's, goes on writing.
        if (this.each.maxPorts === 0 || model.number === 0) model.out.mayLose = true;
        if (step.calm) await this.settle();
      }
    }
  }

  async #remove(model: PortModel, calm: boolean): Promise<void> {
    // Held back by the driver, or not wanted by it: that is nobody's loss.
    model.out.mayEnd = model.in.mayEnd = true;
    model.take();
    if (model.out.sent.length > model.out.got.length) this.#underWay.add(model.number);
    const left = model.in.sent.length - model.host.input.length - model.in.got.length;
    const before = this.#pulledOut.get(model.number) ?? [];
    if (left > 0) this.#pulledOut.set(model.number, [...before, { model, left }]);
    this.device.removePort(model.number);
    this.ports.delete(model.number);
    if (calm) await this.settle();
    model.check(true);
  }

  check(whole: boolean): void {
    for (const model of this.ports.values()) model.check(whole);
    if (this.#failures.length > 0) throw new Error(this.#failures.join('; '));
  }

  /** Both ends of every port open, and everything through. */
  async openAll(): Promise<void> {
    for (const model of this.ports.values()) model.host.setOpen(true);
    await this.settle();
    for (const model of this.ports.values()) this.driver.ports.get(model.number)!.open();
    await this.settle();
  }

  checkPorts(): void {
    const { each, driver } = this;
    const expected = [...this.ports.values()].sort((a, b) => a.number - b.number);
    const found = [...driver.ports.values()].sort((a, b) => a.number - b.number);
    const show = (list: readonly { number: number; name: string }[]) =>
      list.map(({ number, name }) => `${number} ${each.maxPorts > 0 ? name : ''}`).join();
    if (show(expected) !== show(found))
      throw new Error(`the driver sees ports ${show(found)}, not ${show(expected)}`);
    for (const model of expected) {
      const { size } = driver.ports.get(model.number)!;
      const told = model.number === 0 && (each.maxPorts > 0 || each.offersSize);
      if (told && model.size !== null && JSON.stringify(size) !== JSON.stringify(model.size))
        throw new Error(`${model.name} is ${JSON.stringify(size)}, not ${JSON.stringify(model.size)}`);
    }
  }
}

async function run(each: Case): Promise<void> {
  const bench = new Bench(each);
  const characters: number[] = [];
  bench.start();
  for (const step of each.steps) {
    if (step.do === 'emergency') characters.push(step.character);
    await bench.perform(step);
    await microtasks();
    bench.check(false);
  }
  await bench.openAll();
  bench.check(true);
  bench.checkPorts();
  if (bench.printed.join() !== characters.join())
    throw new Error(`printed ${bench.printed}, not ${characters}`);
  await leave(bench);
  // The device is as good as new for the next driver.
  for (const number of [...bench.ports.keys()]) {
    bench.device.removePort(number);
    bench.plug(number, true);
  }
  bench.start();
  await bench.openAll();
  for (const model of bench.ports.values()) {
    bench.write(model, 100);
    model.host.send(model.in.next(100));
  }
  await bench.settle();
  bench.check(true);
  bench.checkPorts();
}

/** After a reset the device touches neither memory nor what is behind its ports (BF-RST-02). */
async function leave(bench: Bench): Promise<void> {
  for (const model of bench.ports.values()) {
    model.out.mayEnd = model.in.mayEnd = true;
    bench.write(model, 50);
    model.host.send(model.in.next(50));
  }
  for (let i = 0; i < bench.each.releases; i++) bench.tasks.release(i);
  await microtasks();
  bench.driver.close();
  for (const { posted } of bench.rig.machines) posted?.flushAll();
  const state = () => Buffer.from(bench.rig.memory.ram.ranges[0]!.bytes).toString('latin1');
  for (const model of bench.ports.values()) model.take();
  const before = state();
  for (const model of bench.ports.values()) {
    model.host.send(Uint8Array.of(1, 2, 3));
    model.host.setOpen(false);
    model.host.resize({ columns: 1, rows: 1 });
  }
  await bench.settle();
  bench.check(false);
  if (state() !== before) throw new Error('memory was written after the reset');
}

describe('console driver and device against plain queues of bytes', () => {
  it(
    'whatever is written, sent, opened, closed, plugged and resized, over any transport, under any order of release',
    () => fc.assert(fc.asyncProperty(cases, run), { numRuns: runs(300), examples: [[pulledOut]] }),
    PATIENCE,
  );
});
