import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fullMediation, MediatedDevice, ways } from '../../src/mmr/index.ts';
import {
  BlockDevice,
  type DeviceBehaviour,
  EntropyDevice,
  feature,
  MemoryStorage,
  NetworkDevice,
  Responder,
  SeededEntropy,
} from '../../src/virtio/index.ts';
import { md5 } from './ext4.ts';
import { Lab } from './lab.ts';
import { pieces, skipNote } from './support.ts';

/*
 * A real kernel as the guest of a mediator: its legacy drivers by the I/O BAR that a translator shows, its modern ones on the structures
 * of virtio 1.x. Every ring is shadowed, by split ones and by packed ones.
 */
const BYTES = 1 << 20;
const FIRST_SLOT = 8;

describe.skipIf(pieces === null)(`Linux on vDPA parents${skipNote}`, () => {
  let lab: Lab;

  beforeEach(async () => {
    lab = await Lab.start();
  });
  afterEach(() => lab?.destroy());

  it.each([
    { window: 'io-bar', packed: false },
    { window: 'modern', packed: true },
  ] as const)('works through $window, shadowed by packed rings: $packed', async ({ window, packed }) => {
    const disk = new Uint8Array(BYTES);
    new SeededEntropy(1).fill(disk);
    const behaviours: readonly DeviceBehaviour[] = [
      new NetworkDevice({ link: new Responder() }),
      new BlockDevice({ storage: new MemoryStorage(disk) }),
      new EntropyDevice({ source: new SeededEntropy(4) }),
    ];
    const mediation = { ...fullMediation, rings: "the mediator's" } as const;
    const transportFeatures = [feature.ringEventIndex, ...(packed ? [feature.ringPacked] : [])];
    const mediated = behaviours.map(
      (behaviour) => new MediatedDevice(behaviour, { mediation, packed, transportFeatures }),
    );
    for (const [i, device] of mediated.entries()) lab.present(device, FIRST_SLOT + i, window);
    await lab.rescan();
    await lab.sh('ip addr add 10.0.2.15/24 dev eth0; ip link set eth0 up');
    const seen = await lab.sh(
      [
        'md5sum < /dev/vda',
        'dd if=/dev/zero of=/dev/vda bs=4096 seek=3 count=2 conv=fsync 2>/dev/null; echo written',
        'head -c 1024 /dev/hwrng | wc -c',
        'ping -A -c 20 -s 1000 10.0.2.2 | grep received',
        'dmesg | grep -c "nobody cared" || true',
      ].join('\n'),
    );
    const before = new Uint8Array(BYTES);
    new SeededEntropy(1).fill(before);
    expect(seen.split('\n')).toEqual([
      `${md5(before)}  -`,
      'written',
      '1024',
      '20 packets transmitted, 20 packets received, 0% packet loss',
      '0',
    ]);
    before.fill(0, 3 * 4096, 5 * 4096);
    expect(md5(disk)).toBe(md5(before));
    for (const { counts, refusal, parent } of mediated) {
      expect(refusal).toBe(null);
      expect(counts.chains).toBeGreaterThan(0);
      expect(counts.tooLong).toBe(0);
      expect(parent.device.legacyDriver).toBe(false);
    }
    expect(lab.clauses).toEqual([]);
    expect(ways[window].modern).toBe(window === 'modern');
  });
});
