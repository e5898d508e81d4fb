import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { debatesDocument } from '../src/compare/debates.ts';

/* Runs every position of the debates and writes docs/debates.md. */
writeFileSync(fileURLToPath(new URL('../docs/debates.md', import.meta.url)), await debatesDocument());
