import { type Answers, serveCalls } from '../calls.ts';
import { drivenTypes } from '../parts/drivers/index.ts';
import type { Calls, Row, RowsNews } from '../protocol.ts';
import { Session } from './session.ts';

/** The emulator's thread: it answers one call after the other, and rows of the stream go out as they come. */

let session: Session | null = null;

async function open(setup: Calls['open']['given']['setup'], moves: Calls['open']['given']['moves']) {
  let fresh = true;
  const post = (rows: readonly Row[]) => {
    tell({ rows, fresh });
    fresh = false;
  };
  const opened = await Session.open(setup, post);
  post([]);
  let done = opened.done(null, '');
  for (const move of moves) done = await opened.do(move);
  session = opened;
  return { opened, done };
}

const current = (): Session => {
  if (session === null) throw new Error('no world is open');
  return session;
};

const answers: Answers<Calls> = {
  async open({ setup, moves }) {
    const { opened, done } = await open(setup, moves);
    return { ...opened.describe(Object.keys(drivenTypes)), done };
  },
  move: (move) => current().do(move),
  look: async ({ seq }) => current().look(seq),
  async rewind({ seq }) {
    const before = await current().before(seq);
    session = before.session;
    return { ...session.done(null, ''), moves: session.moves, last: before.last };
  },
  lies: async ({ type }) => (await import('./lies.ts')).liesOf(type),
  async clauses({ ids }) {
    const { clausesNamed } = await import('./clauses.ts');
    return clausesNamed(ids);
  },
};

const tell = serveCalls<Calls, RowsNews>(answers);
