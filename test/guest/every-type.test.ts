import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { GuestDevice } from '../../src/hosts/present/present.ts';
import { ways } from '../../src/mmr/index.ts';
import {
  BalloonDevice,
  BlockDevice,
  ConsoleDevice,
  type DeviceBehaviour,
  DiskUnit,
  deviceStatus,
  EntropyDevice,
  MemoryConsole,
  MemoryStorage,
  NetworkDevice,
  P9Device,
  P9MemoryServer,
  Responder,
  ScsiDevice,
  SeededEntropy,
} from '../../src/virtio/index.ts';
import { md5 } from './ext4.ts';
import { guestWays, Lab } from './lab.ts';
import { pieces, skipNote } from './support.ts';

const BYTES = 2 << 20;
const PAGES = 2048;
const FIRST_SLOT = 8;
const PATIENCE = { timeout: 30_000 };

function seeded(seed: number): Uint8Array {
  const bytes = new Uint8Array(BYTES);
  new SeededEntropy(seed).fill(bytes);
  return bytes;
}

describe.skipIf(pieces === null)(`All seven device types in one Linux guest${skipNote}`, () => {
  let lab: Lab;

  beforeEach(async () => {
    lab = await Lab.start();
  });
  afterEach(() => lab?.destroy());

  it.each(guestWays)('work at once, through $name', async ({ window, transportFeatures }) => {
    const [disk, unit, file] = [seeded(1), seeded(2), seeded(3)];
    const terminal = new MemoryConsole();
    const responder = new Responder();
    const balloon = new BalloonDevice();
    const behaviours: DeviceBehaviour[] = [
      new NetworkDevice({ link: responder }),
      new BlockDevice({ storage: new MemoryStorage(disk) }),
      new ConsoleDevice({ ports: [{ backend: terminal }] }),
      new EntropyDevice({ source: new SeededEntropy(4) }),
      balloon,
      new ScsiDevice({
        units: [{ target: 0, lun: 0, unit: new DiskUnit({ storage: new MemoryStorage(unit) }) }],
      }),
      new P9Device({ server: new P9MemoryServer({ file }), mountTag: 'host' }),
    ];
    const devices: GuestDevice[] = behaviours.map((behaviour, i) =>
      lab.present(behaviour, FIRST_SLOT + i, window, undefined, transportFeatures),
    );
    await lab.rescan();
    await vi.waitFor(() => expect(terminal.driverOpen).toBe(true), PATIENCE);
    for (const { fn } of devices) expect(fn.device.status & deviceStatus.driverOk).not.toBe(0);
    await lab.sh(
      [
        'ip addr add 10.0.2.15/24 dev eth0; ip link set eth0 up; until [ -e /dev/sda ]; do sleep 0.02; done',
        'mount -t 9p -o trans=virtio,version=9p2000.L,ro host /mnt',
      ].join('\n'),
    );
    balloon.setTarget(PAGES);
    const seen = await lab.sh(
      [
        '(md5sum < /dev/vda > /tmp/1 & md5sum < /dev/sda > /tmp/2 & md5sum < /mnt/file > /tmp/3 &',
        'head -c 1024 /dev/hwrng | wc -c > /tmp/4 &',
        'ping -A -c 20 -s 1000 10.0.2.2 | grep received > /tmp/5 &',
        'echo hello from the guest > /dev/hvc0 &',
        'wait); cat /tmp/1 /tmp/2 /tmp/3 /tmp/4 /tmp/5; umount /mnt',
      ].join('\n'),
    );
    expect(seen.split('\n')).toEqual([
      ...[disk, unit, file].map((bytes) => `${md5(bytes)}  -`),
      '1024',
      '20 packets transmitted, 20 packets received, 0% packet loss',
    ]);
    const hello = 'hello from the guest';
    await vi.waitFor(() => expect(terminal.output.length).toBeGreaterThan(hello.length), PATIENCE);
    expect(new TextDecoder().decode(terminal.take())).toContain(hello);
    await vi.waitFor(() => expect(balloon.inflated.size).toBe(PAGES), PATIENCE);
    expect(await lab.sh('dmesg | grep -c "nobody cared" || true')).toBe('0');
    // Linux's balloon driver kicks its statistics queue before it sets DRIVER_OK, which only a legacy driver may.
    expect(lab.clauses).toEqual(ways[window].modern ? ['INIT-08'] : []);
    const watched = lab.watch.finish();
    // Its legacy transport writes configuration byte by byte, and so the balloon's size, which is to be written at once.
    const known = ways[window].modern ? ['kick-before-driver-ok'] : ['actual-in-pieces'];
    const told = watched.findings.filter(({ level }) => level !== 'note').map(({ rule }) => rule);
    expect(told).toEqual(known);
    expect(watched.functions.length).toBe(behaviours.length);
  });
});
