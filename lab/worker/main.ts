import type { Ask, CallName, Calls, Row, Told } from '../protocol.ts';
import { drivenTypes } from './drivers/index.ts';
import { Session } from './session.ts';

/** The emulator's thread: it answers one call after the other, and rows of the stream go out as they come. */
const tell = (told: Told) => postMessage(told);

let session: Session | null = null;

async function open(setup: Calls['open']['given']['setup'], moves: Calls['open']['given']['moves']) {
  let fresh = true;
  const post = (rows: readonly Row[]) => {
    tell({ kind: 'rows', rows, fresh });
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

type Answers = { [Name in CallName]: (given: Calls[Name]['given']) => Promise<Calls[Name]['answer']> };

const answers: Answers = {
  async open({ setup, moves }) {
    const { opened, done } = await open(setup, moves);
    return { ...opened.describe(Object.keys(drivenTypes)), done };
  },
  move: (move) => current().do(move),
  look: async ({ seq }) => current().look(seq),
  async rewind({ seq }) {
    const { setup } = current();
    const moves = current().before(seq);
    const { done } = await open(setup, moves);
    return { ...done, moves };
  },
  lies: async ({ type }) => (await import('./lies.ts')).liesOf(type),
  async clauses({ ids }) {
    const { clausesNamed } = await import('./clauses.ts');
    return clausesNamed(ids);
  },
};

/** Calls are answered in their order, each when the one before has ended. */
let queue: Promise<unknown> = Promise.resolve();

addEventListener('message', ({ data }: MessageEvent<Ask>) => {
  const { id, call, given } = data;
  const answer = answers[call] as (given: unknown) => Promise<unknown>;
  queue = queue
    .then(() => answer(given))
    .then(
      (value) => tell({ kind: 'answer', id, answer: value }),
      (error: unknown) => tell({ kind: 'failed', id, message: (error as Error).message }),
    );
});
