import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { V86 } from 'v86';

/**
 * v86's own virtio code, taken out of a live emulator: an instance with an empty 9p file system has a virtio function,
 * whose queue and registers are measured. The published build renames classes and local functions but keeps property
 * names, so these internals can be reached. They are nobody's API, hence the exact version in package.json and
 * `assertInternals` before anything is measured.
 */
export interface BufferChain {
  get_next_blob(into: Uint8Array): number;
  set_next_blob(from: Uint8Array): number;
}

export interface VirtQueue {
  readonly constructor: new (
    cpu: Cpu,
    virtio: VirtIO,
    options: { size_supported: number; notify_offset: number },
  ) => VirtQueue;
  desc_addr: number;
  avail_addr: number;
  used_addr: number;
  has_request(): boolean;
  pop_request(): BufferChain;
  push_reply(chain: BufferChain): void;
  flush_replies(): void;
}

export interface VirtIO {
  readonly queues: readonly VirtQueue[];
  readonly device_feature: Uint32Array;
  readonly driver_feature: Uint32Array;
}

export interface Cpu {
  readonly devices: { readonly virtio_9p: { readonly virtio: VirtIO } };
  readonly io: {
    port_read8(port: number): number;
    port_read16(port: number): number;
    port_read32(port: number): number;
  };
  readonly mem8: { readonly byteOffset: number };
  readonly memory_size: { readonly 0: number };
  readonly wasm_memory: { readonly buffer: ArrayBuffer };
}

const VIRTIO = 'devices.virtio_9p.virtio';
const QUEUE = `${VIRTIO}.queues.0`;

/** What the interfaces above claim, as paths from the cpu object. */
const INTERNALS: readonly (readonly [type: string, paths: readonly string[]])[] = [
  ['object', ['wasm_memory.buffer', QUEUE, `${VIRTIO}.device_feature`, `${VIRTIO}.driver_feature`]],
  ['number', ['mem8.byteOffset', 'memory_size.0']],
  ['number', ['desc_addr', 'avail_addr', 'used_addr'].map((name) => `${QUEUE}.${name}`)],
  ['function', ['io.port_read8', 'io.port_read16', 'io.port_read32']],
  [
    'function',
    ['constructor', 'has_request', 'pop_request', 'push_reply', 'flush_replies'].map(
      (name) => `${QUEUE}.${name}`,
    ),
  ],
];

function assertInternals(cpu: unknown): asserts cpu is Cpu {
  for (const [type, paths] of INTERNALS) {
    for (const path of paths) {
      let value = cpu as Record<string, unknown> | undefined;
      for (const name of path.split('.')) value = value?.[name] as Record<string, unknown> | undefined;
      const found: string = typeof value;
      if (found !== type)
        throw new Error(`not the v86 this benchmark knows: cpu.${path} is ${found}, not ${type}`);
    }
  }
}

/**
 * Which v86 is measured. `published` is the npm package as it is. Its minifier removed the debug log but kept the log's
 * arguments, so each descriptor is formatted into five hexadecimal strings that nobody reads, most of the time a chain
 * takes. `unlogged` is the same file without those five calls: the faster opponent, and the one that says something
 * about the design of the queue.
 */
export type V86Build = 'published' | 'unlogged';

const UNREAD_LOG = ['addr_high', 'addr_low', 'len', 'flags', 'next'].reduce(
  (pattern, field, index) =>
    `${pattern}${index === 0 ? '([\\w$]+)' : '\\1'}\\(([\\w$]+)\\.${field},\\s*[48]\\);`,
  '',
);

async function loadBuild(build: V86Build): Promise<typeof V86> {
  const published = import.meta.resolve('v86');
  if (build === 'published') return (await import(published)).V86;
  const source = readFileSync(fileURLToPath(published), 'utf8');
  const unlogged = source.replace(new RegExp(UNREAD_LOG), '');
  if (unlogged === source) throw new Error('not the v86 this benchmark knows: no descriptor log to remove');
  const cache = fileURLToPath(new URL('../../.cache/bench', import.meta.url));
  mkdirSync(cache, { recursive: true });
  const file = join(cache, 'libv86-unlogged.mjs');
  writeFileSync(file, unlogged);
  return (await import(pathToFileURL(file).href)).V86;
}

export interface V86Instance {
  readonly cpu: Cpu;
  readonly virtio: VirtIO;
  /** Guest memory from address 0. No guest runs, so WebAssembly memory cannot grow and detach the view. */
  readonly guest: DataView;
  /** Ends the emulator, without which the process would not end. */
  release(): Promise<void>;
}

/** @param network the kind of network device, as v86 calls them. */
export async function startV86(
  build: V86Build = 'published',
  network: 'none' | 'virtio' = 'none',
): Promise<V86Instance> {
  const Emulator = await loadBuild(build);
  const emulator = new Emulator({
    wasm_path: fileURLToPath(new URL('v86.wasm', import.meta.resolve('v86'))),
    memory_size: 16 * 1024 * 1024,
    vga_memory_size: 1024 * 1024,
    filesystem: {},
    net_device: { type: network as 'virtio' }, // `none` works, and its type declarations do not know it
    disable_keyboard: true,
    disable_mouse: true,
    disable_speaker: true,
    autostart: false,
  });
  await new Promise<void>((resolve) => emulator.add_listener('emulator-loaded', () => resolve()));
  const { cpu } = (emulator as unknown as { v86: { cpu: unknown } }).v86;
  assertInternals(cpu);
  return {
    cpu,
    virtio: cpu.devices.virtio_9p.virtio,
    guest: new DataView(cpu.wasm_memory.buffer, cpu.mem8.byteOffset, cpu.memory_size[0]),
    release: () => emulator.destroy(),
  };
}
