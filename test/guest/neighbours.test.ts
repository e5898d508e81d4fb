import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { functionAddress } from '../../src/core/index.ts';
import { presentDevice } from '../../src/hosts/present/present.ts';
import {
  BlockDevice,
  EntropyDevice,
  MemoryStorage,
  SeededEntropy,
  virtioFunction,
} from '../../src/virtio/index.ts';
import { md5 } from './ext4.ts';
import { Lab } from './lab.ts';
import { pieces, skipNote } from './support.ts';

const DISK_BYTES = 1 << 18;

// PCI Local Bus 3.0, section 6.2.1: Linux looks for functions 1 to 7 only where bit 7 of function 0's header type says so.
describe.skipIf(pieces === null)(`Linux finds every function of a device${skipNote}`, () => {
  let lab: Lab;

  beforeEach(async () => {
    lab = await Lab.start();
  });
  afterEach(() => lab?.destroy());

  const disk = (seed: number) => {
    const bytes = new Uint8Array(DISK_BYTES);
    new SeededEntropy(seed).fill(bytes);
    return { bytes, device: new BlockDevice({ storage: new MemoryStorage(bytes) }) };
  };

  it('that sit on the board', async () => {
    const { bytes, device } = disk(5);
    const plug = (behaviour: BlockDevice | EntropyDevice, fn: number) =>
      lab.board.plug(
        virtioFunction(behaviour, { kind: 'transitional', vectors: 0 }).pci,
        functionAddress(0, 5, fn),
      );
    plug(new EntropyDevice(), 0);
    plug(device, 3);
    await lab.rescan();
    expect(await lab.sh('ls -d /sys/bus/pci/devices/0000:00:05.*/virtio*')).toMatch(
      /^\S+05\.0\/virtio\d\n\S+05\.3\/virtio\d$/,
    );
    expect(await lab.sh('md5sum < /dev/vda')).toBe(`${md5(bytes)}  -`);
    expect(await lab.sh('head -c 16 /dev/hwrng | wc -c')).toBe('16');
  });

  it('that a translator presents', async () => {
    const [one, two] = [disk(6), disk(7)];
    for (const [fn, { device }] of [one, two].entries())
      presentDevice(lab.board, device, functionAddress(0, 5, fn), { window: fn === 0 ? 'io-bar' : 'mmr' });
    await lab.rescan();
    expect(await lab.sh('cat /dev/vda /dev/vdb | md5sum')).toBe(
      `${md5(Buffer.concat([one.bytes, two.bytes]))}  -`,
    );
  });
});
