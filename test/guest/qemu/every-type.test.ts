import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ways, waysOf } from '../../../src/mmr/index.ts';
import {
  BalloonDevice,
  BlockDevice,
  ConsoleDevice,
  type DeviceBehaviour,
  DiskUnit,
  EntropyDevice,
  MemoryConsole,
  MemoryStorage,
  NetworkDevice,
  P9Device,
  P9MemoryServer,
  Responder,
  ScsiDevice,
  SeededEntropy,
  VsockDevice,
  VsockHost,
  vsockDeviceType,
} from '../../../src/virtio/index.ts';
import { md5 } from '../ext4.ts';
import { guestWays } from '../lab.ts';
import { vsockTool } from '../vsock-tool.ts';
import { OurDevices } from './our-devices.ts';
import { kernels, old, usually, withLinux } from './support.ts';

const BYTES = 2 << 20;
const PAGES = 2048;
const [CID, PORT] = [42, 7];
const PATIENCE = { timeout: 30_000 };
const taken = usually(guestWays.map(({ window }) => window));
const ordinary = guestWays.filter(({ window }) => window !== 'legacy-memory' && taken.includes(window));

function seeded(seed: number): Uint8Array {
  const bytes = new Uint8Array(BYTES);
  new SeededEntropy(seed).fill(bytes);
  return bytes;
}

/** Says back what it is told. */
function echoing(): VsockHost {
  const host = new VsockHost();
  host.listen(PORT, (socket) => {
    socket.on = {
      received: () => {
        for (let bytes = socket.read(); bytes !== null; bytes = socket.read()) socket.write(bytes);
      },
      ended: () => socket.close(),
    };
  });
  return host;
}

describe.each(kernels(old).map((kernel) => [`${kernel.name}${kernel.note}`, kernel] as const))(
  'All device types in one 64-bit Linux in QEMU, of %s',
  (_, kernel) => {
    let ours: OurDevices;
    beforeEach(async () => {
      ours = await OurDevices.start();
    });
    afterEach(() => ours.close());

    it.skipIf(kernel.reason !== null).each(ordinary)('work at once, through $name', async (way) => {
      const { window, transportFeatures } = way;
      const [disk, unit, file] = [seeded(1), seeded(2), seeded(3)];
      const terminal = new MemoryConsole();
      const responder = new Responder();
      const balloon = new BalloonDevice();
      const units = [{ target: 0, lun: 0, unit: new DiskUnit({ storage: new MemoryStorage(unit) }) }];
      const sockets = waysOf(vsockDeviceType).includes(window);
      const behaviours: DeviceBehaviour[] = [
        new NetworkDevice({ link: responder }),
        new BlockDevice({ storage: new MemoryStorage(disk) }),
        new ConsoleDevice({ ports: [{ backend: terminal }] }),
        new EntropyDevice({ source: new SeededEntropy(4) }),
        balloon,
        new ScsiDevice({ units }),
        new P9Device({ server: new P9MemoryServer({ file }), mountTag: 'host' }),
        ...(sockets ? [new VsockDevice({ guestCid: CID, peer: echoing() })] : []),
      ];
      const devices = behaviours.map((behaviour) =>
        ours.add(behaviour, { window, transportFeatures }).qemu(),
      );
      await withLinux(kernel, { devices }, async (guest) => {
        const sh = (lines: readonly string[]) => guest.runOk(lines.join('\n'), { timeoutMs: 60_000 });
        await vi.waitFor(() => expect(terminal.driverOpen).toBe(true), PATIENCE);
        await sh([
          'ip addr add 10.0.2.15/24 dev eth0; ip link set eth0 up; until [ -e /dev/sda ]; do usleep 20000; done',
          'mount -t 9p -o trans=virtio,version=9p2000.L,ro host /mnt',
        ]);
        balloon.setTarget(PAGES);
        const seen = await sh([
          '(md5sum < /dev/vda > /tmp/1 & md5sum < /dev/sda > /tmp/2 & md5sum < /mnt/file > /tmp/3 &',
          'head -c 1024 /dev/hwrng | wc -c > /tmp/4 &',
          'ping -A -c 20 -s 1000 10.0.2.2 | grep received > /tmp/5 &',
          'echo hello from the guest > /dev/hvc0 &',
          'wait); cat /tmp/1 /tmp/2 /tmp/3 /tmp/4 /tmp/5; umount /mnt',
        ]);
        expect(seen.trimEnd().split('\n')).toEqual([
          ...[disk, unit, file].map((bytes) => `${md5(bytes)}  -`),
          '1024',
          '20 packets transmitted, 20 packets received, 0% packet loss',
        ]);
        const hello = 'hello from the guest';
        await vi.waitFor(() => expect(terminal.output.length).toBeGreaterThan(hello.length), PATIENCE);
        expect(new TextDecoder().decode(terminal.take())).toContain(hello);
        await vi.waitFor(() => expect(balloon.inflated.size).toBe(PAGES), PATIENCE);
        if (sockets) {
          const modules = ['vsock', 'vmw_vsock_virtio_transport_common', 'vmw_vsock_virtio_transport'];
          await sh([...modules.map((name) => `insmod /lib/modules/${name}.ko`), vsockTool('/bin/vsock')]);
          expect(await sh([`printf hello | vsock c1 ${PORT}`])).toBe('hello');
        }
        expect(await sh(['dmesg | grep -c "nobody cared" || true'])).toBe('0\n');
      });
      // Linux's balloon driver kicks its statistics queue before it sets DRIVER_OK, which only a legacy driver may.
      expect(ours.clauses).toEqual(ways[window].modern ? ['INIT-08'] : []);
      await ours.left(devices.length);
    });
  },
);
