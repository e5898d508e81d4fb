import { registers, ro, type State } from 'virtiolab/core';
import { type DmaMemory, type Transport, VirtioDriver } from 'virtiolab/driver';
import type { DeviceDemo } from 'virtiolab/lab';
import { defineDeviceType } from 'virtiolab/layout';
import { type Chain, type DeviceBehaviour, DeviceConfig, type DevicePort } from 'virtiolab/virtio';

/** Brightness as the device shows it, in per cent. */
const lampConfig = registers({ brightness: ro(0, 4) });
const lampFeature = { dim: 0 };
const lampQueue = { request: 0 };
const lampStatus = { ok: 0, unsupported: 1 };

/** The row: all that functions, drafts, traces and drivers have to know of the type. */
export const lampType = defineDeviceType({
  name: 'lamp',
  functionName: 'virtio-lamp',
  typeNumber: 60,
  transitionalId: 0x103c,
  mmrId: 0x10e0,
  classCode: 0xff0000,
  features: lampFeature,
  config: lampConfig,
  smallRequest: () => ({ queue: lampQueue.request, out: new Uint8Array(4), inBytes: 1, used: [1, 1] }),
});

/** The behaviour. A request is a brightness of four bytes, and a writable byte for the status. */
export class LampDevice implements DeviceBehaviour {
  readonly type = lampType;
  readonly features = [lampFeature.dim];
  readonly queueSizes: readonly number[];
  readonly config = new DeviceConfig(lampConfig);
  readonly #request = new DataView(new ArrayBuffer(4));
  #device!: DevicePort;

  constructor(queueSize = 16) {
    this.queueSizes = [queueSize];
  }

  attach(device: DevicePort): void {
    this.#device = device;
  }

  get brightness(): number {
    return this.config.get('brightness');
  }

  handle(chain: Chain): void {
    const device = this.#device;
    const bytes = new Uint8Array(this.#request.buffer);
    const whole = chain.readableBytes === 4 && chain.read(0, bytes, 0, 4);
    const wanted = this.#request.getUint32(0, device.littleEndian);
    const levels = device.has(lampFeature.dim) ? wanted <= 100 : wanted === 0 || wanted === 100;
    const good = whole && levels;
    if (good && wanted !== this.brightness) {
      this.config.set('brightness', wanted);
      device.configChanged();
    }
    const told = chain.writeLast(good ? lampStatus.ok : lampStatus.unsupported);
    device.complete(chain, told && chain.writableBytes === 1 ? 1 : 0);
  }

  reset(): void {
    if (this.brightness !== 0) this.config.set('brightness', 0);
  }

  /** The configuration is saved with the device: nothing else has to be. */
  save = (): State => null;
  load = (): void => {};
}

/** A driver, on any transport. */
export class LampDriver {
  readonly #driver: VirtioDriver;
  readonly #at: number;
  readonly dims: boolean;

  constructor(transport: Transport, memory: DmaMemory) {
    this.#driver = new VirtioDriver(transport, memory);
    const { request } = lampQueue;
    this.#driver.bringUp(
      { features: [lampFeature.dim], queues: [request] },
      { queue: () => {}, config: () => {} },
    );
    this.dims = this.#driver.has(lampFeature.dim);
    this.#at = memory.allocate(8);
  }

  /** @returns the status. */
  set(brightness: number): number {
    const { memory } = this.#driver;
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setUint32(0, brightness, true);
    memory.ram.write(this.#at, bytes);
    this.#driver.add(lampQueue.request, [
      { address: this.#at, length: 4, writable: false },
      { address: this.#at + 4, length: 1, writable: true },
    ]);
    this.#driver.kick(lampQueue.request);
    if (this.#driver.take(lampQueue.request) === null) throw new Error('the lamp does not answer');
    return memory.ram.read(this.#at + 4, 1)[0]!;
  }

  close(): void {
    this.#driver.close();
  }
}

/** What `virtiolab demo --types lamp.ts --device lamp` does, and `virtiolab lspci --types lamp.ts` shows. */
export const lampDemo: DeviceDemo = {
  type: lampType,
  summary: 'switches a lamp on, dims it, and asks for too much',
  sample: () => new LampDevice(),
  visit: async () => {
    const lamp = new LampDevice();
    return {
      behaviour: lamp,
      async drive(transport, memory, marks) {
        const driver = new LampDriver(transport, memory);
        marks.markBroughtUp();
        const on = driver.set(100);
        marks.markFirst();
        const shown = lamp.brightness;
        const [dimmed, refused] = [driver.set(30), driver.set(101)];
        const facts = [
          { what: 'On', result: shown, good: on === lampStatus.ok && shown === 100 },
          {
            what: 'Dimmed',
            result: lamp.brightness,
            good: dimmed === lampStatus.ok && lamp.brightness === 30,
          },
          { what: 'Too much', result: refused, good: refused === lampStatus.unsupported },
        ];
        driver.close();
        return facts;
      },
      close: async () => {},
    };
  },
};
