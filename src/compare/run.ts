import { functionAddress, GuestMemory } from '../core/index.ts';
import { DmaMemory, findFunction, runFirmware, type Transport } from '../driver/index.ts';
import { type Draft, isTranslated, twoMachines, type WayName, ways } from '../mmr/index.ts';
import { Machine } from '../pci/index.ts';
import type { DeviceBehaviour, VirtioFunction } from '../virtio/index.ts';
import { type Counted, type Counts, difference, Meter, per } from './counts.ts';
import { MeteredDma } from './metered-dma.ts';
import { checkRequestBytes, type WorkloadName, workloads } from './workloads.ts';

/** The three parts of a device's use. */
export const phaseNames = ['bringUp', 'request', 'shutdown'] as const;
export type PhaseName = (typeof phaseNames)[number];

/** One way, with the choices of a draft where it has any. */
export interface Variant {
  readonly way: WayName;
  readonly draft?: Draft;
  readonly placement?: 'own' | 'shared';
}

export interface RunOptions {
  readonly device: WorkloadName;
  /** Bytes of a request; by default the type's usual. */
  readonly bytes?: number;
  /** The driver does without MSI-X. */
  readonly intx?: boolean;
}

/** What was counted of one way. `request` is the mean of many. */
export interface VariantCounts {
  readonly variant: Variant;
  readonly fn: VirtioFunction;
  readonly phases: Readonly<Record<PhaseName, Counts>>;
}

/** As many requests as make rings go round, and one before them: a first one finds nothing warm. */
const REQUESTS = 300;
const RAM_BYTES = 64 << 20;
const PLACE = functionAddress(0, 4);
const DRIVER_MEMORY = 0x100000;

interface Scene extends Counted {
  readonly fn: VirtioFunction;
  readonly ram: GuestMemory;
  connect(): Transport;
}

function sceneOf(variant: Variant, behaviour: DeviceBehaviour, intx: boolean): Scene {
  const { way: name, draft, placement } = variant;
  const way = ways[name];
  const fn = way.build(behaviour, {
    ...(draft === undefined ? {} : { draft }),
    ...(placement === undefined ? {} : { placement }),
  });
  const ram = GuestMemory.allocate({ start: 0, length: RAM_BYTES });
  const domain = new MeteredDma(ram);
  const common = { fn, ram, dma: [domain.meter], adminCommands: () => 0 };
  if (isTranslated(name)) {
    const options = { ram, way: name, ...(draft === undefined ? {} : { draft }) };
    const machines = twoMachines([{ fn, domain }], options);
    const { guest, host } = machines;
    return { ...common, guest, host, connect: () => machines.transport(0, { intx }) };
  }
  const host = new Machine({ ram });
  host.plug(fn.pci, PLACE, domain);
  runFirmware(host);
  const connect = () =>
    ways[name].transport(host, findFunction(host, PLACE)!, {
      intx,
      ...(draft === undefined ? {} : { draft }),
    });
  return { ...common, guest: null, host, connect };
}

/**
 * Brings a device up by one way, works with it, and shuts it down; counts everything on the way.
 * @throws OptionError for a size that no request of the type has.
 */
export async function countVariant(variant: Variant, options: RunOptions): Promise<VariantCounts> {
  const { device, intx = false } = options;
  const workload = workloads[device];
  const bytes = options.bytes ?? workload.bytes.usual;
  checkRequestBytes(device, bytes);
  const { behaviour, open } = workload.make(bytes);
  const scene = sceneOf(variant, behaviour, intx);
  const meter = new Meter(scene);
  const start = meter.take();
  const work = await open(scene.connect(), new DmaMemory(scene.ram, DRIVER_MEMORY));
  const up = meter.take();
  await work.request();
  const warm = meter.take();
  for (let i = 0; i < REQUESTS; i++) await work.request();
  const done = meter.take();
  work.close();
  const down = meter.take();
  meter.close();
  return {
    variant,
    fn: scene.fn,
    phases: {
      bringUp: difference(up, start),
      request: per(difference(done, warm), REQUESTS),
      shutdown: difference(down, done),
    },
  };
}
