import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { functionAddress } from '../../src/core/index.ts';
import {
  BlockDevice,
  functionKinds,
  MemoryStorage,
  SeededEntropy,
  virtioFunction,
} from '../../src/virtio/index.ts';
import { md5 } from './ext4.ts';
import { Lab } from './lab.ts';
import { pieces, skipNote } from './support.ts';

const DISK_BYTES = 1 << 20;
const HALF = DISK_BYTES / 2;

describe.skipIf(pieces === null)(`Linux's block driver on a function without a host${skipNote}`, () => {
  let lab: Lab;

  beforeEach(async () => {
    lab = await Lab.start();
  });
  afterEach(() => lab?.destroy());

  const accessesOf = (region: string) =>
    lab.events.filter((event) => event.kind === 'access' && event.target.endsWith(region)).length;

  it.each([
    { name: 'legacy', kind: 'legacy', forced: false, through: 'legacy' },
    {
      name: 'transitional, with a driver forced to legacy',
      kind: 'transitional',
      forced: true,
      through: 'legacy',
    },
    { name: 'transitional', kind: 'transitional', forced: false, through: 'common' },
    { name: 'legacy, its block in memory', kind: 'legacy-memory', forced: false, through: 'legacy' },
    {
      name: 'transitional, its block in memory, with a driver forced to legacy',
      kind: 'transitional-memory',
      forced: true,
      through: 'legacy',
    },
    {
      name: 'transitional, its block in memory',
      kind: 'transitional-memory',
      forced: false,
      through: 'common',
    },
  ] as const)('reads and writes: $name', async ({ kind, forced, through }) => {
    if (forced) await lab.sh('rmmod virtio_pci && insmod /lib/modules/virtio_pci.ko force_legacy=1');
    const bytes = new Uint8Array(DISK_BYTES);
    new SeededEntropy(3).fill(bytes.subarray(0, HALF));
    const device = new BlockDevice({ storage: new MemoryStorage(bytes) });
    lab.board.plug(virtioFunction(device, { kind, vectors: 0 }).pci, functionAddress(0, 5));
    await lab.rescan();
    expect(await lab.sh('cat /sys/block/vda/size')).toBe(`${DISK_BYTES / 512}`);
    await lab.sh('dd if=/dev/vda of=/dev/vda bs=64k count=8 seek=8 conv=fsync,notrunc 2>/dev/null');
    expect(md5(bytes.subarray(HALF))).toBe(md5(bytes.subarray(0, HALF)));
    await lab.sh('echo 3 > /proc/sys/vm/drop_caches');
    expect(await lab.sh('md5sum < /dev/vda')).toBe(`${md5(bytes)}  -`);
    const { breaks } = functionKinds[kind];
    expect(new Set(lab.clauses)).toEqual(new Set(breaks === null ? [] : [breaks]));
    for (const region of ['legacy', 'common'])
      expect(accessesOf(region) > 0, `accesses through ${region}`).toBe(region === through);
  });
});
