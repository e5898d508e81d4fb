import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { functionAddress } from '../../src/core/index.ts';
import { LinuxGuest } from '../../src/hosts/v86/linux-guest.ts';
import {
  BlockDevice,
  type FunctionShape,
  MemoryStorage,
  SeededEntropy,
  type VirtioFunctionOptions,
  virtioFunction,
} from '../../src/virtio/index.ts';
import { md5 } from './ext4.ts';
import { Lab, pciFolder } from './lab.ts';
import { pieces, skipNote } from './support.ts';

const DISK_BYTES = 1 << 20;
const HALF = DISK_BYTES / 2;
const DEVICE = 5;

/** A disk that is plugged in, its first half filled. */
function plugDisk(lab: Lab, options: VirtioFunctionOptions): Uint8Array {
  const bytes = new Uint8Array(DISK_BYTES);
  new SeededEntropy(3).fill(bytes.subarray(0, HALF));
  const device = new BlockDevice({ storage: new MemoryStorage(bytes) });
  lab.board.plug(virtioFunction(device, options).pci, functionAddress(0, DEVICE));
  return bytes;
}

/** The guest copies the first half of its disk into the second, and reads all of it. */
async function copies(lab: Lab, bytes: Uint8Array): Promise<void> {
  expect(await lab.sh('cat /sys/block/vda/size')).toBe(`${DISK_BYTES / 512}`);
  await lab.sh('dd if=/dev/vda of=/dev/vda bs=64k count=8 seek=8 conv=fsync,notrunc 2>/dev/null');
  expect(md5(bytes.subarray(HALF))).toBe(md5(bytes.subarray(0, HALF)));
  await lab.sh('echo 3 > /proc/sys/vm/drop_caches');
  expect(await lab.sh('md5sum < /dev/vda')).toBe(`${md5(bytes)}  -`);
}

const again = async (lab: Lab) => {
  await lab.sh(`echo 1 > ${pciFolder(DEVICE)}/remove`);
  await lab.rescan();
};

describe.skipIf(pieces === null)(`Linux's block driver on functions of unusual shape${skipNote}`, () => {
  let lab: Lab;

  beforeEach(async () => {
    lab = new Lab(await LinuxGuest.start({ pieces: pieces!, acpi: true }));
  });
  afterEach(() => lab?.destroy());

  /** Places in which the guest's accesses arrived. */
  const touched = () =>
    new Set(
      lab.events.flatMap((event) =>
        event.kind === 'access' ? [`${event.space} ${event.target.slice(8)}`] : [],
      ),
    );

  const others = [{ id: 0x09, bytes: [8, 9, 0x34, 0x12, 1, 2] }] as const;
  const shapes: readonly (readonly [string, FunctionShape, readonly string[]])[] = [
    [
      'kicks far apart, structures twice, MSI-X among them, a slow reset',
      {
        structures: {
          common: [{ bar: 3, offset: 0x2040 }, 'memory'],
          isr: ['io', 'memory'],
          device: [{ bar: 3, offset: 0x1004 }],
          notify: ['memory', 'io'],
        },
        notify: { multiplier: 4096, offsets: [5] },
        msix: { table: { bar: 4, offset: 0x1008 }, pendingBits: { bar: 4, offset: 0x20 } },
        capabilities: { padding: 4, others },
        resetReads: 5,
      },
      ['memory BAR3 common', 'memory BAR3 device', 'memory BAR4 notify', 'memory BAR4 msix-table'],
    ],
    [
      'everything in I/O space, one kick register, gaps in the list',
      {
        structures: { common: ['io', 'memory'], isr: ['io'], device: ['io', 'memory'], notify: ['io'] },
        capabilities: { gap: 4 },
        msix: { table: { bar: 3, offset: 0 }, pendingBits: { bar: 1, offset: 8 } },
        resetReads: 2,
      },
      ['io BAR0 common', 'io BAR0 device', 'io BAR0 notify', 'memory BAR3 msix-table'],
    ],
  ];

  it.each(shapes)('reads and writes, and does so after it was unbound: %s', async (_, shape, places) => {
    const bytes = plugDisk(lab, { kind: 'modern', shape });
    await lab.rescan();
    await copies(lab, bytes);
    await again(lab);
    await copies(lab, bytes);
    expect(lab.findings).toEqual([]);
    for (const place of places) expect(touched()).toContain(place);
    expect(lab.events.some((event) => event.kind === 'interrupt' && event.signal === 'message')).toBe(true);
  });

  it('resets a function by way of D3hot where that is one, and has it back', async () => {
    const folder = pciFolder(DEVICE);
    const bytes = plugDisk(lab, { kind: 'modern', powerManagement: { noSoftReset: false } });
    await lab.rescan();
    await copies(lab, bytes);
    expect(await lab.sh(`cat ${folder}/reset_method`)).toContain('pm');
    await lab.sh(`echo $(basename ${folder}) > /sys/bus/pci/drivers/virtio-pci/unbind`);
    lab.events.length = 0;
    await lab.sh(`echo pm > ${folder}/reset_method && echo 1 > ${folder}/reset`);
    expect(lab.events.some((event) => event.kind === 'access' && event.space === 'config')).toBe(true);
    await lab.sh(`echo $(basename ${folder}) > /sys/bus/pci/drivers/virtio-pci/bind`);
    await copies(lab, bytes);
    expect(lab.findings).toEqual([]);
  });

  it('knows of no such reset where the function keeps its state', async () => {
    plugDisk(lab, { kind: 'modern', powerManagement: true });
    await lab.rescan();
    expect(await lab.sh(`ls ${pciFolder(DEVICE)}`)).not.toContain('reset_method');
  });

  it('does not wait for the reset of a legacy function, which is said', async () => {
    const bytes = plugDisk(lab, { kind: 'legacy', shape: { resetReads: 9 } });
    await lab.rescan();
    await copies(lab, bytes);
    expect(lab.clauses).toEqual([]);
    await again(lab);
    expect(new Set(lab.clauses)).toEqual(new Set(['BF-RST-03']));
  });
});
