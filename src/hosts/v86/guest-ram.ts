import type { MemoryRange } from '../../core/index.ts';
import type { V86Cpu } from './emulator.ts';

/** The hole in low memory where a PC has its display. */
const VGA_HOLE = { start: 0xa0000, end: 0xc0000 } as const;

/**
 * RAM of a v86 machine, as bytes of the emulator's own memory. That memory moves when the emulator needs more of it;
 * writes through views taken before are then lost without a sound. Watchers are told whenever it has moved, before
 * anything but the emulator runs again.
 */
export class GuestRam {
  readonly #cpu: V86Cpu;
  readonly #watchers = new Set<() => void>();
  #buffer: ArrayBuffer;
  #bytes: Uint8Array;
  /** Accesses to functions that are under way. */
  #depth = 0;
  /** Ranges written to, as pairs of start and end. */
  readonly #dirty: number[] = [];

  constructor(cpu: V86Cpu) {
    this.#cpu = cpu;
    this.#buffer = cpu.wasm_memory.buffer;
    this.#bytes = this.#view();
    // The emulator asks for memory while it runs and when compiled code comes back to it; the first case is seen at
    // its timers and at accesses.
    const finished = cpu.codegen_finalize_finished;
    cpu.codegen_finalize_finished = (...code) => {
      finished.apply(cpu, code);
      this.refresh();
    };
  }

  #view(): Uint8Array {
    const { mem8, memory_size } = this.#cpu;
    return new Uint8Array(this.#buffer, mem8.byteOffset, memory_size[0]!);
  }

  /** RAM in bytes. */
  get length(): number {
    return this.#bytes.length;
  }

  /** All RAM by guest-physical address, the display's hole included. Valid until the next watcher call. */
  get bytes(): Uint8Array {
    return this.#bytes;
  }

  /** What a device may reach: below and above the display's hole. Valid until the next watcher call. */
  ranges(): MemoryRange[] {
    return [
      { start: 0, bytes: this.#bytes.subarray(0, VGA_HOLE.start) },
      { start: VGA_HOLE.end, bytes: this.#bytes.subarray(VGA_HOLE.end) },
    ];
  }

  /** Calls `watcher` when the memory moved. @returns a function that ends it. */
  watch(watcher: () => void): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  /** Notices a move. */
  refresh(): void {
    if (this.#cpu.wasm_memory.buffer === this.#buffer) return;
    this.#buffer = this.#cpu.wasm_memory.buffer;
    this.#bytes = this.#view();
    for (const watcher of this.#watchers) watcher();
  }

  /**
   * To be called when a device writes RAM [start, end), before or after: code compiled from there is forgotten before
   * the guest runs on. Not at once, because that too can move the memory, under the feet of whoever is writing.
   */
  dirty(start: number, end: number): void {
    if (end <= start) return;
    const dirty = this.#dirty;
    const last = dirty.length - 1;
    if (last > 0 && dirty[last] === start) {
      dirty[last] = end;
      return;
    }
    dirty.push(start, end);
    // Outside an access nobody else would; the emulator runs again in a later task.
    if (last < 0 && this.#depth === 0) queueMicrotask(() => this.#forgetCode());
  }

  #forgetCode(): void {
    const dirty = this.#dirty;
    for (let i = 0; i < dirty.length; i += 2) this.#cpu.jit_dirty_cache(dirty[i]!, dirty[i + 1]!);
    dirty.length = 0;
    this.refresh();
  }

  enterAccess(): void {
    this.#depth++;
    this.refresh();
  }

  leaveAccess(): void {
    this.#depth--;
    if (this.#depth === 0 && this.#dirty.length > 0) this.#forgetCode();
  }
}
