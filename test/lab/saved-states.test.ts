import { describe, expect, it } from 'vitest';
import type { Move, Row, Setup } from '../../lab/protocol.ts';
import { type Saved, SavedStates } from '../../lab/worker/saved-states.ts';
import { Session } from '../../lab/worker/session.ts';

const plain: Setup = {
  ...{ type: 'block', way: 'mmr', ring: 'split', reading: null, draft: null, lies: [], mistakes: [] },
};
const move = (name: string, ...values: (string | number)[]): Move => ({ name, values });

/** Does moves one after the other. @returns rows by the move that made them */
async function run(session: Session, rows: Row[], moves: readonly Move[]): Promise<Row[][]> {
  const made: Row[][] = [];
  for (const each of moves) {
    const from = rows.length;
    await session.do(each);
    made.push(rows.slice(from));
  }
  return made;
}

async function open(setup: Partial<Setup>) {
  const rows: Row[] = [];
  const session = await Session.open({ ...plain, ...setup }, (fresh) => rows.push(...fresh));
  return { session, rows };
}

/** Goes back before each move of a list, and on from there: what happens is what happened, row by row. */
async function expectSameAgain(setup: Partial<Setup>, moves: readonly Move[]): Promise<void> {
  const first = await open(setup);
  const made = await run(first.session, first.rows, moves);
  for (const [i, rows] of made.entries()) {
    const { session, last } = await first.session.before(rows[0]!.seq);
    expect(last).toBe(rows[0]!.seq - 1);
    expect(session.moves).toEqual(moves.slice(0, i));
    const again = await run(session, first.rows, moves.slice(i, i + 1));
    // The shim looks up once what it needs of the host.
    const looksUp = setup.way === 'modern-shim';
    // Where an owner's driver keeps its commands is its own affair, and so is what of them lies in one line.
    const shown = (each: readonly Row[]) =>
      each
        .filter(({ place, column }) => place !== "owner's memory" && !(looksUp && column === 'right'))
        .map(({ verb, name, value, meaning }) => [verb, name, value, meaning]);
    expect(again[0]![0]!.seq).toBe(rows[0]!.seq);
    expect(shown(again[0]!)).toEqual(shown(rows));
  }
}

const disk = [
  move('up'),
  move('write', 3, 1, 0x5a),
  move('read', 3, 1),
  move('resize', 80),
  move('read', 3, 1),
  move('msix-off'),
  move('write', 79, 1, 0x11),
  move('read', 79, 1),
  move('down'),
  move('up'),
  move('read', 79, 1),
];

describe('saved states of the lab', () => {
  it.each(['mmr', 'admin', 'modern-shim', 'modern'])(
    'are gone back to, and what comes then is the same: a disk by %s',
    (way) => expectSameAgain({ way }, disk),
  );

  it('are those of packed rings, and of entropy, too', async () => {
    await expectSameAgain({ way: 'modern', ring: 'packed' }, disk.slice(0, 5));
    await expectSameAgain({ type: 'entropy' }, [
      move('up'),
      move('read', 32),
      move('read', 16),
      move('read', 8),
    ]);
  });

  it.each(['network', 'console', 'balloon', 'p9', 'scsi'])(
    'are none of drivers that keep more than rings: all is done again, unseen: %s',
    async (type) => {
      const name = { network: 'send', console: 'send', balloon: 'target', p9: 'list', scsi: 'read' }[type]!;
      const values = { network: [60], console: ['a'], balloon: [4], p9: [], scsi: [0, 1] }[type]!;
      await expectSameAgain({ type }, [move('up'), move(name, ...values), move(name, ...values)]);
    },
  );

  it('do again what lies and mistakes did', async () => {
    const moves = [move('up'), move('read', 0, 1), move('read', 1, 1)];
    await expectSameAgain({ lies: ['used-length-zero'] }, moves);
    await expectSameAgain({ mistakes: ['isr-read-twice', 'no-acknowledge'] }, moves);
  });

  it('spare what came before: a thousand requests are not made again', async () => {
    const { session, rows } = await open({});
    const started = performance.now();
    await run(session, rows, [move('up'), move('again', 1000), move('read', 0, 1)]);
    const took = performance.now() - started;
    const seq = rows.findLast(({ verb }) => verb === 'move')!.seq;
    const begun = performance.now();
    const back = await session.before(seq);
    expect(performance.now() - begun).toBeLessThan(took / 2);
    expect((await back.session.do(move('read', 0, 1))).error).toBeNull();
  });

  it('take no more than their share of memory, and the first is not the one to go', () => {
    const states = new SavedStates();
    const state = (moves: number): Saved => ({
      moves,
      msix: true,
      machines: [],
      disk: null,
      driver: null,
      bytes: 1 << 20,
    });
    for (let i = 1; i <= 500; i++) states.add(state(i));
    expect(states.bytes).toBeLessThanOrEqual(16 << 20);
    expect(states.count).toBeGreaterThan(5);
    expect(states.nearest(1)?.moves).toBe(1);
    expect(states.nearest(0)).toBeNull();
    expect(states.until(100).nearest(500)!.moves).toBeLessThanOrEqual(100);
  });
});
