import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DmaDomain, type Finding, functionAddress, type LabEvent, sinkFor } from '../../src/core/index.ts';
import { findVirtualFunctions } from '../../src/driver/index.ts';
import { V86Board } from '../../src/hosts/v86/board.ts';
import { V86HostBus } from '../../src/hosts/v86/host-bus.ts';
import { LinuxGuest } from '../../src/hosts/v86/linux-guest.ts';
import { Hypervisor, mmrVirtualFunctions } from '../../src/mmr/index.ts';
import { EXTENDED_BYTES } from '../../src/pci/index.ts';
import {
  BlockDevice,
  EntropyDevice,
  MemoryStorage,
  SeededEntropy,
  virtioFunction,
  virtualFunctions,
} from '../../src/virtio/index.ts';
import { md5 } from './ext4.ts';
import { pieces, skipNote, startGuest } from './support.ts';

const RNG = functionAddress(0, 5);
const DISKS = functionAddress(0, 6);
const LENT = functionAddress(0, 8);
const PCI = '/sys/bus/pci/devices/0000:00:';
const DISK_BYTES = 1 << 18;
const TOTAL = 3;

// Linux's own code reads the capability, gives the BARs addresses, and makes functions of it.
describe.skipIf(pieces === null)(`Linux enables virtual functions${skipNote}`, () => {
  let guest: LinuxGuest;
  let board: V86Board;
  const events: LabEvent[] = [];
  const disks = Array.from({ length: TOTAL + 1 }, (_, i) => {
    const bytes = new Uint8Array(DISK_BYTES);
    new SeededEntropy(10 + i).fill(bytes);
    return bytes;
  });
  const rng = virtioFunction(new EntropyDevice(), { kind: 'modern', express: true });
  const rngs = virtualFunctions(rng, { total: TOTAL, offset: 1, stride: 1, make: () => new EntropyDevice() });
  const block = (i: number) => new BlockDevice({ storage: new MemoryStorage(disks[i]!) });
  const disk = virtioFunction(block(0), { kind: 'modern', express: true });
  const lent = [disks[0]!.slice(), disks[1]!.slice().reverse()];
  const owner = virtioFunction(block(0), { kind: 'modern', express: true });
  const vlent = mmrVirtualFunctions(owner, {
    total: 2,
    offset: 1,
    stride: 1,
    make: (i) => new BlockDevice({ storage: new MemoryStorage(lent[i - 1]!) }),
  });
  const vdisks = virtualFunctions(disk, { total: TOTAL, offset: 2, stride: 1, make: block });

  beforeAll(async () => {
    guest = await LinuxGuest.boot({
      pieces: pieces!,
      acpi: true,
      extendedConfig: true,
      plug: (bus) => {
        board = new V86Board(bus);
        board.events = (event) => events.push(event);
        board.plug(rng.pci, RNG);
        board.plug(disk.pci, DISKS);
        board.plug(owner.pci, LENT);
      },
    });
  }, 180_000);
  afterAll(() => guest?.destroy());

  const sh = (command: string) => guest.runOk(command, { timeoutMs: 60_000 });
  const findings = () => events.filter((event): event is Finding => event.kind === 'finding');

  it('finds how many there may be', async () => {
    expect(await sh(`cat ${PCI}05.0/sriov_totalvfs ${PCI}05.0/sriov_offset ${PCI}05.0/sriov_stride`)).toBe(
      `${TOTAL}\n1\n1\n`,
    );
    expect(await sh(`cat ${PCI}06.0/sriov_totalvfs ${PCI}06.0/sriov_vf_device`)).toBe(`${TOTAL}\n1042\n`);
  });

  it('enables three, binds virtio_pci to them by the ids of their owner, and reads random bytes from each', async () => {
    await sh(`echo ${TOTAL} > ${PCI}05.0/sriov_numvfs`);
    expect([rngs.enabled, rngs.count]).toEqual([true, TOTAL]);
    for (let vf = 1; vf <= TOTAL; vf++) {
      expect(await sh(`cat ${PCI}05.${vf}/vendor ${PCI}05.${vf}/device`)).toBe('0x1af4\n0x1044\n');
      expect(await sh(`basename $(readlink ${PCI}05.${vf}/driver)`)).toBe('virtio-pci\n');
      expect(await sh(`basename $(readlink ${PCI}05.${vf}/physfn)`)).toBe('0000:00:05.0\n');
    }
    const sources = (await sh('cat /sys/class/misc/hw_random/rng_available')).trim().split(' ');
    expect(sources).toHaveLength(1 + TOTAL);
    for (const source of sources) {
      await sh(`echo ${source} > /sys/class/misc/hw_random/rng_current`);
      expect(await sh('dd if=/dev/hwrng bs=64 count=1 2>/dev/null | wc -c')).toBe('64\n');
    }
  });

  it("reads of them what their configuration spaces have, where each id is their owner's to tell", async () => {
    const text = await sh(`hexdump -v -e '1/1 "%02x"' ${PCI}05.2/config`);
    const seen = Buffer.from(text.trim(), 'hex');
    expect(seen).toHaveLength(EXTENDED_BYTES);
    const fn = board.at(RNG + 2)!;
    for (const at of [0, 2, 8, 0x10, 0x2c, 0x34, 0x3c])
      expect(seen.readUint32LE(at & ~3)).toBe(fn.configRead(at & ~3, 4));
    expect(seen.readUint32LE(0)).toBe(0xffffffff);
  });

  it('uses disks of theirs, each with bytes of its own, by message interrupts', async () => {
    await sh(`echo 2 > ${PCI}06.0/sriov_numvfs`);
    const names = (await sh('cd /sys/block && ls -1d vd*')).trim().split('\n');
    // The two physical functions, and two virtual ones.
    expect(names).toHaveLength(4);
    const sums = [disks[0]!, ...disks.slice(0, 3)].map((bytes) => md5(bytes));
    const seen: string[] = [];
    for (const name of names) seen.push((await sh(`md5sum < /dev/${name}`)).split(' ')[0]!);
    expect(seen.sort()).toEqual([...sums].sort());
    const last = names.at(-1)!;
    await sh(`dd if=/dev/zero of=/dev/${last} bs=4096 count=4 conv=fsync,notrunc 2>/dev/null`);
    const changed = disks.filter((bytes) => bytes.subarray(0, 16384).every((byte) => byte === 0));
    expect(changed).toHaveLength(1);
    expect(await sh('grep -c virtio /proc/interrupts')).not.toBe('0\n');
    expect(vdisks.count).toBe(2);
  });

  it('takes them away, and another number of them later', async () => {
    await sh(`echo 0 > ${PCI}06.0/sriov_numvfs`);
    expect(await sh('cd /sys/block && ls -1d vd*')).toBe('vda\nvdb\n');
    expect([vdisks.enabled, vdisks.count]).toEqual([false, 0]);
    await sh(`echo ${TOTAL} > ${PCI}06.0/sriov_numvfs`);
    expect((await sh('cd /sys/block && ls -1d vd*')).trim().split('\n')).toHaveLength(2 + TOTAL);
    expect(await sh(`echo 1 > ${PCI}06.0/sriov_numvfs 2>&1; cat ${PCI}06.0/sriov_numvfs`)).toContain(
      `${TOTAL}`,
    );
  });

  it('leaves MMR functions to a hypervisor, which gives them to another Linux as legacy ones', async () => {
    await sh(`echo 2 > ${PCI}08.0/sriov_numvfs`);
    expect(await sh(`cat ${PCI}08.1/device; ls ${PCI}08.1 | grep -c '^driver$' || true`)).toBe('0x10fa\n0\n');
    const other = await startGuest();
    try {
      const theirs = new V86Board(other.bus);
      const findings: LabEvent[] = [];
      theirs.events = sinkFor(['finding'], (event) => findings.push(event));
      const host = new V86HostBus(board);
      const hypervisor = new Hypervisor(findVirtualFunctions(host, LENT)!, vlent.pci, { messages: false });
      for (const index of [1, 2]) {
        const domain = new DmaDomain(theirs.ram);
        theirs.watchWrites(domain);
        hypervisor.attach(index, theirs, functionAddress(0, 4 + index), { domain });
      }
      await other.runOk('echo 1 > /sys/bus/pci/rescan');
      const ids = await other.runOk(`cat ${PCI}05.0/device ${PCI}05.0/revision ${PCI}06.0/device`);
      expect(ids).toBe('0x1001\n0x00\n0x1001\n');
      for (const [i, name] of ['vda', 'vdb'].entries()) {
        expect(await other.runOk(`md5sum < /dev/${name}`)).toBe(`${md5(lent[i]!)}  -\n`);
        const half = DISK_BYTES / 2 / 4096;
        const copy = `dd if=/dev/${name} of=/dev/${name} bs=4096 count=${half} seek=${half} conv=fsync,notrunc`;
        await other.runOk(`${copy} 2>/dev/null`);
        expect(md5(lent[i]!.subarray(DISK_BYTES / 2))).toBe(md5(lent[i]!.subarray(0, DISK_BYTES / 2)));
      }
      expect(hypervisor.list().map(({ index }) => index)).toEqual([1, 2]);
      await other.runOk(`echo 1 > ${PCI}05.0/remove; echo 1 > ${PCI}06.0/remove`);
      for (const index of [1, 2]) hypervisor.detach(index);
      expect(hypervisor.list()).toEqual([]);
      expect(findings).toEqual([]);
    } finally {
      await other.destroy();
    }
    await sh(`echo 0 > ${PCI}08.0/sriov_numvfs`);
    expect(vlent.enabled).toBe(false);
  });

  it('breaks no clause meanwhile', () => {
    expect(findings()).toEqual([]);
  });
});
