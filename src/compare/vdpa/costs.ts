import { GuestMemory, VirtiolabError } from '../../core/index.ts';
import { NetworkDriver, networkDriverFeatures } from '../../driver/index.ts';
import { twoMachines, ways } from '../../mmr/index.ts';
import { NetworkDevice, type NetworkLink, type VdpaParent } from '../../virtio/index.ts';
import { networkFeature } from '../../virtio/layout/index.ts';
import { MeteredDma } from '../metered-dma.ts';
import type { Position } from './positions.ts';
import { type TrialGuest, trialWorld } from './trial-world.ts';

const FRAMES = 100;
const FRAME_BYTES = 1514;

/** Calls by which a parent is told what its driver is, beside features. */
function countCalls(parent: VdpaParent): () => number {
  let calls = 0;
  for (const name of ['setFormat', 'setOrder', 'setRingOrder'] as const) {
    const real = parent[name].bind(parent) as (...given: unknown[]) => void;
    Object.defineProperty(parent, name, {
      value: (...given: unknown[]) => {
        calls++;
        real(...given);
      },
    });
  }
  return () => calls;
}

const each = (count: number) => `${Math.round((count / FRAMES) * 100) / 100}`;

function countingLink(): { readonly link: NetworkLink; sent(): number } {
  let count = 0;
  const transmit = () => {
    count++;
  };
  return { link: { offloads: false, attach: () => {}, transmit }, sent: () => count };
}

const shortHeaders = networkDriverFeatures.filter((bit) => bit !== networkFeature.mergeableBuffers);

async function sendFrames(driver: NetworkDriver): Promise<void> {
  const frame = new Uint8Array(FRAME_BYTES);
  for (let i = 0; i < FRAMES; i++) await driver.send(frame);
}

/** A device that is a program: the processor reads its rings and its frames. */
export async function softwareCosts(): Promise<string> {
  const { link } = countingLink();
  const ram = GuestMemory.allocate({ start: 0, length: 4 << 20 });
  const domain = new MeteredDma(ram);
  const fn = ways['io-bar'].build(new NetworkDevice({ link }));
  const world = twoMachines([{ fn, domain }], { ram });
  const driver = new NetworkDriver(world.transport(), world.driverMemory(), {
    features: shortHeaders,
    depth: 4,
  });
  const before = domain.meter.counts.readBytes;
  await sendFrames(driver);
  return `in software the processor reads ${each(domain.meter.counts.readBytes - before)} bytes for a frame of ${FRAME_BYTES}`;
}

async function costsFor(position: Position, guest: TrialGuest): Promise<string | null> {
  const { link, sent } = countingLink();
  try {
    const world = trialWorld(new NetworkDevice({ link }), guest, position, 'both orders');
    const calls = countCalls(world.mediated.parent);
    const driver = new NetworkDriver(world.open(), world.memory, { features: shortHeaders, depth: 4 });
    const { counts } = world.mediated;
    const before = { ...counts };
    await sendFrames(driver);
    if (sent() !== FRAMES) return null;
    const taken = (name: keyof typeof counts) => each(counts[name] - before[name]);
    const copies =
      counts.chains === 0
        ? 'nothing copied'
        : `${taken('descriptors')} descriptors, copies of ${taken('copiedBytes')} bytes (${taken('copies')}) and kicks of the parent (${taken('kicks')})`;
    return `${copies} for a frame of ${FRAME_BYTES} bytes; calls beside features: ${calls()}`;
  } catch (error) {
    if (error instanceof VirtiolabError) return null;
    throw error;
  }
}

/**
 * What a frame of a legacy guest with short headers takes by a position, in a line: of a little-endian guest, or a big-endian one where
 * that alone is served. Null where no legacy guest is.
 */
export async function frameCosts(position: Position): Promise<string | null> {
  return (await costsFor(position, 'legacy LE')) ?? (await costsFor(position, 'legacy BE'));
}
