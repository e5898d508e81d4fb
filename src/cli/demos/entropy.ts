import { type DmaMemory, EntropyDriver, type Transport, VirtioDriver } from '../../driver/index.ts';
import {
  EntropyDevice,
  type EntropySource,
  entropyDeviceType,
  entropyQueue,
  systemEntropy,
} from '../../virtio/index.ts';
import { bytesText } from '../text.ts';
import type { DemoFact, DeviceDemo, DeviceVisit } from './device-demo.ts';

const READ_BYTES = 256 << 10;
/** More than a device gives for one buffer here. */
const LONG_BYTES = 96 << 10;
const BLOCK_BYTES = 16;
/** Chi-squared of 255 degrees of freedom lies outside of this once in a hundred million times. */
const CHI_SQUARED = { least: 144, most: 400 } as const;

/** Remembers what it gave. */
class RecordedEntropy implements EntropySource {
  readonly given: Uint8Array[] = [];

  fill(target: Uint8Array): void {
    systemEntropy.fill(target);
    this.given.push(target.slice());
  }

  save = () => null;
  load = () => {};
}

/** How far the counts of each byte are from equal ones. */
function chiSquared(bytes: Uint8Array): number {
  const counts = new Float64Array(256);
  for (const byte of bytes) counts[byte]!++;
  const expected = bytes.length / 256;
  return counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
}

function spreadFact(bytes: Uint8Array): DemoFact {
  const value = chiSquared(bytes);
  const blocks = new Set<string>();
  for (let at = 0; at < bytes.length; at += BLOCK_BYTES)
    blocks.add(bytes.subarray(at, at + BLOCK_BYTES).join());
  const repeated = bytes.length / BLOCK_BYTES - blocks.size;
  return {
    what: 'Spread',
    result: `chi-squared ${value.toFixed(0)} of 255 degrees of freedom; ${repeated} of ${bytes.length / BLOCK_BYTES} blocks of ${BLOCK_BYTES} bytes come twice`,
    good: value > CHI_SQUARED.least && value < CHI_SQUARED.most && repeated === 0,
    data: { chiSquared: value, repeated },
  };
}

/** Buffers that no ordinary driver sends, through a bare queue. @returns the used length of each. */
async function odd(transport: Transport, memory: DmaMemory): Promise<number[]> {
  const driver = new VirtioDriver(transport, memory);
  const lengths: number[] = [];
  const { request } = entropyQueue;
  const take = () => {
    const ring = driver.rings.get(request);
    for (let used = ring?.take() ?? null; used !== null; used = ring!.take()) lengths.push(used.length);
  };
  driver.bringUp({ features: [], queues: [request] }, { queue: take, config: () => {} });
  const address = memory.allocate(LONG_BYTES);
  const buffers = [
    { length: LONG_BYTES, writable: true },
    { length: 64, writable: false },
  ];
  for (const buffer of buffers) {
    const before = lengths.length;
    driver.rings.get(request)!.add([{ address, ...buffer }]);
    driver.kick(request);
    for (let tries = 0; tries < 100 && lengths.length === before; tries++)
      await new Promise((resolve) => setImmediate(resolve));
  }
  driver.close();
  return lengths;
}

async function visit(): Promise<DeviceVisit> {
  const source = new RecordedEntropy();
  return {
    behaviour: new EntropyDevice({ source }),
    subject: "the platform's own generator",
    breaks: ['entropy-readable'],
    async drive(transport, memory, marks) {
      const driver = new EntropyDriver(transport, memory);
      marks.markBroughtUp();
      const first = await driver.read(BLOCK_BYTES);
      marks.markFirst();
      const started = performance.now();
      const bytes = await driver.read(READ_BYTES);
      const ms = performance.now() - started;
      const given = Buffer.concat(source.given);
      const pieces = source.given.length - 1;
      driver.close();
      const [long = -1, readable = -1] = await odd(transport, memory);
      return [
        {
          what: 'First',
          result: Buffer.from(first).toString('hex'),
          good: first.some((byte) => byte !== 0),
        },
        {
          what: 'Read',
          result: `${bytesText(bytes.length)} in ${pieces} buffers in ${ms.toFixed(1)} ms, ${(bytes.length / 2 ** 20 / (ms / 1000)).toFixed(0)} MiB/s`,
          good: bytes.length === READ_BYTES,
          data: { bytes: bytes.length, buffers: pieces, ms },
        },
        {
          what: 'Source',
          result: 'what the driver has is what the source gave, byte for byte and in order',
          good:
            Buffer.compare(given.subarray(0, first.length + bytes.length), Buffer.concat([first, bytes])) ===
            0,
        },
        spreadFact(bytes),
        {
          what: 'Too long',
          result: `a buffer of ${bytesText(LONG_BYTES)} comes back with ${bytesText(long)} (RNG-04)`,
          good: long > 0 && long <= LONG_BYTES,
          data: { asked: LONG_BYTES, used: long },
        },
        {
          what: 'Wrong way',
          result: `a buffer that the device can only read comes back with ${readable} bytes (RNG-01)`,
          good: readable === 0,
        },
      ];
    },
    close: async () => {},
  };
}

export const entropyDemo: DeviceDemo = {
  type: entropyDeviceType,
  summary: "reads random bytes, compares them with what the source gave, and looks at how they're spread",
  first: 'The first bytes',
  sample: () => new EntropyDevice(),
  visit,
};
