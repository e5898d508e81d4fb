import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeImage, type ImageDescription } from '../../src/trace/index.ts';
import { dumped, dumpFile, dumpNames } from '../conformance/support.ts';
import { run, virtiolab } from './run.ts';

const pathOf = (name: string) => fileURLToPath(dumpFile(name));
const read = (...args: string[]) => virtiolab(['lspci', '--read', ...args]);

let folder: string;
const file = (name: string, content: string | Uint8Array) => {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
};
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'virtiolab-test-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe.concurrent('lspci --read', () => {
  it('shows a function, what it breaks, and what its dump does not tell', async () => {
    const { status, stdout, stderr } = await read(pathOf('cloud-blk-1001-legacy-memory-bar0-64'));
    expect([status, stderr]).toEqual([1, '']);
    const lines = stdout.split('\n');
    expect(lines[0]).toBe(
      '00:04.0 SCSI storage controller [0100]: virtio-blk [1af4:1001] (legacy or transitional)',
    );
    expect(lines).toContain('\tthe list of capabilities goes on where the dump does not: it has 64 bytes');
    expect(stdout).toMatch(/\n\tbreaks LEG-DET-01 \(MUST\): BAR0, .* is a memory BAR/);
    expect(stdout).toMatch(/\n\tnot judged, since the dump does not have it: whether structures are missing/);
    expect(lines.at(-2)).toBe('1 function, 1 breach of a clause');
  });

  it('ends with 0 where nothing is broken', async () => {
    const { status, stdout } = await read(pathOf('qemu-blk-1001-transitional'));
    expect(status).toBe(0);
    expect(stdout).toMatch(/\n\t98 {2}msix +2 vectors, table BAR1 \+0x0, pending bits BAR1 \+0x800\n/);
    expect(stdout).toMatch(/\n1 function, 0 breaches of a clause\n$/);
  });

  it('prints one document with --json', async () => {
    const { status, stdout } = await read(pathOf('hw-blk-1001-memory-bars-sriov-pf'), '--json');
    expect(status).toBe(1);
    const { functions, breaches } = JSON.parse(stdout);
    expect(breaches).toBe(2);
    expect(functions).toHaveLength(1);
    expect(functions[0]).toMatchObject({
      address: '31:00.7',
      deviceId: '0x1001',
      kind: 'transitional-memory',
      knownBytes: 256,
      findings: [
        { clause: 'LEG-DET-01', level: 'MUST' },
        { clause: 'PCI-CFGW-01', level: 'MUST' },
      ],
      open: ['the list of extended capabilities'],
    });
  });

  it('reads our own dumps, those of other drafts too', async () => {
    const path = file('own.txt', (await virtiolab(['lspci', '-v', '-xxxx'])).stdout);
    const { status, stdout } = await read(path);
    expect(status).toBe(1);
    expect(stdout.match(/breaks .*/g)).toEqual([
      expect.stringMatching(/PCI-BUS-01.*mmr-bare-capability/),
      ...[1, 2].map(() => expect.stringMatching(/LEG-DET-01.*BAR0.* is a memory BAR/)),
    ]);
    const one = await read(path, '-s', '5');
    expect(one.status).toBe(0);
    expect(one.stdout).toMatch(/\n\t100 +virtio mmr-2023 +BAR0 \+0x1000, 84 bytes\n/);
  });

  it.each<readonly [string, () => string | readonly string[], RegExp]>([
    ['no such file', () => join(folder, 'none.txt'), /'.*none\.txt' cannot be read: there is no such file$/],
    ['a folder', () => folder, /cannot be read: /],
    ['an empty file', () => file('empty.txt', '\n'), /'.*empty\.txt' is empty$/],
    [
      'a binary',
      () =>
        file(
          'binary',
          Uint8Array.from({ length: 5000 }, (_, i) => (i * 31) & 0xff),
        ),
      /no function in it/,
    ],
    ['a cut line', () => file('cut.txt', '00:04.0 x\n00: f4 1a 0'), /'.*cut\.txt': line 2: "0" is no byte/],
    [
      'too long a file',
      () => {
        const path = file('long.txt', '');
        truncateSync(path, 2 ** 27);
        return path;
      },
      /has 128 MiB; a dump of 64 MiB is read at most$/,
    ],
    [
      'another slot',
      () => [pathOf('qemu-blk-1001-transitional'), '-s', '7'],
      /no function at '00:07\.0' in .* from 00:06\.0 to 00:06\.0$/,
    ],
    [
      'bytes wanted of a file',
      () => [pathOf('qemu-blk-1001-transitional'), '-x'],
      /-x and --read do not go together/,
    ],
  ])('refuses %s in one line', async (_, args, message) => {
    const { status, stdout, stderr } = await read(...[args()].flat());
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr.trimEnd()).toMatch(message);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  });
});

const { status: missing, stdout: versionText } = spawnSync('lspci', ['--version'], { encoding: 'utf8' });
const reason = missing === 0 ? '' : ' (skipped: no lspci here, install pciutils)';

/** What the pciutils call capabilities, by our names. */
const titles: Readonly<Record<string, RegExp>> = {
  'virtio common': /VirtIO: CommonCfg/,
  'virtio notify': /VirtIO: Notify/,
  'virtio isr': /VirtIO: ISR/,
  'virtio device': /VirtIO: DeviceCfg/,
  'virtio pciConfig': /VirtIO: <unknown>/,
  'virtio sharedMemory': /VirtIO: <unknown>/,
  powerManagement: /^Power Management version/,
  vitalProductData: /^Vital Product Data/,
  msi: /^MSI: /,
  msix: /^MSI-X: /,
  express: /^Express \(v\d\)/,
  vendorSpecific: /^Vendor Specific Information: ID=/,
  advancedErrorReporting: /^Advanced Error Reporting/,
  multiFunctionVirtualChannel: /^Multi-Function Virtual Channel/,
  virtualChannelOfFunction: /^Virtual Channel/,
  multicast: /^Multicast/,
  latencyTolerance: /^Latency Tolerance Reporting/,
  tphRequester: /^Transaction Processing Hints/,
  addressTranslation: /^Address Translation Service/,
  resizableBar: /^Physical Resizable BAR/,
  secondaryExpress: /^Secondary PCI Express/,
  pageRequest: /^Page Request Interface/,
  processAddressSpace: /^Process Address Space ID/,
  precisionTime: /^Precision Time Measurement/,
  singleRootIov: /^Single Root I\/O Virtualization/,
  designatedVendorSpecific: /^Designated Vendor-Specific/,
  deviceSerialNumber: /^Device Serial Number/,
  alternativeRoutingId: /^Alternative Routing-ID/,
  physicalLayer16: /^Physical Layer 16\.0 GT\/s/,
  physicalLayer32: /^Physical Layer 32\.0 GT\/s|ID 0x2a/,
  laneMargining: /^Lane Margining/,
  dataLinkFeature: /^Data Link Feature/,
};

describe
  .skipIf(missing !== 0)
  .concurrent(`the real ${versionText?.trim() ?? 'lspci'}${reason} and we`, () => {
    const regions = ({ bars }: ImageDescription) =>
      bars.map(({ index, kind, prefetchable, address }) =>
        kind === 'io'
          ? `${index}: I/O ports at ${address!.toString(16)}`
          : `${index}: Memory at ${address!.toString(16)} (${kind === 'memory64' ? 64 : 32}-bit, ${prefetchable ? '' : 'non-'}prefetchable)`,
      );

    it.each(dumpNames)('read the same of %s', async (name) => {
      const { stdout } = await run('lspci', ['-F', pathOf(name), '-vv', '-nn']);
      const ours = describeImage(dumped(name).image);
      const hex = (value: number) => value.toString(16).padStart(4, '0');
      expect(stdout.split(' ')[0]).toBe(dumped(name).slot);
      const [title = ''] = stdout.split('\n');
      expect(title).toContain(`[${hex(ours.classCode! >> 8)}]`);
      expect(title).toContain(`[${hex(ours.vendorId!)}:${hex(ours.deviceId!)}]`);
      if (ours.revisionId !== 0) expect(title).toContain(`(rev ${hex(ours.revisionId!).slice(2)})`);
      // It takes the upper half of a 64-bit BAR for one of its own, and shows those of virtual functions further in.
      const upper = ours.bars.filter(({ kind }) => kind === 'memory64').map(({ index }) => `${index + 1}`);
      const theirs = [...stdout.matchAll(/^\tRegion (\d: [^[\n]*)/gm)].map(([, text]) => text!.trim());
      expect(theirs.filter((text) => !upper.includes(text[0]!))).toEqual(regions(ours));
      const found = [...stdout.matchAll(/^\tCapabilities: \[([0-9a-f]+)(?: v\d)?\] (.*)/gm)];
      const capabilities = [...ours.capabilities, ...ours.extended];
      expect(found.map(([, at]) => Number.parseInt(at!, 16))).toEqual(
        capabilities.map(({ offset }) => offset),
      );
      for (const [i, [, , text]] of found.entries()) expect(text).toMatch(titles[capabilities[i]!.name]!);
      expect(ours.ends.capabilities === 'unknown').toBe(/<access denied>/.test(stdout));
      const msix = capabilities.find((each) => each.name === 'msix');
      const count = /MSI-X: .* Count=(\d+)/.exec(stdout)?.[1];
      expect(count).toBe(msix === undefined ? undefined : `${(msix.fields['messageControl']! & 0x7ff) + 1}`);
      const places = [...stdout.matchAll(/\tBAR=(\d) offset=([0-9a-f]{8}) size=([0-9a-f]{8})/g)];
      const structures = capabilities.filter(({ fields }) => 'structureType' in fields);
      expect(places.map(([, ...numbers]) => numbers.map((text) => Number.parseInt(text, 16)))).toEqual(
        structures.map(({ fields: { bar, offset, length } }) => [bar, offset, length]),
      );
    });
  });
