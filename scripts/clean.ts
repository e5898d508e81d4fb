import { rmSync } from 'node:fs';

// Stale output would otherwise be packed: tsc never deletes what a removed source once produced.
rmSync(new URL('../dist', import.meta.url), { recursive: true, force: true });
