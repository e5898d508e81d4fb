import { expect, it } from 'vitest';
import { formatFinding } from '../../scripts/floors.ts';
import { checkPage } from '../../scripts/page-imports.ts';

const judge = (file: string, source: string) => checkPage(new Map([[file, source]])).map(formatFinding);

it.each([
  ['lab/src/main.tsx', "import { render } from 'preact';\nimport type { Row } from '../protocol.ts';"],
  ['lab/worker/main.ts', "import { Machine } from 'virtiolab/pci';\nimport './session.ts';"],
  ['lab/vite.config.ts', "import { join } from 'node:path';"],
])('%s may: %s', (file, source) => {
  expect(judge(file, source)).toEqual([]);
});

it.each([
  ['lab/src/main.tsx', "import '../../src/core/index.ts';", 'from outside lab'],
  ['lab/src/main.tsx', "import '../worker/main.ts';", 'by the protocol alone'],
  ['lab/worker/main.ts', "import { readFileSync } from 'node:fs';", 'public exports'],
  ['lab/worker/main.ts', "import { FileStorage } from 'virtiolab/node';", 'public exports'],
])('%s may not: %s', (file, source, reason) => {
  expect(judge(file, source).join()).toContain(reason);
});
