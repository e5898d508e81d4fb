import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { guestWindows } from '../../../src/hosts/present/present.ts';
import { qemuBootSector } from '../../../src/hosts/qemu/index.ts';
import { BlockDevice, MemoryStorage } from '../../../src/virtio/index.ts';
import { bootDisk } from '../../guest/boot-disk.ts';
import { Served } from './served.ts';
import { Bench, note, qemu, reason } from './support.ts';

const TEXTS = ['first stretch', 'its last sector', 'by geometry'] as const;
const END = TEXTS[2];
/** What SeaBIOS finds a disk behind; a legacy block in memory is for drivers that know of it. */
const bootable = guestWindows.filter((window) => window !== 'legacy-memory');

describe.skipIf(reason !== null)(`SeaBIOS in QEMU, with our disk over vfio-user${note}`, () => {
  let bench: Bench;
  let served: Served;
  beforeEach(async () => {
    bench = new Bench();
    served = await Served.start(bench.folder);
  });
  afterEach(async () => {
    await bench.close();
    await served.close();
  });

  const disk = (window: (typeof guestWindows)[number], texts: readonly [string, string, string] = TEXTS) => {
    const storage = new MemoryStorage(bootDisk(1 << 20, texts));
    return served.add(new BlockDevice({ storage }), { window });
  };

  it.each(bootable)(
    'boots it through %s, on either machine, in shared memory and in its own',
    async (window) => {
      for (const [machine, sharedMemory] of [
        ['pc', true],
        ['q35', true],
        ['pc', false],
      ] as const) {
        const devices = [disk(window).qemu({ bootindex: 0 })];
        const { output } = await qemuBootSector({ qemu, machine, sharedMemory, until: END, devices });
        expect(output).toEqual(['in the boot sector', ...TEXTS]);
      }
      expect(new Set(served.ends)).toEqual(new Set(['it left']));
    },
  );

  it('boots the same one again, in another machine and after a reset', async () => {
    const ours = disk('mmr');
    const devices = [ours.qemu({ bootindex: 0 })];
    await qemuBootSector({ qemu, until: END, devices });
    const machine = await bench.create({ devices });
    const end = () => machine.serial.waitForLine((line) => line === END, 20_000, 'last line');
    await Promise.all([end(), machine.run()]);
    for (let i = 0; i < 3; i++) await Promise.all([end(), machine.reset()]);
    expect(ours.service.attached).toBe(true);
    expect(served.ends).toEqual(['it left']);
  });

  it('boots the one of several functions that is to be booted', async () => {
    const others = disk('modern', ['wrong', 'wrong', 'wrong']);
    const devices = [
      others.qemu({ addr: '5.0', multifunction: true, bootindex: 1 }),
      disk('mmr').qemu({ addr: '5.1', bootindex: 0 }),
    ];
    expect((await qemuBootSector({ qemu, until: END, devices })).output).toContain(TEXTS[0]);
    const machine = await bench.create({ devices: [others.qemu()] });
    // One machine at a time has a device; another's QEMU waits for it.
    expect(others.service.attached).toBe(true);
    await machine.close();
  });

  it('boots it with 6 GiB of memory, as QEMU tells of them', async () => {
    const devices = [disk('modern').qemu({ bootindex: 0 })];
    const memoryBytes = 6 * 2 ** 30;
    const { output } = await qemuBootSector({ qemu, memoryBytes, until: END, devices });
    expect(output).toContain(TEXTS[0]);
  });

  it('is told by QEMU that nobody serves it', async () => {
    const socket = { type: 'unix', path: join(bench.folder, 'nobody') };
    const boot = qemuBootSector({ qemu, until: END, devices: [{ driver: 'vfio-user-pci', socket }] });
    await expect(boot).rejects.toThrow(/QEMU did not start: .*nobody/);
  });
});
