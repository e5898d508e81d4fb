import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { layoutNames } from '../../src/cli/bridge-layouts.ts';
import { treeLines } from '../../src/cli/bus-tree.ts';
import { everyFunction } from '../../src/cli/every-function.ts';
import { formatFunctionAddress } from '../../src/core/index.ts';
import { shapes } from '../../src/testing/index.ts';
import { describeFunction, type FunctionDescription } from '../../src/trace/index.ts';
import { deviceTypes, functionKindNames } from '../../src/virtio/index.ts';
import { run, virtiolab } from './run.ts';

const { machine, functions } = everyFunction();
const described = functions.map(({ found, label, draft }) => ({
  label,
  draft,
  description: describeFunction(machine, found, draft),
}));

describe.concurrent('lspci', () => {
  it('lists every function, a line each', async () => {
    const { status, stdout, stderr } = await virtiolab(['lspci']);
    expect([status, stderr]).toEqual([0, '']);
    const lines = stdout.trimEnd().split('\n');
    expect(lines.map((line) => line.slice(0, 7))).toEqual(
      functions.map(({ found }) => formatFunctionAddress(found.address)),
    );
    expect(lines[3]).toBe('00:03.0 SCSI storage controller [0100]: virtio-blk [1af4:1042] (rev 01) (modern)');
  });

  it('shows BARs and capabilities with -v', async () => {
    const { stdout } = await virtiolab(['lspci', '-v', '-s', '5']);
    expect(stdout).toMatch(/\n\tBAR0 +32-bit memory +at 0xc0004000 +8 KiB\n/);
    expect(stdout).toMatch(/\n\t7c +msix +2 vectors, table BAR1 \+0x0, pending bits BAR1 \+0x800\n/);
    expect(stdout).toMatch(/\n\t100 +virtio mmr-2023 +BAR0 \+0x1000, 84 bytes\n/);
  });

  it('dumps as many bytes as are asked for, where there are so many', async () => {
    const lines = async (option: string, slot: string) =>
      (await virtiolab(['lspci', option, '-s', slot])).stdout
        .split('\n')
        .filter((line) => /^[0-9a-f]+: /.test(line));
    expect(await lines('-x', '5')).toHaveLength(4);
    expect(await lines('-xxx', '5')).toHaveLength(16);
    expect(await lines('-xxxx', '5')).toHaveLength(256);
    expect(await lines('-xxxx', '1')).toHaveLength(16);
  });

  it('draws the buses with -t, or tells them as data', async () => {
    const { stdout } = await virtiolab(['lspci', '-t', '--bridges', 'switch']);
    expect(stdout.split('\n')[1]).toMatch(
      /^ {11}\\-01\.0-\[01-0\w\]----00\.0-\[02-0\w\]--\+-00\.0-\[03\]--\+-00\.0$/,
    );
    const { stdout: text } = await virtiolab(['lspci', '-t', '--bridges', 'ports', '--json']);
    const [host, port] = JSON.parse(text).functions;
    expect(host).toEqual({ address: '00:00.0', behind: null });
    expect([port.address, port.behind.bus, port.behind.functions[1]]).toEqual([
      '00:01.0',
      '01',
      { address: '01:00.1', behind: null },
    ]);
  });

  it.each([
    [['--bridges', 'ladder'], "unknown layout 'ladder'; layouts are none, ports, switch, pci"],
    [['-t', '-v'], '--tree and --verbose do not go together'],
    [['-t', '-s', '1'], '--tree and --slot do not go together'],
    [['-t', '--read', 'x'], '--tree and --read do not go together'],
  ])('refuses %j', async (args, message) => {
    const { status, stderr } = await virtiolab(['lspci', ...args]);
    expect([status, stderr]).toEqual([2, expect.stringContaining(message)]);
  });

  it('shows functions of a shape', async () => {
    const shape = { structures: { notify: ['io', 'memory'] }, notify: { multiplier: 64 } };
    const { status, stdout, stderr } = await virtiolab(['lspci', '-v', '--shape', JSON.stringify(shape)]);
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout.match(/BAR4 \+0x3000, 4 KiB, multiplier 64\n/g)).toHaveLength(3);
    expect(stdout.match(/BAR\d \+0x0, 4 bytes, multiplier 0\n/g)).toHaveLength(3);
    for (const kind of functionKindNames) expect(stdout).toContain(`(${kind})`);
  });

  it.each([
    [['--shape', '{'], /--shape is no JSON: /],
    [['--shape', '[]'], /--shape wants a JSON object, and has \[\]/],
    [['--shape', '{"pads": 4}'], /shape\.pads 4: wants none but bars, structures, notify, /],
    [['--shape', '{"bars": {"9": {}}}'], /shape\.bars 9: wants a BAR of 0\.\.5/],
    [['--shape', '{"notify": {"offsets": 3}}'], /shape\.notify\.offsets 3: wants a list/],
    [['--shape', '{"msix": {}}'], /shape\.msix\.table undefined: wants \{ bar, offset \}/],
    [['--shape', '{"structures": {"isr": "io"}}'], /place of structure isr "io": wants /],
    [['--shape', '{"structures": {"isr": [null]}}'], /place of structure isr \[null\]: wants /],
    [['--shape', '{"capabilities": {"others": [null]}}'], /others\[0\]\.bytes undefined: wants a list/],
    [['--shape', '{"bars": {"4": {"kind": "rom"}}}'], /BAR4: kind rom; wants io, memory32, memory64/],
    [['--shape', '{}', '--types', 'x.ts'], /--types and --shape do not go together/],
    [['--shape', '{}', '--read', 'x.txt'], /--shape and --read do not go together/],
  ])('refuses %j in one line', async (args, message) => {
    const { status, stdout, stderr } = await virtiolab(['lspci', ...args]);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr.split('\n')[0]).toMatch(message);
  });

  it('prints one document with --json', async () => {
    const { status, stdout, stderr } = await virtiolab(['lspci', '--json', '-xxxx']);
    expect([status, stderr]).toEqual([0, '']);
    const { functions: listed } = JSON.parse(stdout);
    expect(listed).toHaveLength(functions.length);
    expect(listed[5]).toMatchObject({ address: '00:05.0', deviceId: '0x10fa', kind: 'mmr', type: 'block' });
    expect(listed[5].extended).toEqual([
      {
        offset: 0x100,
        id: 0xb,
        name: 'virtio mmr-2023',
        fields: {
          vendorHeader: 0x0180000a,
          bar: 0,
          id: 0,
          padding: 0,
          offset: 0x1000,
          length: 84,
          reserved: 0,
        },
      },
    ]);
    expect(listed[5].config).toMatch(/^f41afa10[0-9a-f]+$/);
    expect(listed[5].config).toHaveLength(2 * 4096);
  });
});

describe('every kind of function', () => {
  it('is there, for each type of device', () => {
    for (const { name: type, transitionalId } of deviceTypes) {
      const kinds = described.filter(({ description }) => description.type === type);
      const older = transitionalId === null ? [] : ['transitional', 'mmr'];
      for (const kind of ['modern', ...older, ...(type === 'block' ? functionKindNames : [])])
        expect(kinds.map(({ description }) => description.kind)).toContain(kind);
    }
    expect(new Set(described.map(({ draft }) => draft.name)).size).toBe(3);
  });
});

const { status: missing, stdout: versionText } = spawnSync('lspci', ['--version'], { encoding: 'utf8' });
const reason = missing === 0 ? '' : ' (skipped: no lspci here, install pciutils)';

/** lspci tries to load the names of kernel modules; a machine without a kernel of its own has none. */
const NO_KERNEL = /^lspci: Unable to load libkmod resources: .*\n/m;

/** Regions as the real lspci lists them, and the BARs that we found in the same words. */
const regionsOf = (block: string) =>
  [...block.matchAll(/\tRegion (\d): (.*)/g)].map(([, index, what]) => [index, what]);
const barsOf = ({ bars }: FunctionDescription) =>
  bars.map(({ index, kind, address, prefetchable }) => {
    const at = address.toString(16);
    const bits = kind === 'memory64' ? '64-bit' : '32-bit';
    const memory = `Memory at ${at} (${bits}, ${prefetchable ? '' : 'non-'}prefetchable)`;
    return [`${index}`, kind === 'io' ? `I/O ports at ${at}` : memory];
  });

/** Some legal shapes; those of legacy functions are among them, which have less to be shaped. */
const drawn = fc.sample(shapes({ kind: 'transitional' }), { numRuns: 6, seed: 7 });

describe.skipIf(missing !== 0)(`the real ${versionText?.trim() ?? 'lspci'}${reason}`, () => {
  let folder: string;
  let dump: string;
  let decoded: Map<string, string>;
  let stderr: string;
  let status: number | null;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'virtiolab-test-'));
    dump = join(folder, 'functions.txt');
    writeFileSync(dump, (await virtiolab(['lspci', '-xxxx'])).stdout);
    const ran = await run('lspci', ['-F', dump, '-vvv', '-nn']);
    ({ status, stderr } = ran);
    decoded = new Map(
      ran.stdout
        .trimEnd()
        .split('\n\n')
        .map((block) => [block.slice(0, 7), block]),
    );
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const text = ({ address }: FunctionDescription) => decoded.get(address)!;

  it('decodes the dump without a word of complaint', () => {
    expect(status).toBe(0);
    expect(stderr.replace(NO_KERNEL, '')).toBe('');
    expect([...decoded.keys()]).toEqual(described.map(({ description }) => description.address));
    for (const block of decoded.values())
      expect(block).not.toMatch(
        /access denied|!!!|unknown header|broken|invalid|<unassigned>|<ignored>|\[disabled\]/i,
      );
  });

  it('finds ids, class and interrupt', () => {
    for (const { description } of described) {
      const hex = (value: number) => value.toString(16).padStart(4, '0');
      expect(text(description)).toContain(`[${hex(description.vendorId)}:${hex(description.deviceId)}]`);
      expect(text(description)).toContain(`[${hex(description.classCode >> 8)}]`);
      if (description.interruptPin !== 0)
        expect(text(description)).toContain(`pin A routed to IRQ ${description.interruptLine}`);
    }
  });

  it('finds every BAR, and no other', () => {
    for (const { description } of described) {
      expect(regionsOf(text(description)), description.address).toEqual(barsOf(description));
    }
  });

  /** What lspci calls a capability of ours. It knows virtio structures by device ids 0x1000..0x107f only. */
  const titleOf = (name: string, { kind, bars, capabilities: fields }: FunctionDescription): RegExp => {
    const structures: Record<string, string> = {
      'virtio common': 'CommonCfg',
      'virtio notify': 'Notify',
      'virtio isr': 'ISR',
      'virtio device': 'DeviceCfg',
      'virtio pciConfig': '<unknown>',
    };
    if (name in structures)
      return kind === 'mmr'
        ? /^Vendor Specific Information: Len=1[04] <\?>$/
        : new RegExp(`^Vendor Specific Information: VirtIO: ${structures[name]}$`);
    const vectors = (fields.find(({ name: each }) => each === 'msix')?.fields['messageControl'] ?? 0) + 1;
    const others: Record<string, RegExp> = {
      msix: new RegExp(`^MSI-X: Enable- Count=${vectors} Masked-$`),
      // Only a legacy endpoint may claim I/O space (PCI Express 5.0, section 1.3.2).
      express: bars.some((bar) => bar.kind === 'io')
        ? /^Express \(v2\) Legacy Endpoint, /
        : /^Express \(v2\) Root Complex Integrated Endpoint, /,
      powerManagement: /^Power Management version 3$/,
      'virtio mmr-2023': /^Vendor Specific Information: ID=000a Rev=0 Len=018 <\?>$/,
      'virtio mmr-fixed-vectors': /^Vendor Specific Information: ID=000a Rev=0 Len=018 <\?>$/,
      // Without a vendor-specific header its first bytes are taken for one: the length comes out as 0.
      'virtio mmr-bare-capability': /^Vendor Specific Information: ID=000a Rev=0 Len=000 <\?>$/,
    };
    return others[name] ?? /^a capability without a name$/;
  };

  it('names every capability', () => {
    for (const { description } of described) {
      const found = [...text(description).matchAll(/\tCapabilities: \[([0-9a-f]+)(?: v\d)?\] (.*)/g)];
      const ours = [...description.capabilities, ...description.extended];
      expect(found.map(([, at]) => Number.parseInt(at!, 16))).toEqual(ours.map(({ offset }) => offset));
      for (const [i, [, , title]] of found.entries())
        expect(title, description.address).toMatch(titleOf(ours[i]!.name, description));
    }
  });

  it('reads the places of the virtio structures', () => {
    const transitional = described.find(({ description }) => description.kind === 'transitional')!;
    expect(text(transitional.description)).toContain(
      'VirtIO: Notify\n\t\tBAR=4 offset=00003000 size=00001000 multiplier=00000004',
    );
  });

  it.each(drawn)('reads functions of the shape %j as we do', async (shape) => {
    const file = join(folder, `shape-${drawn.indexOf(shape)}.txt`);
    writeFileSync(file, (await virtiolab(['lspci', '-xxxx', '--shape', JSON.stringify(shape)])).stdout);
    const { stdout, stderr: complaint } = await run('lspci', ['-F', file, '-vvv', '-nn']);
    expect(complaint.replace(NO_KERNEL, '')).toBe('');
    const blocks = stdout.trimEnd().split('\n\n');
    const own = everyFunction([], 'none', shape);
    expect(blocks).toHaveLength(own.functions.length);
    for (const [i, { found, label }] of own.functions.entries()) {
      const description = describeFunction(own.machine, found);
      expect(regionsOf(blocks[i]!), label).toEqual(barsOf(description));
      const capabilities = [...blocks[i]!.matchAll(/\tCapabilities: \[([0-9a-f]+)\] /g)];
      expect(capabilities.map(([, at]) => Number.parseInt(at!, 16))).toEqual(
        description.capabilities.map(({ offset }) => offset),
      );
      const hex = (value: number) => value.toString(16).padStart(8, '0');
      for (const { name, fields } of description.capabilities) {
        if (name === 'msix')
          for (const [register, title] of [
            ['table', 'Vector table'],
            ['pendingBits', 'PBA'],
          ] as const) {
            const where = fields[register]!;
            expect(blocks[i]).toContain(`${title}: BAR=${where & 7} offset=${hex(where & ~7)}`);
          }
        if (!/^virtio (common|isr|device|notify)$/.test(name)) continue;
        const multiplier =
          fields['notifyOffMultiplier'] === undefined
            ? ''
            : ` multiplier=${hex(fields['notifyOffMultiplier'])}`;
        expect(blocks[i]).toContain(
          `BAR=${fields['bar']} offset=${hex(fields['offset']!)} size=${hex(fields['length']!)}${multiplier}`,
        );
      }
    }
  });

  it('also reads a dump between our own -v lines', async () => {
    const verbose = join(folder, 'verbose.txt');
    writeFileSync(verbose, (await virtiolab(['lspci', '-v', '-xxxx'])).stdout);
    const [one, other] = await Promise.all([dump, verbose].map((file) => run('lspci', ['-F', file, '-vv'])));
    expect(other!.stdout).toBe(one!.stdout);
  });

  describe.each(layoutNames)('with bridges: %s', (layout) => {
    const bridged = everyFunction([], layout);
    let file: string;
    beforeAll(async () => {
      file = join(folder, `${layout}.txt`);
      writeFileSync(file, (await virtiolab(['lspci', '-xxxx', '--bridges', layout])).stdout);
    });

    it('draws the same tree', async () => {
      const { stdout } = await run('lspci', ['-F', file, '-t']);
      expect(treeLines(bridged.machine)).toEqual(stdout.trimEnd().split('\n'));
    });

    it('decodes bridges without a word of complaint, with the same buses and windows', async () => {
      const real = await run('lspci', ['-F', file, '-vvv']);
      expect(real.stderr.replace(NO_KERNEL, '')).toBe('');
      expect(real.stdout).not.toMatch(/!!!|unknown header|broken|invalid|<unassigned>|<ignored>/i);
      const blocks = real.stdout.trimEnd().split('\n\n');
      expect(blocks).toHaveLength(bridged.functions.length);
      for (const { found, draft } of bridged.functions) {
        const { address, bridge } = describeFunction(bridged.machine, found, draft);
        if (bridge === null) continue;
        const block = blocks.find((each) => each.startsWith(`${address} PCI bridge`))!;
        const hex = (value: number) => value.toString(16).padStart(2, '0');
        const { primary, secondary, subordinate, windows } = bridge;
        expect(block).toContain(
          `Bus: primary=${hex(primary)}, secondary=${hex(secondary)}, subordinate=${hex(subordinate)},`,
        );
        const range = /(I\/O|Memory|Prefetchable memory) behind bridge: (\w+)-(\w+) \[size/g;
        const names = { 'I/O': 'io', Memory: 'memory', 'Prefetchable memory': 'prefetchable' } as const;
        const shown = [...block.matchAll(range)].map(([, name, first, last]) => ({
          name: names[name as keyof typeof names],
          start: Number.parseInt(first!, 16),
          end: Number.parseInt(last!, 16) + 1,
        }));
        expect(windows).toEqual(shown);
        expect(windows.length).toBeGreaterThan(0);
      }
    });
  });
});
