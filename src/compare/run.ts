import { DmaMemory } from '../driver/index.ts';
import type { VirtioFunction } from '../virtio/index.ts';
import { type Counts, difference, Meter, per } from './counts.ts';
import { sceneOf, type Variant } from './scenes.ts';
import { checkRequestBytes, type Workload, type WorkloadName, workloads } from './workloads.ts';

/** The three parts of a device's use. */
export const phaseNames = ['bringUp', 'request', 'shutdown'] as const;
export type PhaseName = (typeof phaseNames)[number];

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
const DRIVER_MEMORY = 0x100000;

/**
 * Brings a device up by one way, works with it, and shuts it down; counts everything on the way.
 * @throws OptionError for a size that no request of the type has.
 */
export async function countVariant(variant: Variant, options: RunOptions): Promise<VariantCounts> {
  const { device, intx = false } = options;
  const workload: Workload = workloads[device];
  const bytes = options.bytes ?? workload.bytes.usual;
  checkRequestBytes(device, bytes);
  const made = workload.make(bytes);
  const scene = sceneOf(variant, made.behaviour, intx);
  const meter = new Meter(scene);
  const start = meter.take();
  const work = await made.open(scene.connect(), new DmaMemory(scene.ram, DRIVER_MEMORY));
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
