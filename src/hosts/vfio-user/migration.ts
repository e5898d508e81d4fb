import {
  anyState,
  concatenated,
  expectParts,
  lengthOf,
  manifestOf,
  map,
  record,
  registers,
  rw,
  type State,
  stateFromBytes,
  stateToBytes,
  VirtiolabError,
} from '../../core/index.ts';
import { functionsState } from '../../pci/index.ts';
import type { ServedDevice } from './device.ts';
import { CommandError } from './errors.ts';
import { getFields, structure, viewOf } from './fields.ts';
import { type MigStateName, migState } from './layout.ts';

/** A served device: its function, and the machines of hosts that present it. */
export const servedDeviceState = record('served-device', 1, {
  functions: functionsState,
  parts: map(anyState),
});

/** What a stream consists of: what can be loaded, so that a device that cannot may say so early; and what is to be loaded. */
const chunkKind = { manifest: 1, state: 2 } as const;
const chunkHead = registers({ kind: rw(0, 4), length: rw(4, 4) });
const CHUNK_HEAD_BYTES = lengthOf(chunkHead);
/** More than any device's state. */
const MOST_STREAM_BYTES = 1 << 28;

/** Arcs of the life cycle: each is one step. */
const arcs: Readonly<Partial<Record<MigStateName, readonly MigStateName[]>>> = {
  running: ['stop', 'preCopy'],
  stop: ['running', 'stopCopy', 'resuming'],
  stopCopy: ['stop'],
  resuming: ['stop'],
  preCopy: ['running', 'stopCopy'],
};
/** No path leads through these, but for those that begin or end there. */
const saving: readonly MigStateName[] = ['preCopy', 'stopCopy'];

/** The shortest way from one state to another; null where there is none. */
export function migrationPath(from: MigStateName, to: MigStateName): readonly MigStateName[] | null {
  if (from === to) return [];
  if (from === 'stopCopy' && to === 'preCopy') return null;
  let paths: MigStateName[][] = [[from]];
  const seen = new Set<MigStateName>([from]);
  while (paths.length > 0) {
    const longer: MigStateName[][] = [];
    for (const path of paths)
      for (const next of arcs[path.at(-1)!] ?? []) {
        if (next === to) return [...path.slice(1), next];
        if (seen.has(next) || saving.includes(next)) continue;
        seen.add(next);
        longer.push([...path, next]);
      }
    paths = longer;
  }
  return null;
}

const chunk = (kind: number, state: State): Uint8Array => {
  const bytes = stateToBytes(state);
  return structure(chunkHead, { kind, length: bytes.length }, bytes);
};

/** Migration of a device as VFIO has it, version 2: a life cycle, and a stream of bytes in two of its states. */
export class Migration {
  state: MigStateName = 'running';
  readonly #device: ServedDevice;
  /** What is to be read, from a place on. */
  #out: Uint8Array = new Uint8Array();
  #at = 0;
  #in: Uint8Array[] = [];
  #inBytes = 0;
  #loaded = false;
  #manifestSent = false;

  constructor(device: ServedDevice) {
    this.#device = device;
  }

  /** The device works. */
  get running(): boolean {
    return this.state === 'running' || this.state === 'preCopy';
  }

  /** @throws CommandError where no way leads there, or what was written cannot be loaded: then the device is stopped as it was */
  set(number: number): void {
    const to = (Object.keys(migState) as MigStateName[]).find((name) => migState[name] === number);
    const path = to === undefined ? null : migrationPath(this.state, to);
    if (path === null)
      throw new CommandError('EINVAL', `no way from ${this.state} to ${to ?? `state ${number}`}`);
    for (const next of path) this.#step(next);
  }

  #step(to: MigStateName): void {
    const from = this.state;
    if (from === 'resuming') this.#finishLoading();
    this.state = to;
    if (!this.running) this.#device.halt(true);
    if (to === 'preCopy') {
      this.#begin();
      this.#give(chunk(chunkKind.manifest, this.#manifest()));
      this.#manifestSent = true;
    } else if (to === 'stopCopy') {
      if (from !== 'preCopy') this.#begin();
      if (!this.#manifestSent) this.#give(chunk(chunkKind.manifest, this.#manifest()));
      this.#give(chunk(chunkKind.state, this.#save()));
    } else if (to === 'resuming') {
      this.#in = [];
      this.#inBytes = 0;
    } else if (to === 'running' && this.#loaded) {
      this.#loaded = false;
      this.#device.board.resume();
    } else this.#begin();
    if (this.running) this.#device.halt(false);
  }

  #begin(): void {
    this.#out = new Uint8Array();
    this.#at = 0;
    this.#manifestSent = false;
  }

  #give(bytes: Uint8Array): void {
    this.#out = concatenated([this.#out.subarray(this.#at), bytes]);
    this.#at = 0;
  }

  #manifest(): State {
    const parts = Object.fromEntries(
      Array.from(this.#device.parts, ([name, part]) => [name, manifestOf(part)]),
    );
    return { ...servedDeviceState.manifest(), functions: this.#device.board.manifest(), parts };
  }

  #save(): State {
    const parts = Object.fromEntries(Array.from(this.#device.parts, ([name, part]) => [name, part.save()]));
    return servedDeviceState.save({ functions: this.#device.board.save(), parts });
  }

  /** At most so many bytes of the stream; fewer are its end, for now. @throws CommandError where nothing is saved */
  read(size: number): Uint8Array {
    if (!saving.includes(this.state))
      throw new CommandError('EINVAL', `nothing is saved while it is ${this.state}`);
    const bytes = this.#out.slice(this.#at, this.#at + size);
    this.#at += bytes.length;
    return bytes;
  }

  /** @throws CommandError where nothing is loaded, or too much */
  write(bytes: Uint8Array): void {
    if (this.state !== 'resuming')
      throw new CommandError('EINVAL', `nothing is loaded while it is ${this.state}`);
    if (this.#inBytes + bytes.length > MOST_STREAM_BYTES)
      throw new CommandError('ENOSPC', `more than ${MOST_STREAM_BYTES} bytes`);
    this.#in.push(bytes);
    this.#inBytes += bytes.length;
  }

  #finishLoading(): void {
    const stream = concatenated(this.#in);
    this.#in = [];
    // A client that turns round has written nothing.
    if (stream.length === 0) return;
    try {
      this.#load(stateOf(stream));
    } catch (error) {
      this.state = 'stop';
      if (error instanceof VirtiolabError) throw new CommandError('EINVAL', error.message);
      throw error;
    }
  }

  /** All or nothing. */
  #load(state: State): void {
    const device = this.#device;
    const saved = servedDeviceState.parse(state);
    device.board.check(saved.functions);
    expectParts('parts', saved.parts, device.parts);
    for (const [name, part] of device.parts) part.check?.(saved.parts[name]!, `parts.${name}`);
    device.turns.clear();
    device.board.load(saved.functions);
    for (const [name, part] of device.parts) part.load(saved.parts[name]!);
    this.#loaded = true;
  }

  /** The device was reset, or its client has left. */
  reset(): void {
    this.state = 'running';
    this.#begin();
    this.#in = [];
    this.#loaded = false;
    this.#device.halt(false);
  }
}

/** The state that a stream ends with. @throws CommandError for one that is torn, or goes on */
function stateOf(stream: Uint8Array): State {
  const view = viewOf(stream);
  for (let at = 0; at + CHUNK_HEAD_BYTES <= stream.length; ) {
    const { kind, length } = getFields(chunkHead, view, at);
    const end = at + CHUNK_HEAD_BYTES + length;
    if (end > stream.length) break;
    if (kind === chunkKind.state && end === stream.length)
      return stateFromBytes(stream.subarray(at + CHUNK_HEAD_BYTES, end));
    if (kind !== chunkKind.manifest) throw new CommandError('EINVAL', `a chunk of kind ${kind}`);
    at = end;
  }
  throw new CommandError('EINVAL', 'the stream is torn');
}
