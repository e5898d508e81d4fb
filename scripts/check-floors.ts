import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkFloors, formatFinding } from './floors.ts';
import { checkPage } from './page-imports.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Sources of a folder by path from the root; what was built is none. */
function sourcesOf(folder: string): Map<string, string> {
  const sources = new Map<string, string>();
  for (const entry of readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).sort())
    if (/\.tsx?$/.test(entry) && !entry.startsWith('dist'))
      sources.set(`${folder}/${entry}`, readFileSync(join(root, folder, entry), 'utf8'));
  return sources;
}

const [sources, page] = [sourcesOf('src'), sourcesOf('lab')];
const findings = [...checkFloors(sources), ...checkPage(page)];
for (const finding of findings) console.error(formatFinding(finding));
if (findings.length > 0) process.exitCode = 1;
else console.log(`${sources.size + page.size} files on their floors`);
