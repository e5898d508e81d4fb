import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  readStructures,
  type StructuresJson,
  structuresFromJson,
} from '../../../src/drafts/structs/index.ts';
import * as drafts from '../../../src/public/drafts.ts';
import { root, virtiolab } from '../../cli/run.ts';

let folder: string;
const file = (name: string) => join(folder, name);
const write = (name: string, text: string | Uint8Array) => writeFileSync(file(name), text);

/** The guide, its TeX, and what it shows of commands, by the arguments. */
const guide = readFileSync(join(root, 'docs/structs.md'), 'utf8');
const tex = [...guide.matchAll(/```tex\n([\s\S]*?)```/g)].map(([, text]) => text!);
const shown = [...guide.matchAll(/```console\n\$ npm start --silent -- (.*)\n([\s\S]*?)```/g)];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'virtiolab-structs-'));
  write('sensor.tex', tex[0]!);
  write('broken.tex', tex[1]!);
  mkdirSync(file('empty'));
  mkdirSync(file('two'));
  write('two/a.tex', '\\begin{lstlisting}\nstruct a { struct b x; };\n\\end{lstlisting}');
  write('two/b.tex', '\\begin{lstlisting}\nstruct b { le16 y; };\n\\end{lstlisting}');
  write('two/cl-1.tex', '\\begin{lstlisting}\nstruct old { le16 y; };\n\\end{lstlisting}');
  write('binary.tex', new Uint8Array([0x7f, 0x45, 0x4c, 0x46, 0, 0, 1, 2]));
  write('torn.json', '{ "format":');
  write('wrong.h', 'struct virtio_vsock_event { u8 pad; le32 id; };');
});
afterAll(() => rmSync(folder, { recursive: true }));

const structs = async (...args: string[]) => {
  const { status, stdout, stderr } = await virtiolab(args, { COLUMNS: '' });
  return { status, stdout, stderr: stderr.replaceAll(folder, '.') };
};

describe('the guide', () => {
  it('has an example that does what it says', () => {
    const [, example] = /```ts\n([\s\S]*?)```/.exec(guide)!;
    const [, names] = /^import \{(.*)\} from 'virtiolab\/drafts';$/m.exec(example!)!;
    const said: string[] = [];
    const log = (...words: unknown[]) => said.push(words.join(' '));
    const body = example!.replace(/^import .*$/m, '');
    new Function('drafts', 'console', `const {${names}} = drafts;\n${body}`)(drafts, { log });
    expect(said[0]).toBe('rw 2');
    expect(said[1]).toContain('le16 speed;');
  });
});

describe.concurrent('import-structs and export-structs', () => {
  it('print what the guide shows', async () => {
    expect(shown.length).toBeGreaterThanOrEqual(3);
    for (const [, command, screen] of shown) {
      const args = command!.replace(/ 2>&1$/, '').split(' ');
      const { stdout, stderr } = await structs(
        ...args.map((each) => (/^(sensor|broken)\.tex$/.test(each) ? file(each) : each)),
      );
      const told = `${stderr}${stdout}`.replaceAll(folder, '.').replaceAll('./', '');
      expect(told.trim(), command).toBe(screen!.trim());
    }
  });

  it('read every TeX file of a directory but lists of changes', async () => {
    const { status, stdout, stderr } = await structs('import-structs', file('two'), '--json');
    expect([status, stderr]).toEqual([0, '']);
    const { structures, problems } = JSON.parse(stdout) as StructuresJson & { problems: unknown[] };
    expect(structures.map(({ name, bytes }) => [name, bytes])).toEqual([
      ['a', 2],
      ['b', 2],
    ]);
    expect(problems).toEqual([]);
  });

  it('write JSON that is read as the same text', async () => {
    const { stdout } = await structs('export-structs', '--from', file('sensor.tex'), '--json');
    const plain = (text: unknown) =>
      JSON.stringify(text, (key, value) => (key === 'file' || key === 'line' ? 0 : value));
    const { problems, ...read } = readStructures(tex[0]!);
    expect(problems).toEqual([]);
    expect(plain(structuresFromJson(JSON.parse(stdout)))).toBe(plain(read));
    write('sensor.json', stdout);
    const [from, again] = await Promise.all(
      ['sensor.tex', 'sensor.json'].map((name) =>
        structs('export-structs', '--from', file(name), '--format', 'latex'),
      ),
    );
    expect(again).toEqual(from);
    write('wrong.json', stdout.replace('"offset": 4', '"offset": 5'));
    const wrong = await structs('import-structs', file('wrong.json'));
    expect(wrong.status).toBe(1);
    expect(wrong.stderr).toBe(
      'virtiolab: structures.structures[0].fields[2].offset: found 5, wants 4, which follows from the types\n',
    );
  });

  it('write what a text has in every format, and our tables', async () => {
    for (const [format, begins] of [
      ['c', '#pragma once'],
      ['latex', '\\begin{lstlisting}'],
      ['latex-table', '% struct'],
      ['markdown', '### struct'],
      ['svg', '<svg'],
      ['json', '{'],
    ] as const) {
      const theirs = await structs('export-structs', '--from', file('sensor.tex'), '--format', format);
      expect([theirs.status, theirs.stderr], format).toEqual([0, '']);
      expect(theirs.stdout.startsWith(begins), format).toBe(true);
      expect(theirs.stdout).toContain('virtio_sensor_req');
      const ours = await structs('export-structs', 'commonConfig', 'virtio_blk_config', '--format', format);
      expect([ours.status, ours.stderr], format).toEqual([0, '']);
      expect(ours.stdout).toMatch(/common_config/);
      expect(ours.stdout).toMatch(/block_config/);
    }
  });

  it('exit with 1 where something could not be read, and show the rest', async () => {
    const broken = await structs('import-structs', file('broken.tex'));
    expect(broken.status).toBe(1);
    const json = await structs('import-structs', file('binary.tex'), '--json');
    expect(json.status).toBe(1);
    expect(JSON.parse(json.stdout).problems[0].kind).toBe('binary');
    const exported = await structs('export-structs', '--from', file('broken.tex'));
    expect(exported.status).toBe(1);
    expect(exported.stderr).toContain('error:');
    expect(exported.stdout).toContain('#pragma once');
  });

  it('exit with 1 where a table differs from a text', async () => {
    const { status, stdout } = await structs('import-structs', file('wrong.h'), '--confront');
    expect(status).toBe(1);
    expect(stdout).toContain('different  vsockEventBuffer  virtio_vsock_event\n  id: ours 0: 4, text 1: 4\n');
    const same = await structs('import-structs', file('two'), '--confront', '--json');
    expect(same.status).toBe(0);
    expect(JSON.parse(same.stdout)).toMatchObject({
      tables: [],
      untabled: [{ structure: 'a' }, { structure: 'b' }],
    });
  });

  it('say what was wrong with a call, and exit with 2', async () => {
    const calls: [string[], string][] = [
      [['import-structs'], 'wants FILE'],
      [['import-structs', file('none.tex')], 'cannot be read (ENOENT)'],
      [['import-structs', file('empty')], 'has no .tex files'],
      [['import-structs', file('torn.json')], 'is no JSON'],
      [['import-structs', file('torn.json'), file('sensor.tex')], 'wants JSON alone'],
      [['import-structs', '/dev/zero'], 'is a device'],
      [['import-structs', file('sensor.tex'), '--from', 'x'], "unknown option '--from'"],
      [['export-structs', '--format', 'xml'], "unknown format 'xml'; formats are c, latex"],
      [['export-structs', '--format', 'c', '--json'], '--json and --format c'],
      [['export-structs', 'commonConfi'], "unknown table 'commonConfi'; near it are commonConfig"],
      [['export-structs', 'nothing'], "unknown table 'nothing'; tables are structureCapability"],
      [
        ['export-structs', 'sensor', '--from', file('sensor.tex')],
        "unknown structure 'sensor'; near it are virtio_sensor_head",
      ],
      [['export-structs', '--from', file('none.tex')], 'cannot be read (ENOENT)'],
    ];
    for (const [args, message] of calls) {
      const { status, stdout, stderr } = await structs(...args);
      expect([status, stdout], args.join(' ')).toEqual([2, '']);
      expect(stderr).toContain(message);
      expect(stderr.trim().split('\n').length).toBe(1);
    }
  });
});
