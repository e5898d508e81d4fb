import fc from 'fast-check';
import { describe, it } from 'vitest';
import { kitTypes } from './kits/index.ts';
import { cases } from './support/operations.ts';
import { PATIENCE, runs } from './support/runs.ts';
import { busyCase, modernMaking, worldMaking } from './support/saved-subject.ts';
import { tryAll } from './support/try-mutations.ts';
import { virtualMaking } from './support/virtual-subject.ts';
import { comparedKinds, type WorldKind } from './support/worlds.ts';

/*
 * A state in which one thing is another than what was saved is refused by a typed error, and nothing has changed then; or
 * it is one that the machine could have: loaded and saved again it is the same, and the machine goes on with it.
 */

const kinds: readonly WorldKind[] = [...comparedKinds, 'transitional'];

/** With 1000 runs and more, every mutation there is. */
const stride = Math.max(1, Math.round(1000 / runs(15)));
const busy = [...kinds, 'modern', 'modern, packed', 'modern, packed and in order'].flatMap((kind) =>
  kitTypes.map((type) => ({ kind, type })),
);

describe('a state in which one thing is another is refused, or one that the machine can have', () => {
  it.each(busy)(
    'of a busy $type behind $kind',
    ({ kind, type }) => {
      const world = kinds.find((each) => each === kind);
      const making =
        world === undefined
          ? modernMaking({ type, packed: kind.includes('packed'), inOrder: kind.includes('order') })
          : worldMaking(world, busyCase(world, type, 7));
      tryAll(
        making,
        stride,
        busy.findIndex((each) => each.kind === kind && each.type === type),
      );
    },
    PATIENCE,
  );

  it.each(kinds)(
    'of whatever a guest has made of a function behind %s',
    (kind) => {
      const some = cases({ held: true, structures: kind === 'transitional' });
      fc.assert(
        fc.property(some, fc.nat(999), (each, from) => tryAll(worldMaking(kind, each), 100, from)),
        { numRuns: runs(10) },
      );
    },
    PATIENCE,
  );

  it(
    'of virtual functions, of which few exist as objects',
    () => {
      for (let from = 0; from < Math.max(1, runs(15) / 25); from++) tryAll(virtualMaking, stride, from);
    },
    PATIENCE,
  );
});
