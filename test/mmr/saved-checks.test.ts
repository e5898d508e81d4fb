import { describe, expect, it, test } from 'vitest';
import { type State, StateMismatchError } from '../../src/core/index.ts';
import { draft2023, fixedVectorsDraft, translatedWayNames } from '../../src/mmr/index.ts';
import { configOf, SLOT } from '../pci/support.ts';
import { configProbe, Pair, type PairOptions } from './support.ts';

const pair = (options: PairOptions = {}) => new Pair(configProbe(), options);

/** A guest that has chosen vectors, and has a configuration interrupt to be told of. */
function used(options: PairOptions = {}): Pair {
  const under = pair(options);
  under.enableMsix();
  under.set('configMsixVector', 2);
  for (const queue of [1, 0]) {
    under.setUp(queue);
    under.set('queueMsixVector', 1);
  }
  under.disableMsix();
  under.function.interrupts.config();
  return under;
}

type Saved = { [key: string]: State };

/** The state of the back end, changed, as its guest's machine has it. */
function guestState(under: Pair, change: (saved: Saved) => void): State {
  const state = structuredClone(under.guest.save()) as never as {
    functions: { address: number; state: { pinLevel: boolean; parts: Record<string, Saved> } }[];
  };
  const fn = state.functions.find(({ address }) => address === under.found.address)!.state;
  change(fn.parts[`backend ${under.presented.backend.name}`]!);
  return state as never;
}

function changed(saved: Saved, change: (saved: Saved) => void): Saved {
  const copy = structuredClone(saved);
  change(copy);
  return copy;
}

const vectors = (config: number, queues: readonly (readonly [number, number])[]) => ({
  config,
  queues: queues.map(([queue, vector]) => ({ queue, vector })),
});

describe('the state of a translator', () => {
  const wrong: readonly [string, (saved: Saved) => void, RegExp][] = [
    [
      'a vector beyond the table',
      (s) => void (s.vectors = vectors(3, [])),
      /vectors\.config: found 3, expected below 3, or 65535/,
    ],
    [
      "a queue's vector beyond the table",
      (s) =>
        void (s.vectors = vectors(2, [
          [0, 1],
          [1, 3],
        ])),
      /vectors\.queues\[1\]\.vector: found 3, expected below 3, or 65535/,
    ],
    [
      'a queue that is listed twice',
      (s) =>
        void (s.vectors = vectors(2, [
          [1, 0],
          [0, 0],
          [1, 0],
        ])),
      /vectors\.queues\[2\]\.queue: found 1, expected a queue that is listed once/,
    ],
    ['an ISR of other bits', (s) => void (s.isr = 4), /isr: found 4, expected/],
    ['another draft', (s) => void (s.shape = { ...(s.shape as Saved), draft: 'mmr-2024' }), /shape\.draft/],
    [
      'more configuration',
      (s) => void (s.shape = { ...(s.shape as Saved), configBytes: 7 }),
      /shape\.configBytes/,
    ],
    ['more vectors', (s) => void (s.shape = { ...(s.shape as Saved), vectors: 4 }), /shape\.vectors/],
  ];

  test.each(wrong)('with %s is refused by its path, and nothing has changed', (_, change, message) => {
    const under = used();
    const before = under.presented.backend.save();
    const state = guestState(under, change);
    const load = () => under.guest.load(state as never);
    expect(load).toThrow(StateMismatchError);
    expect(load).toThrow(message);
    expect(load).toThrow(/^saved state of .*parts\.backend mmr\./);
    expect(under.presented.backend.save()).toEqual(before);
    const alone = () => under.presented.backend.load(changed(before as Saved, change));
    expect(alone).toThrow(/^saved state of back end\./);
    expect(alone).toThrow(message);
  });

  it('with something to tell goes with a line that is up, and only with one', () => {
    const under = used();
    const state = guestState(under, (saved) => void (saved.isr = 0));
    expect(() => under.guest.load(state as never)).toThrow(
      /parts\.backend mmr\.isr, something to tell: found false, expected true/,
    );
    under.get('isrStatus');
    const low = guestState(under, (saved) => void (saved.isr = 2));
    expect(() => under.guest.load(low as never)).toThrow(/something to tell: found true, expected false/);
  });

  it('is what a guest chose: NO_VECTOR, the last vector, the last of the queues', () => {
    const under = used();
    const other = vectors(0xffff, [
      [1, 2],
      [0, 0xffff],
    ]);
    const state = guestState(under, (saved) => void (saved.vectors = other));
    under.guest.load(state as never);
    expect(under.presented.backend.save()).toMatchObject({ vectors: other, isr: 2, queueSelect: 0 });
    under.enableMsix();
    expect([under.get('configMsixVector'), under.get('queueMsixVector')]).toEqual([0xffff, 0xffff]);
    under.set('queueSelect', 1);
    expect(under.get('queueMsixVector')).toBe(2);
  });

  it('has nothing in it of the guest that was there before', () => {
    const fresh = guestState(pair(), () => {});
    const under = used();
    under.guest.load(fresh as never);
    expect(under.presented.backend.save()).toMatchObject({ vectors: vectors(0xffff, []), isr: 0 });
  });

  it('is of one draft, and says which', () => {
    const [a, b] = [draft2023, fixedVectorsDraft].map((draft) => pair({ draft }).presented.backend);
    expect(() => b!.load(a!.save())).toThrow(
      'back end.shape.draft: found "mmr-2023", expected "mmr-fixed-vectors"',
    );
  });
});

describe.each(translatedWayNames)('the state of a back end, by way of %s,', (way) => {
  it('is refused by one of another shape, whoever asks', () => {
    const { backend } = pair({ way, vectors: 2 }).presented;
    const other = pair({ way, vectors: 4 }).presented.backend.save();
    expect(() => backend.load(other)).toThrow('saved state of back end.shape.vectors: found 4, expected 2');
    expect(() => backend.check!(other, 'there')).toThrow(
      'saved state of there.shape.vectors: found 4, expected 2',
    );
    expect(() => backend.load({})).toThrow(StateMismatchError);
    expect(() => backend.load(backend.save())).not.toThrow();
  });
});

describe.each(translatedWayNames)('by way of %s, where the state of the host is loaded first', (way) => {
  it.each([false, true])("bus mastering is the state's (%s), not that of the guest before", (on) => {
    const before = pair({ way });
    before.config.command(on ? 7 : 3);
    const next = pair({ way });
    next.config.command(on ? 3 : 7);
    next.host.load(before.host.save());
    const bit = () => configOf(next.host, next.hostAddress).read(4, 2) & 4;
    expect(bit()).toBe(on ? 4 : 0);
    next.guest.load(before.guest.save());
    next.get('deviceStatus');
    expect(bit()).toBe(on ? 4 : 0);
  });

  it('and nobody has used the function yet, its messages wait for the guest too', () => {
    const before = used({ way });
    before.get('isrStatus');
    const next = pair({ way });
    next.host.load(before.host.save());
    next.interrupts();
    next.function.interrupts.config();
    expect(next.interrupts()).toEqual([]);
    next.guest.load(before.guest.save());
    expect([next.interrupts(), next.get('isrStatus')]).toEqual([['line 10 up'], 2]);
  });
});

/** The line of a guest whose function is gone is low: there is no ISR that would drop it. */
describe.each(translatedWayNames)('by way of %s, a guest that is loaded when its function is gone', (way) => {
  it.each([false, true])('has a low line, whatever it was in the state (%s)', (line) => {
    const under = pair({ way });
    if (line) under.function.interrupts.config();
    const state = under.guest.save();
    under.host.unplug(SLOT);
    under.guest.load(state);
    expect([under.get('deviceStatus'), under.get('isrStatus')]).toEqual([0xff, 0xff]);
    expect(under.config.read(6, 2) & 8).toBe(0);
  });

  it('so has one that waited for its state while the function went', () => {
    const under = pair({ way });
    under.function.interrupts.config();
    const [host, guest] = [under.host.save(), under.guest.save()];
    under.host.load(host);
    under.host.unplug(SLOT);
    expect([under.get('deviceStatus'), under.config.read(6, 2) & 8]).toEqual([0xff, 0]);
    under.guest.load(guest);
    expect([under.get('deviceStatus'), under.config.read(6, 2) & 8]).toEqual([0xff, 0]);
  });
});
