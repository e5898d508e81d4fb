import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DmaDomain, functionAddress, GuestMemory, immediate } from '../../src/core/index.ts';
import {
  AdminDriver,
  DmaMemory,
  enableVirtualFunctions,
  findFunction,
  ModernTransport,
  runFirmware,
  VirtioDriver,
} from '../../src/driver/index.ts';
import { mmrVirtualFunctions, presentLegacy } from '../../src/mmr/index.ts';
import { Machine } from '../../src/pci/index.ts';
import {
  Administration,
  BalloonDevice,
  BlockDevice,
  ConsoleDevice,
  type DeviceBehaviour,
  DiskUnit,
  EntropyDevice,
  MemoryStorage,
  NetworkDevice,
  P9Device,
  P9MemoryServer,
  Responder,
  ScsiDevice,
  SeededEntropy,
  VirtualMembers,
  virtioFunction,
  virtualFunctions,
} from '../../src/virtio/index.ts';
import { md5 } from './ext4.ts';
import { Lab, pciFolder } from './lab.ts';
import { pieces, skipNote } from './support.ts';

const HOST_RAM_BYTES = 1 << 20;
const PLACE = functionAddress(0, 4);
const DEVICE = 6;
const DISK_BYTES = 1 << 18;

const ways = ['mmr-virtual', 'admin'] as const;
type VirtualWay = (typeof ways)[number];

/** A host whose driver has enabled a virtual function, which the guest of a lab is shown as a legacy one. */
function present(lab: Lab, way: VirtualWay, make: () => DeviceBehaviour, device: number): void {
  const members = new VirtualMembers();
  const admin = way === 'admin';
  const administration = admin ? { administration: new Administration({ members, legacy: {} }) } : {};
  const owner = virtioFunction(make(), { kind: 'modern', express: true, ...administration });
  const virtual = admin
    ? virtualFunctions(owner, { total: 1, make, members, legacyCommands: true })
    : mmrVirtualFunctions(owner, { total: 1, make });
  const ram = GuestMemory.allocate({ start: 0, length: HOST_RAM_BYTES });
  const host = new Machine({ ram, scheduler: lab.gate, interruptScheduler: immediate });
  host.plug(owner.pci, PLACE);
  runFirmware(host);
  const found = findFunction(host, PLACE)!;
  const transport = new ModernTransport(host, found);
  const memory = new DmaMemory(host.ram, 0);
  const driver = admin ? AdminDriver.bringUp(transport, memory) : null;
  if (driver === null)
    new VirtioDriver(transport, memory).bringUp(
      { features: [], queues: [] },
      { queue: () => {}, config: () => {} },
    );
  const fn = enableVirtualFunctions(host, PLACE, 1).find(1)!;
  driver?.use('singleRootIov');
  const domain = new DmaDomain(lab.board.ram);
  lab.board.watchWrites(domain);
  virtual.pci.assign(1, domain);
  const configBytes = virtual.keep(1)!.device.config.length;
  const presented = presentLegacy(host, fn, {
    messages: lab.board.takesMessages,
    ...(driver === null ? {} : { member: { driver, owner: found, memberId: 1, configBytes } }),
  });
  lab.board.plug(presented.pci, functionAddress(0, device));
}

describe.skipIf(pieces === null)(`Linux's legacy drivers on virtual functions${skipNote}`, () => {
  let lab: Lab;

  beforeEach(async () => {
    lab = await Lab.start();
  });
  afterEach(() => lab?.destroy());

  describe.each(ways)('by way of %s', (way) => {
    it('read and write a disk', async () => {
      const bytes = new Uint8Array(DISK_BYTES);
      new SeededEntropy(5).fill(bytes);
      const half = DISK_BYTES / 2;
      present(lab, way, () => new BlockDevice({ storage: new MemoryStorage(bytes) }), DEVICE);
      await lab.rescan();
      expect(await lab.sh(`cat ${pciFolder(DEVICE)}/device`)).toBe('0x1001');
      expect(await lab.sh('md5sum < /dev/vda')).toBe(`${md5(bytes)}  -`);
      await lab.sh(
        `dd if=/dev/vda of=/dev/vda bs=4k count=${half / 4096} seek=${half / 4096} conv=fsync,notrunc 2>/dev/null`,
      );
      expect(md5(bytes.subarray(half))).toBe(md5(bytes.subarray(0, half)));
      expect(lab.findings).toEqual([]);
    });

    it('hand out random bytes', async () => {
      present(lab, way, () => new EntropyDevice({ source: new SeededEntropy(7) }), DEVICE);
      await lab.rescan();
      expect(await lab.sh('cat /sys/class/misc/hw_random/rng_current')).toBe('virtio_rng.0');
      expect(await lab.sh('head -c 512 /dev/hwrng | wc -c')).toBe('512');
      expect(lab.findings).toEqual([]);
    });

    it('get a lease, and ping', async () => {
      present(lab, way, () => new NetworkDevice({ link: new Responder() }), DEVICE);
      await lab.rescan();
      await lab.sh('ip link set eth0 up && ip address add 10.0.2.15/24 dev eth0');
      await lab.sh('ping -c 3 -s 1000 10.0.2.2 > /dev/null');
      expect(lab.findings).toEqual([]);
    });

    it('are bound to all seven types at once', async () => {
      const unit = () => new DiskUnit({ storage: new MemoryStorage(new Uint8Array(DISK_BYTES)) });
      const devices: readonly (() => DeviceBehaviour)[] = [
        () => new NetworkDevice({ link: new Responder() }),
        () => new BlockDevice({ storage: new MemoryStorage(new Uint8Array(DISK_BYTES)) }),
        () => new ConsoleDevice(),
        () => new EntropyDevice(),
        () => new BalloonDevice(),
        () => new ScsiDevice({ units: [{ target: 0, lun: 0, unit: unit() }] }),
        () => new P9Device({ server: new P9MemoryServer({}), mountTag: 'lab' }),
      ];
      const places = [2, 3, 4, 5, 6, 8, 9];
      for (const [i, make] of devices.entries()) present(lab, way, make, places[i]!);
      await lab.rescan();
      const bound = await lab.sh('cd /sys/bus/virtio/devices && for d in *; do cat $d/device; done');
      const types = bound.split('\n').map((id) => Number(id));
      expect(types.sort((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 8, 9]);
      const running = await lab.sh('cd /sys/bus/virtio/devices && for d in *; do cat $d/status; done');
      for (const status of running.split('\n')) expect(Number(status) & 0xc7).toBe(0x07);
      expect(lab.findings).toEqual([]);
    });
  });
});
