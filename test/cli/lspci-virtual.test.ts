import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formatFunctionAddress } from '../../src/core/index.ts';
import { mmrVirtualFunctions } from '../../src/mmr/index.ts';
import { EntropyDevice, virtioFunction } from '../../src/virtio/index.ts';
import { PF, sriov } from '../pci/virtual-support.ts';
import { VirtualGuest } from '../virtio/support/virtual.ts';
import { run } from './run.ts';

const { status: missing } = spawnSync('lspci', ['--version']);
const reason = missing === 0 ? '' : ' (skipped: no lspci here, install pciutils)';
/** It tries to load the names of kernel modules; a machine without a kernel of its own has none. */
const NO_KERNEL = /^lspci: Unable to load libkmod resources: .*\n/m;

const hex = (value: number, digits: number) => value.toString(16).padStart(digits, '0');

/** Extended configuration space of functions as `lspci -xxxx` prints it. */
const dumpOf = ({ machine }: VirtualGuest, addresses: readonly number[]) =>
  addresses
    .map((address) => {
      const line = (at: number) =>
        Array.from({ length: 16 }, (_, i) => hex(machine.configRead(address, at + i, 1), 2)).join(' ');
      const lines = Array.from({ length: 256 }, (_, i) => `${hex(16 * i, 2)}: ${line(16 * i)}`);
      return [`${formatFunctionAddress(address)} Function`, ...lines].join('\n');
    })
    .join('\n\n')
    .concat('\n');

describe.skipIf(missing !== 0)(`the real lspci on virtual functions${reason}`, () => {
  const owner = virtioFunction(new EntropyDevice(), { kind: 'modern', express: true });
  const options = { total: 8, offset: 4, stride: 3, make: () => new EntropyDevice() };
  const guest = new VirtualGuest(mmrVirtualFunctions(owner, options));
  guest.software.write(sriov.pages, 4, 2);
  guest.software.enable(3);
  const first = PF + 4;
  let folder: string;
  let blocks: string[];
  let stderr: string;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'virtiolab-test-'));
    const dump = join(folder, 'functions.txt');
    writeFileSync(dump, dumpOf(guest, [PF, first]));
    const ran = await run('lspci', ['-F', dump, '-vvv', '-nn']);
    blocks = ran.stdout.trimEnd().split('\n\n');
    ({ stderr } = ran);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it('decodes the capabilities of the physical function', () => {
    expect(stderr.replace(NO_KERNEL, '')).toBe('');
    const [block] = blocks;
    for (const line of [
      'Capabilities: [100 v1] Single Root I/O Virtualization (SR-IOV)',
      'IOVCtl:	Enable+ Migration- Interrupt- MSE+ ARIHierarchy-',
      'Initial VFs: 8, Total VFs: 8, Number of VFs: 3, Function Dependency Link: 00',
      'VF offset: 4, stride: 3, Device ID: 10fe',
      'Supported Page Size: 00000553, System Page Size: 00000002',
      'Capabilities: [140 v1] Alternative Routing-ID Interpretation (ARI)',
      'ARICap:	MFVC- ACS-, Next Function: 0',
    ])
      expect(block).toContain(line);
    const regions = [
      ...block!.matchAll(/\t\tRegion (\d): Memory at ([0-9a-f]+) \((\d\d)-bit, non-prefetchable\)/g),
    ];
    expect(regions.map(([, index, address, bits]) => [index, Number.parseInt(address!, 16), bits])).toEqual(
      [0, 1, 4].map((index) => [`${index}`, guest.bases.get(index), index === 4 ? '64' : '32']),
    );
  });

  it('finds a virtual function to have what it has of its own, and nothing else', () => {
    const [, block] = blocks;
    expect(block).toMatch(/^00:04\.4 .*\[ffff:ffff\]/);
    expect(block).toContain('Control: I/O- Mem- BusMaster- ');
    expect(block).toContain('FLReset+');
    expect(block).toContain('RlxdOrd- ExtTag- PhantFunc- AuxPwr- NoSnoop- FLReset-');
    expect(block).toMatch(/MSI-X: Enable- Count=2 Masked-\n\t\tVector table: BAR=1 offset=00000000\n/);
    expect(block).toContain('Capabilities: [100 v1] Vendor Specific Information: ID=000a Rev=0 Len=018');
    expect(block).not.toMatch(/Region|Interrupt: pin|unknown|!!!/);
  });
});
