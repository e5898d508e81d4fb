import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineConfig, type Plugin } from 'vite';
import { contentSecurityPolicy } from './policy.ts';

const root = import.meta.dirname;

/** The policy stands in the page. */
const policy: Plugin = {
  name: 'content-security-policy',
  transformIndexHtml: (html) => html.replace('{policy}', contentSecurityPolicy),
};

/** The service worker with the list of what it keeps: all that the build wrote. */
const offline: Plugin = {
  name: 'offline',
  apply: 'build',
  generateBundle(_, bundle) {
    // A PC has a kernel of its own to fetch, which is not kept either.
    const files = Object.keys(bundle).filter((name) => !/\.(?:map|wasm)$/.test(name));
    const list = ['./', ...files.map((name) => `./${name}`)];
    const version = createHash('sha256').update(list.join('\n')).digest('hex').slice(0, 12);
    const source = readFileSync(join(root, 'service-worker.js'), 'utf8')
      .replace("'{version}'", JSON.stringify(version))
      .replace("'{files}'", JSON.stringify(list));
    this.emitFile({ type: 'asset', fileName: 'service-worker.js', source });
  },
};

const library = [
  { find: 'virtiolab/testing', replacement: join(root, '../src/testing/index.ts') },
  { find: /^virtiolab\/(\w+)$/, replacement: join(root, '../src/public/$1.ts') },
];

export default defineConfig({
  root,
  base: './',
  logLevel: 'error',
  resolve: { alias: library },
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  plugins: [policy, offline],
  worker: { format: 'es' },
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    target: 'es2022',
    // Data in the page's own files would be inline code's sister: everything is a file.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
});
