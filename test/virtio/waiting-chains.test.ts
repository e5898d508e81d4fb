import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Chain, WaitingChains } from '../../src/virtio/index.ts';

function chain(head: number): Chain {
  const made = new Chain();
  made.head = head;
  made.live = true;
  return made;
}

// Against an array, which forgets nothing and is never compacted.
it('chains wait in order, whatever comes and goes, and dead ones are passed over', () => {
  const steps = fc.array(
    fc.oneof(fc.constant('add'), fc.constant('take'), fc.constant('die'), fc.constant('clear')),
    {
      maxLength: 400,
      size: 'max',
    },
  );
  const often = fc.tuple(steps, fc.nat(200), fc.nat(200));
  fc.assert(
    fc.property(often, ([all, first, then]) => {
      const waiting = new WaitingChains();
      let model: Chain[] = [];
      let heads = 0;
      const sequence = [
        ...new Array<string>(first).fill('add'),
        ...new Array<string>(then).fill('take'),
        ...all,
      ];
      for (const step of sequence) {
        if (step === 'add') {
          const added = chain(heads++);
          waiting.add(added);
          model.push(added);
        } else if (step === 'take') expect(waiting.take()?.head).toBe(model.shift()?.head);
        else if (step === 'die') {
          // A queue's chains die together.
          for (const each of model) each.live = false;
          model = [];
        } else {
          waiting.clear();
          model = [];
        }
        expect([waiting.length, waiting.oldest?.head]).toEqual([model.length, model[0]?.head]);
        for (const index of [0, 1, model.length - 1, model.length])
          if (index >= 0) expect(waiting.at(index)?.head).toBe(model[index]?.head);
      }
    }),
    { numRuns: 100 },
  );
});

// A driver may fill a queue and stop it again and again, and nothing ever happen for which a chain is wanted.
it('chains that died are forgotten without anybody asking for one', () => {
  const waiting = new WaitingChains();
  let looks = 0;
  for (let round = 0; round < 1000; round++) {
    const dead: Chain[] = [];
    for (let i = 0; i < 8; i++) {
      const each = chain(i);
      let live = true;
      Object.defineProperty(each, 'live', {
        get: () => {
          looks++;
          return live;
        },
        set: (value: boolean) => (live = value),
      });
      waiting.add(each);
      dead.push(each);
    }
    for (const each of dead) each.live = false;
  }
  looks = 0;
  expect(waiting.length).toBe(0);
  expect(looks).toBeLessThanOrEqual(8);
});
