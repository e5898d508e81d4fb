import { describe, expect, it } from 'vitest';
import {
  CHUNK_HEAD_BYTES,
  ChunkReader,
  encodeChunk,
  IncompatibleSourceError,
  MoveOrderError,
  MoveSource,
  MoveTarget,
  MovingMachine,
  StreamOrderError,
  TornStreamError,
} from '../../../src/compare/migration/index.ts';
import { type State, StateMismatchError } from '../../../src/core/index.ts';
import { BlockDevice, EntropyDevice, MemoryStorage } from '../../../src/virtio/index.ts';

const disk = (sectors = 8) => new BlockDevice({ storage: new MemoryStorage(new Uint8Array(512 * sectors)) });
const machine = (behaviour = disk() as BlockDevice | EntropyDevice, ramBytes = 0x10000) =>
  new MovingMachine(behaviour, 'mmr', { ramBytes });

/** A stream of a guest that has written one page. */
function stream() {
  const made = machine();
  made.ram.fill(0x3000, 4, 7);
  const source = new MoveSource(made);
  const chunks = [source.begin(), source.round().bytes, source.stop(5)];
  return { made, source, chunks };
}

const bodies = (chunks: readonly Uint8Array[]) => {
  const reader = new ChunkReader();
  return chunks.flatMap((chunk) => reader.take(chunk));
};

describe('a stream', () => {
  it('arrives byte by byte as it does in one piece', () => {
    const { chunks } = stream();
    const whole = new Uint8Array(chunks.flatMap((chunk) => [...chunk]));
    const [one, slow] = [machine(), machine()];
    const target = new MoveTarget(one);
    target.take(whole);
    expect(target.finish()).toBe(5);
    const bytewise = new MoveTarget(slow);
    const cut = 3000;
    for (const byte of whole.subarray(0, cut)) bytewise.take(Uint8Array.of(byte));
    bytewise.take(whole.subarray(cut));
    expect(bytewise.finish()).toBe(5);
    for (const { ram } of [one, slow]) expect([...ram.read(0x3000, 5)]).toEqual([7, 7, 7, 7, 0]);
    expect(slow.save()).toEqual(one.save());
  });

  it.each<
    [string, (chunks: readonly Uint8Array[]) => readonly Uint8Array[], new (...args: never[]) => Error]
  >([
    ['nothing', () => [], TornStreamError],
    ['no end', (chunks) => chunks.slice(0, 2), TornStreamError],
    ['half a chunk', ([begin]) => [begin!.subarray(0, 99)], TornStreamError],
    [
      'a bit that changed',
      ([begin, ...rest]) => [begin!.map((byte, i) => (i === 200 ? byte ^ 4 : byte)), ...rest],
      TornStreamError,
    ],
    [
      'a kind that there is not',
      ([begin]) => [begin!.map((byte, i) => (i === 4 ? 9 : byte))],
      TornStreamError,
    ],
    [
      'a length without end',
      ([begin]) => [begin!.map((byte, i) => (i === 15 ? 0xff : byte))],
      TornStreamError,
    ],
    ['a second begin', ([begin]) => [begin!, begin!], StreamOrderError],
    ['the state first', ([, , state]) => [state!], StreamOrderError],
    [
      'more after the end',
      (chunks) => [...chunks, encodeChunk({ kind: 'pages', number: 3, body: { version: 1, pages: [] } })],
      TornStreamError,
    ],
    ['other bytes', () => [new Uint8Array(CHUNK_HEAD_BYTES).fill(1)], TornStreamError],
  ])('of %s is refused', (_, spoil, error) => {
    const { chunks } = stream();
    const made = machine();
    const before = made.save();
    const target = new MoveTarget(made);
    expect(() => {
      for (const chunk of spoil(chunks)) target.take(chunk);
      target.finish();
    }).toThrow(error);
    expect(made.save()).toEqual(before);
    expect(made.ram.read(0, 0x10000).every((byte) => byte === 0)).toBe(true);
    expect(() => target.take(chunks[0]!)).toThrow(MoveOrderError);
  });

  const last = (change: (body: { [name: string]: State }) => State) => (all: ReturnType<typeof bodies>) =>
    encodeChunk({ ...all[2]!, body: change(all[2]!.body as { [name: string]: State }) });

  it.each<[string, (all: ReturnType<typeof bodies>) => Uint8Array]>([
    ['no record', last(() => 7)],
    ['no state', last((body) => ({ ...body, state: null }))],
    [
      'a state that is none',
      last((body) => ({ ...body, state: { state: 1, host: null, messages: { owned: [], pending: [] } } })),
    ],
    [
      'messages that are none',
      last((body) => ({
        ...body,
        state: { ...(body.state as object), messages: { owned: [{}], pending: [] } },
      })),
    ],
    [
      'pages beyond RAM',
      last((body) => ({
        ...body,
        pages: { version: 1, pages: [{ address: 0x10000, bytes: Uint8Array.of(1) }] },
      })),
    ],
    [
      'a page that leaves RAM',
      last((body) => ({
        ...body,
        pages: { version: 1, pages: [{ address: 0xffff, bytes: new Uint8Array(2) }] },
      })),
    ],
    [
      'pages without bytes',
      last((body) => ({ ...body, pages: { version: 1, pages: [{ address: 0, bytes: new Uint8Array() }] } })),
    ],
    ['a version from the future', last((body) => ({ ...body, version: 2 }))],
  ])('whose end has %s, rightly summed, is refused', (_, spoil) => {
    const { chunks } = stream();
    const all = bodies(chunks);
    const made = machine();
    const before = made.save();
    const target = new MoveTarget(made);
    target.take(chunks[0]!);
    target.take(chunks[1]!);
    expect(() => target.take(spoil(all))).toThrow(StateMismatchError);
    expect(made.save()).toEqual(before);
    expect(made.ram.read(0, 0x10000).every((byte) => byte === 0)).toBe(true);
  });

  it.each<[string, () => MovingMachine, string]>([
    ['another type', () => machine(new EntropyDevice()), 'the function.name'],
    ['a longer disk', () => machine(disk(9)), 'capacity'],
    ['more RAM', () => machine(disk(), 0x20000), 'RAM'],
    [
      'another way',
      () => new MovingMachine(disk(), 'io-bar', { ramBytes: 0x10000 }),
      'parts of the function',
    ],
  ])('is refused at its begin by a target with %s', (_, make, what) => {
    const target = new MoveTarget(make());
    const { chunks } = stream();
    expect(() => target.take(chunks[0]!)).toThrow(IncompatibleSourceError);
    const again = new MoveTarget(make());
    try {
      again.take(chunks[0]!);
    } catch (error) {
      expect((error as IncompatibleSourceError).reasons.some((reason) => reason.what.includes(what))).toBe(
        true,
      );
    }
  });

  it('is asked for in its order, and a source goes on after all', () => {
    const made = machine();
    const source = new MoveSource(made);
    for (const act of [() => source.round(), () => source.stop(), () => source.release()])
      expect(act).toThrow(MoveOrderError);
    source.begin();
    expect(() => source.begin()).toThrow(MoveOrderError);
    expect(source.converged).toBe(false);
    source.round();
    expect(source.converged).toBe(true);
    source.stop();
    for (const act of [() => source.round(), () => source.stop(), () => source.begin()])
      expect(act).toThrow(MoveOrderError);
    source.cancel();
    expect(() => source.release()).toThrow(MoveOrderError);
    expect(made.domain.observer).toBeNull();
  });

  it('ends when little is left, or after so many rounds', () => {
    const made = machine();
    const busy = (pages: number, value: number) => {
      for (let page = 0; page < pages; page++) made.ram.fill(0x1000 * page, 1, value);
    };
    const source = new MoveSource(made, { convergedPages: 2, mostRounds: 4 });
    source.begin();
    const seen: boolean[] = [];
    for (const [i, pages] of [8, 5, 5, 3].entries()) {
      busy(pages, i + 1);
      expect(source.round().pages).toBe(pages);
      seen.push(source.converged);
    }
    expect([seen, source.rounds]).toEqual([
      [false, false, false, true],
      [8, 5, 5, 3],
    ]);
    const calm = new MoveSource(made, { convergedPages: 2, mostRounds: 4 });
    calm.begin();
    calm.round();
    expect(calm.converged).toBe(false);
    busy(2, 9);
    calm.round();
    expect(calm.converged).toBe(true);
  });
});
