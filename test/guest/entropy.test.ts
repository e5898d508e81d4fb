import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { State } from '../../src/core/index.ts';
import {
  deviceStatus,
  EntropyDevice,
  type EntropySource,
  feature,
  SeededEntropy,
} from '../../src/virtio/index.ts';
import { guestWays, Lab, pciFolder } from './lab.ts';
import { pieces, skipNote } from './support.ts';

const DEVICE = 6;
const REBINDS = 5;
/** The driver asks for a cache line at a time; whoever reads gets it whole, or the kernel's own pool does. */
const PIECE = 16;

/** Remembers what it gave. */
class RecordedEntropy implements EntropySource {
  given = '';
  readonly #source = new SeededEntropy(11);

  fill(target: Uint8Array): void {
    this.#source.fill(target);
    this.given += Buffer.from(target).toString('hex');
  }

  save(): State {
    return this.#source.save();
  }

  load(state: State): void {
    this.#source.load(state);
  }
}

describe.skipIf(pieces === null)(`Linux's entropy driver${skipNote}`, () => {
  let lab: Lab;

  beforeEach(async () => {
    lab = await Lab.start();
  });
  afterEach(() => lab?.destroy());

  const current = () => lab.sh('cat /sys/class/misc/hw_random/rng_current');

  describe.each(guestWays)('through $name', ({ window, transportFeatures }) => {
    it('hands out the bytes that are ours', async () => {
      const source = new RecordedEntropy();
      const { fn } = lab.present(new EntropyDevice({ source }), DEVICE, window, undefined, transportFeatures);
      await lab.rescan();
      expect(fn.device.has(feature.ringPacked)).toBe(transportFeatures.includes(feature.ringPacked));
      expect(await current()).toBe('virtio_rng.0');
      const bytes = await lab.sh(`head -c 512 /dev/hwrng | hexdump -ve '1/1 "%02x"'`);
      expect(bytes).toHaveLength(1024);
      for (let at = 0; at < bytes.length; at += 2 * PIECE)
        expect(source.given).toContain(bytes.slice(at, at + 2 * PIECE));
      expect(lab.findings).toEqual([]);
    });

    it(`is bound again ${REBINDS} times`, async () => {
      const { fn } = lab.present(
        new EntropyDevice({ source: new SeededEntropy(1) }),
        DEVICE,
        window,
        undefined,
        transportFeatures,
      );
      await lab.rescan();
      const name = await lab.sh(`basename $(readlink -f ${pciFolder(DEVICE)})`);
      const driver = '/sys/bus/pci/drivers/virtio-pci';
      for (let i = 0; i < REBINDS; i++) {
        // The kernel's own entropy thread may hang where a source goes before it was read from.
        expect(await lab.sh('head -c 8 /dev/hwrng | wc -c')).toBe('8');
        await lab.sh(`echo ${name} > ${driver}/unbind`);
        expect(await current()).toBe('none');
        // Reset, and acknowledged anew for whichever driver comes next.
        expect(fn.device.status).toBe(deviceStatus.acknowledge);
        await lab.sh(`echo ${name} > ${driver}/bind`);
      }
      expect(await lab.sh('head -c 8 /dev/hwrng | wc -c')).toBe('8');
      expect(lab.findings).toEqual([]);
    });
  });
});
