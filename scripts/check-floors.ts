import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkFloors, formatFinding } from './floors.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

const sources = new Map<string, string>();
for (const entry of readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' }).sort()) {
  if (entry.endsWith('.ts')) sources.set(`src/${entry}`, readFileSync(join(root, 'src', entry), 'utf8'));
}

const findings = checkFloors(sources);
for (const finding of findings) console.error(formatFinding(finding));
if (findings.length > 0) process.exitCode = 1;
else console.log(`${sources.size} files on their floors`);
