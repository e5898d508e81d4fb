import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { functionAddress } from '../../src/core/index.ts';
import { V86Board } from '../../src/hosts/v86/board.ts';
import type { V86Bus } from '../../src/hosts/v86/bus.ts';
import { LinuxGuest } from '../../src/hosts/v86/linux-guest.ts';
import { Bridge, type BridgeKind, type Place } from '../../src/pci/index.ts';
import {
  BlockDevice,
  EntropyDevice,
  type FunctionKind,
  MemoryStorage,
  SeededEntropy,
  virtioFunction,
} from '../../src/virtio/index.ts';
import { md5 } from './ext4.ts';
import { pieces, skipNote } from './support.ts';

const DISK_BYTES = 1 << 18;

/** A disk in two bridges that are one behind the other, another one behind a switch, whose first port is empty. */
class Tree {
  readonly board: V86Board;
  readonly outer: Bridge;
  readonly inner: Bridge;
  readonly empty: Bridge;
  readonly deep;
  readonly switched;

  constructor(bus: V86Bus) {
    this.board = new V86Board(bus);
    this.outer = this.bridge('pci-to-pci', functionAddress(0, 5));
    this.inner = this.bridge('pci-to-pci', { behind: this.outer, device: 3 });
    this.deep = this.disk(3, { behind: this.inner, device: 2 }, 'transitional');
    const entropy = virtioFunction(new EntropyDevice(), { kind: 'modern', vectors: 0 });
    this.board.plug(entropy.pci, { behind: this.outer, device: 4 });
    const root = this.bridge('root-port', functionAddress(0, 6));
    const up = this.bridge('upstream-port', { behind: root });
    this.empty = this.bridge('downstream-port', { behind: up });
    const port = this.bridge('downstream-port', { behind: up, device: 1 });
    this.switched = this.disk(4, { behind: port }, 'modern');
  }

  bridge(kind: BridgeKind, place: Place): Bridge {
    const bridge = new Bridge({ kind });
    this.board.plug(bridge, place);
    return bridge;
  }

  disk(seed: number, place: Place, kind: FunctionKind) {
    const bytes = new Uint8Array(DISK_BYTES);
    new SeededEntropy(seed).fill(bytes);
    const device = new BlockDevice({ storage: new MemoryStorage(bytes) });
    const { pci } = virtioFunction(device, { kind, vectors: 0 });
    return { bytes, pci, takeOut: this.board.plug(pci, place) };
  }
}

// SeaBIOS numbers the buses and opens the windows; Linux takes that over.
describe.skipIf(pieces === null)(`Linux and SeaBIOS have functions behind bridges${skipNote}`, () => {
  let guest: LinuxGuest;
  let tree: Tree;
  const sh = async (command: string) => (await guest.runOk(command)).replace(/\n$/, '');
  const disk = (name: string) => sh(`echo 3 > /proc/sys/vm/drop_caches; md5sum < /dev/${name}`);

  beforeAll(async () => {
    guest = await LinuxGuest.boot({ pieces: pieces!, plug: (bus) => void (tree = new Tree(bus)) });
  });
  afterAll(() => guest?.destroy());

  it('finds them where the bridges were numbered', async () => {
    const folders = await sh('for each in /sys/bus/pci/devices/*/virtio*; do cd -P $each/.. && pwd; done');
    expect(folders.split('\n').map((folder) => folder.replace('/sys/devices/pci0000:00/', ''))).toEqual([
      '0000:00:05.0/0000:01:04.0',
      '0000:00:05.0/0000:01:03.0/0000:02:02.0',
      '0000:00:06.0/0000:03:00.0/0000:04:01.0/0000:06:00.0',
    ]);
    expect([tree.deep, tree.switched].map(({ pci }) => pci.slot.address)).toEqual([0x210, 0x600]);
    expect([tree.outer, tree.inner].map((each) => [each.secondaryBus, each.subordinateBus])).toEqual([
      [1, 2],
      [2, 2],
    ]);
  });

  it('reads and writes disks through them, and draws random bytes', async () => {
    const names = (await sh('ls /sys/block | grep vd')).split('\n');
    expect(names).toEqual(['vda', 'vdb']);
    await sh('dd if=/dev/vda of=/dev/vda bs=4k count=8 seek=8 conv=fsync,notrunc 2>/dev/null');
    const { bytes } = tree.deep;
    expect(md5(bytes.subarray(0, 32768))).toBe(md5(bytes.subarray(32768, 65536)));
    expect(await disk('vda')).toBe(`${md5(bytes)}  -`);
    expect(await disk('vdb')).toBe(`${md5(tree.switched.bytes)}  -`);
    expect(await sh('head -c 16 /dev/hwrng | wc -c')).toBe('16');
  });

  it('hears from the port of what is plugged into its slot, gives it up, and hears of the next one', async () => {
    const blocks = () => sh('ls /sys/block');
    for (const seed of [5, 6]) {
      const added = tree.disk(seed, { behind: tree.empty }, 'modern');
      await expect.poll(blocks, { timeout: 20_000 }).toContain('vdc');
      expect(await disk('vdc')).toBe(`${md5(added.bytes)}  -`);
      expect(tree.board.at(functionAddress(5, 0))).toBe(added.pci);
      // By hand: pciehp would do it in the thread of the port's interrupt, where virtio_pci waits for all threads of the line
      // that both share to end, that one among them.
      await sh('echo 1 > /sys/bus/pci/devices/0000:05:00.0/remove');
      added.takeOut();
    }
  });

  it('goes on from a snapshot, in another machine with the same bridges', async () => {
    const snapshot = await guest.snapshot(tree.board);
    await guest.destroy();
    guest = await LinuxGuest.restore(snapshot, {
      pieces: pieces!,
      plug: (bus, functions) => {
        tree = new Tree(bus);
        tree.board.load(functions!);
      },
    });
    expect(await disk('vdb')).toBe(`${md5(tree.switched.bytes)}  -`);
    expect(await disk('vda')).toBe(`${md5(tree.deep.bytes)}  -`);
  });

  it('resets them with the machine, by port 0xCF9', async () => {
    const reset = new Set<string>();
    for (const { pci } of [tree.deep, tree.switched]) pci.onReset.push(() => reset.add(pci.slot.path));
    await sh('echo pci > /sys/kernel/reboot/type');
    // The shell is gone before it could answer.
    const gone = guest.run('reboot -f', { timeoutMs: 500 }).catch((error: unknown) => error);
    await expect.poll(() => reset.size, { timeout: 20_000 }).toBe(2);
    await gone;
  });
});
