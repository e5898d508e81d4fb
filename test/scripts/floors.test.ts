import { describe, expect, it } from 'vitest';
import { checkFloors, formatFinding, MAX_LINES } from '../../scripts/floors.ts';

const lines = (sources: Record<string, string>): string[] =>
  checkFloors(new Map(Object.entries(sources))).map(formatFinding);
const judge = (file: string, source: string): string[] => lines({ [file]: source });

describe('imports that stay on their floor', () => {
  const legal: readonly [file: string, source: string][] = [
    ['src/core/bus.ts', "import { a } from './events.ts';"],
    ['src/virtio/device.ts', "import { a } from '../pci/bar.ts';\nimport type { B } from '../core/bus.ts';"],
    ['src/virtio/layout/legacy.ts', "import { a } from '../../core/register-map.ts';\nimport './ids.ts';"],
    ['src/driver/firmware.ts', "import { a } from '../pci/layout/header.ts';\nimport '../core/bus.ts';"],
    ['src/driver/transport/legacy.ts', "import { a } from '../split-ring.ts';"],
    ['src/conformance/suite.ts', "import { a } from '../driver/firmware.ts';"],
    ['src/conformance/suite.ts', "import { a } from '../mmr/translator.ts';"],
    ['src/testing/index.ts', "import fc from 'fast-check';"],
    ['src/mmr/access/io-bar.ts', "import { a } from '../../driver/msix.ts';"],
    ['src/trace/recorder.ts', "export { a } from '../driver/firmware.ts';"],
    ['src/mmr/translator.ts', "import { a } from './access/mmr.ts';\nimport './layout/draft.ts';"],
    ['src/mmr/virtual-function.ts', "import { a } from './translator.ts';\nimport '../virtio/device.ts';"],
    ['src/trace/decode.ts', "import { a } from '../virtio/layout/legacy.ts';"],
    ['src/hosts/node/index.ts', "import { open } from 'node:fs';\nimport '../../virtio/storage.ts';"],
    ['src/hosts/v86/index.ts', "import { V86 } from 'v86';\nconst a = Buffer.alloc(1), b = process.pid;"],
    ['src/cli/main.ts', "import { parseArgs } from 'node:util';\nimport '../hosts/node/index.ts';"],
    ['src/index.ts', "export * from './core/index.ts';\nexport * from './conformance/index.ts';"],
  ];
  it.each(legal)('%s: %s', (file, source) => {
    expect(judge(file, source)).toEqual([]);
  });
});

describe('each rule names file, line, import and reason', () => {
  const illegal: readonly [rule: string, file: string, source: string, finding: string][] = [
    [
      'imports go down only',
      'src/core/bus.ts',
      "\nimport { a } from '../pci/bar.ts';",
      'src/core/bus.ts:2: imports src/pci/bar.ts: floor 0 may not import floor 1',
    ],
    [
      'types count too',
      'src/virtio/device.ts',
      "import type { A } from '../mmr/mmr-function.ts';",
      'src/virtio/device.ts:1: imports src/mmr/mmr-function.ts: floor 2 may not import floor 4',
    ],
    [
      'drivers do not know the translator',
      'src/driver/firmware.ts',
      "import '../mmr/translator.ts';",
      'src/driver/firmware.ts:1: imports src/mmr/translator.ts: floor 3 may not import floor 4',
    ],
    [
      'two folders on one floor do not know each other',
      'src/trace/recorder.ts',
      "export { a } from '../compare/index.ts';",
      'src/trace/recorder.ts:1: imports src/compare/index.ts: trace and compare stand on the same floor',
    ],
    [
      'the front door is a browser module',
      'src/index.ts',
      "export * from './hosts/node/index.ts';",
      'src/index.ts:1: imports src/hosts/node/index.ts: floor 7 may not import floor 8',
    ],
    [
      'rooms do not import the front door',
      'src/cli/demo.ts',
      "import { a } from '../index.ts';",
      'src/cli/demo.ts:1: imports src/index.ts: the front doors are for users of the package, not for its own rooms',
    ],
    [
      'node only in hosts and cli',
      'src/trace/export.ts',
      "import { open } from 'node:fs';",
      'src/trace/export.ts:1: imports node:fs: only src/hosts and src/cli may import node:*',
    ],
    [
      'packages only where they are listed',
      'src/cli/main.ts',
      "const { V86 } = await import('v86');",
      'src/cli/main.ts:1: imports v86: the package may be imported only where the path matches ^src\\/hosts\\/',
    ],
    [
      'no unlisted package anywhere, builtins without node: included',
      'src/hosts/node/index.ts',
      "import fs from 'fs';",
      'src/hosts/node/index.ts:1: imports fs: no file may import this package (scripts/floors.ts lists the allowed ones)',
    ],
    [
      'fast-check only in the arbitraries',
      'src/conformance/suite.ts',
      "import fc from 'fast-check';",
      'src/conformance/suite.ts:1: imports fast-check: the package may be imported only where the path matches ' +
        '^src\\/(?:testing|conformance\\/explore)\\/',
    ],
    [
      'layout imports nothing but core',
      'src/mmr/layout/draft.ts',
      "import { a } from '../translator.ts';",
      'src/mmr/layout/draft.ts:1: imports src/mmr/translator.ts: a layout folder imports nothing but core and the layout folders below it',
    ],
    [
      'no behaviour of a lower floor either',
      'src/virtio/layout/pci-capabilities.ts',
      "import { a } from '../../pci/function.ts';",
      'src/virtio/layout/pci-capabilities.ts:1: imports src/pci/function.ts: a layout folder imports nothing but core and the layout folders below it',
    ],
    [
      'nothing of src from outside src',
      'src/pci/bar.ts',
      "import { a } from '../../test/helpers.ts';",
      'src/pci/bar.ts:1: imports test/helpers.ts: src may not import from outside src',
    ],
    [
      'imports carry their extension',
      'src/pci/bar.ts',
      "import { a } from '../core/bus.js';",
      'src/pci/bar.ts:1: imports src/core/bus.js: relative imports name the file with its .ts extension',
    ],
    [
      'no Buffer below the hosts',
      'src/core/guest-memory.ts',
      'const a = new ArrayBuffer(1);\nconst b = Buffer.from(a);',
      'src/core/guest-memory.ts:2: uses Buffer: floors up to 7 must run in a browser',
    ],
    [
      'no process below the hosts',
      'src/trace/recorder.ts',
      'this.process.run();\nglobalThis.process;',
      'src/trace/recorder.ts:2: uses process: floors up to 7 must run in a browser',
    ],
    [
      'every folder has a floor',
      'src/misc/a.ts',
      '',
      'src/misc/a.ts:1: stands in no room: misc is not in the floor table',
    ],
    [
      'long files are two ideas',
      'src/core/bus.ts',
      '\n'.repeat(MAX_LINES + 1),
      `src/core/bus.ts:${MAX_LINES + 1}: has ${MAX_LINES + 1} lines, over ${MAX_LINES}`,
    ],
  ];
  it.each(illegal)('%s', (_rule, file, source, finding) => {
    expect(judge(file, source)).toEqual([finding]);
  });

  it.each([
    'src/driver/firmware.ts',
    'src/conformance/suite.ts',
    'src/mmr/translator.ts',
    'src/mmr/translator-interrupts.ts',
    'src/mmr/access/io-bar.ts',
  ])('driver-side code reaches no device: %s', (file) => {
    const up = file.startsWith('src/mmr/access') ? '../..' : '..';
    expect(judge(file, `import type { A } from '${up}/virtio/device.ts';`)).toEqual([
      `${file}:1: imports src/virtio/device.ts: driver-side code sees a device only through the bus: ` +
        'core, layout tables and driver-side code, nothing else',
    ]);
  });

  it('the translator reaches no device of its own folder either', () => {
    expect(judge('src/mmr/translator.ts', "import './mmr-function.ts';")).toHaveLength(1);
  });
});

describe('cycles', () => {
  it('names the import that closes the circle', () => {
    expect(
      lines({
        'src/core/a.ts': "import './b.ts';",
        'src/core/b.ts': "\nexport {\n  x,\n} from './c.ts';",
        'src/core/c.ts': "import { y } from './a.ts';",
      }),
    ).toEqual([
      'src/core/c.ts:1: imports src/core/a.ts: cycle src/core/a.ts -> src/core/b.ts -> src/core/c.ts -> src/core/a.ts',
    ]);
  });

  it('exempts type-only imports, which load nothing', () => {
    expect(
      lines({ 'src/core/a.ts': "import './b.ts';", 'src/core/b.ts': "import type { A } from './a.ts';" }),
    ).toEqual([]);
  });

  it('does not exempt types in the device core and its windows', () => {
    const sources = {
      'src/virtio/device.ts': "import './bring-up.ts';",
      'src/virtio/bring-up.ts': "import type { A } from './device.ts';",
    };
    expect(lines(sources)).toEqual([
      'src/virtio/bring-up.ts:1: imports src/virtio/device.ts: cycle src/virtio/device.ts -> src/virtio/bring-up.ts -> src/virtio/device.ts',
    ]);
  });

  it('does not exempt inline types: the module still loads', () => {
    expect(
      lines({ 'src/core/a.ts': "import './b.ts';", 'src/core/b.ts': "import { type A } from './a.ts';" }),
    ).toHaveLength(1);
  });
});

describe('only code is read', () => {
  it.each([
    ['comments', "// import '../pci/a.ts'\n/* import '../pci/a.ts';\n Buffer */"],
    ['strings', `const a = "import '../pci/a.ts'"; const b = 'process.exit Buffer';`],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the source under test is a template
    ['templates', "const a = `import '../pci/a.ts'; Buffer ${'}'} process.pid`;"],
    ['regular expressions', "const a = /['\"`]Buffer/; const b = 4 / 2; const c = 'Buffer' + 1 / 2;"],
    ['properties and methods', 'x.Buffer; x.process(1); class A { process(a) { return a; } }'],
  ])('%s', (_what, source) => {
    expect(judge('src/core/a.ts', source)).toEqual([]);
  });

  it('code inside a template is code', () => {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the source under test is a template
    expect(judge('src/core/a.ts', 'const a = `${{ b: Buffer }.b}`;')).toHaveLength(1);
  });

  it('an apostrophe in a comment or a regular expression does not hide what follows', () => {
    expect(judge('src/core/a.ts', "// don't\nconst a = /'/;\nimport '../pci/a.ts';")).toHaveLength(1);
  });

  it('multi-line, aliased, re-exporting and dynamic imports are seen', () => {
    const source = [
      'import {',
      '  a as b,',
      '  type C,',
      "} from '../pci/a.ts';",
      "import d, * as e from '../pci/b.ts';",
      "export * as f from '../pci/c.ts';",
      "export type { G } from '../pci/d.ts';",
      "const h = import('../pci/e.ts');",
      "export const i = 'from';",
    ].join('\n');
    expect(judge('src/core/a.ts', source).map((finding) => finding.split(':')[1])).toEqual([
      '1',
      '5',
      '6',
      '7',
      '8',
    ]);
  });
});
