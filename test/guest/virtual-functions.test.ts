import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DmaDomain, functionAddress, immediate } from '../../src/core/index.ts';
import { disableVirtualFunctions } from '../../src/driver/index.ts';
import { BlockDevice, MemoryStorage } from '../../src/virtio/index.ts';
import { VirtualHost } from '../mmr/virtual-support.ts';
import { SLOT } from '../pci/support.ts';
import { Lab, pciFolder } from './lab.ts';
import { pieces, skipNote } from './support.ts';

const SECTORS = 64;
const [FIRST, SECOND] = [6, 9];

/** A disk that says which function's it is. */
const disk = (index: number) =>
  new BlockDevice({ storage: new MemoryStorage(new Uint8Array(SECTORS * 512).fill(0x40 + index)) });

describe.skipIf(pieces === null)(`Linux on virtual functions that a hypervisor gives it${skipNote}`, () => {
  let lab: Lab;
  let host: VirtualHost;

  beforeEach(async () => {
    lab = await Lab.start();
    host = new VirtualHost(disk, {
      count: 3,
      host: { scheduler: lab.gate, interruptScheduler: immediate },
      present: { messages: lab.board.takesMessages },
    });
  });
  afterEach(() => lab?.destroy());

  const attach = (index: number, device: number) => {
    const domain = new DmaDomain(lab.board.ram);
    lab.board.watchWrites(domain);
    return host.hypervisor.attach(index, lab.board, functionAddress(0, device), { domain });
  };
  const diskOf = (device: number) => lab.sh(`basename ${pciFolder(device)}/virtio*/block/*`);
  const remove = (device: number) => lab.sh(`echo 1 > ${pciFolder(device)}/remove`);
  const read = async (device: number) =>
    lab.sh(`dd if=/dev/${await diskOf(device)} bs=512 count=${SECTORS} 2>/dev/null | hexdump -ve '1/1 "%c"'`);

  it('reads and writes the disks of two at once, each its own', async () => {
    attach(2, FIRST);
    attach(3, SECOND);
    await lab.rescan();
    expect(await lab.sh(`cat ${pciFolder(FIRST)}/device ${pciFolder(FIRST)}/revision`)).toBe('0x1001\n0x00');
    expect(await read(FIRST)).toBe('B'.repeat(SECTORS * 512));
    expect(await read(SECOND)).toBe('C'.repeat(SECTORS * 512));
    await lab.sh(`printf hello | dd of=/dev/${await diskOf(SECOND)} conv=notrunc,fsync 2>/dev/null`);
    await lab.sh('echo 3 > /proc/sys/vm/drop_caches');
    expect((await read(SECOND)).slice(0, 7)).toBe('helloCC');
    expect((await read(FIRST)).slice(0, 5)).toBe('BBBBB');
    expect(lab.findings).toEqual([]);
  });

  it('has one taken away and another given in its place', async () => {
    attach(2, FIRST);
    await lab.rescan();
    expect((await read(FIRST)).slice(0, 3)).toBe('BBB');
    await remove(FIRST);
    host.hypervisor.detach(2);
    attach(1, FIRST);
    await lab.rescan();
    expect((await read(FIRST)).slice(0, 3)).toBe('AAA');
    expect(lab.findings).toEqual([]);
  });

  it('lives on where the host takes the functions away under it', async () => {
    attach(2, FIRST);
    await lab.rescan();
    expect((await read(FIRST)).slice(0, 3)).toBe('BBB');
    disableVirtualFunctions(host.host, SLOT);
    expect(await lab.sh(`cat ${pciFolder(FIRST)}/virtio*/status`)).toBe('0x000000ff');
    expect(lab.clauses.length).toBeGreaterThan(0);
    expect(host.host.functions.size).toBe(2);
  });
});
