import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { type V86Module, v86Module } from './emulator.ts';
import { V86NotInstalledError } from './errors.ts';

/** The parts of the JavaScript interface to WebAssembly that are used; Node's types do not declare it. */
interface WebAssemblyApi {
  compile(bytes: Uint8Array): Promise<object>;
  instantiate(module: object, imports: object): Promise<{ readonly exports: object }>;
}

let loading: Promise<V86Module> | undefined;

async function load(): Promise<V86Module> {
  const require = createRequire(import.meta.url);
  let library: { V86?: unknown };
  let manifest: string;
  try {
    manifest = require.resolve('v86/package.json');
    library = (await import('v86')) as { V86?: unknown };
  } catch (error) {
    throw new V86NotInstalledError(error);
  }
  const folder = join(manifest, '..');
  const { version: full } = JSON.parse(await readFile(manifest, 'utf8')) as { version: string };
  // The part after the plus names v86's own commit.
  const version = full.split('+')[0]!;
  const { WebAssembly } = globalThis as unknown as { WebAssembly: WebAssemblyApi };
  // Compiled once for all machines of the process: half of what a restore would cost otherwise.
  const module = await WebAssembly.compile(await readFile(join(folder, 'build', 'v86.wasm')));
  return v86Module(library.V86, version, {
    wasm_fn: async (imports) => (await WebAssembly.instantiate(module, imports)).exports,
  });
}

/**
 * Loads the optional peer dependency, once for the process.
 * @throws V86NotInstalledError
 */
export function loadV86(): Promise<V86Module> {
  loading ??= load().catch((error: unknown) => {
    loading = undefined;
    throw error;
  });
  return loading;
}
