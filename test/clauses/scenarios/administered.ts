import { administered, LEGACY, owner, words } from '../../mmr/admin-support.ts';
import { watch } from '../../pci/support.ts';
import { during, type Scenario, scenario } from './scenario.ts';

/*
 * What is said to a guest whose function is reached by its owner's commands.
 */

export const administereds: readonly Scenario[] = [
  scenario('through an owner: it refuses an access', () => {
    let bad = false;
    const answers = (seen: readonly number[]) =>
      bad ? words(22, 1, 0, 0) : words(0, 0, 0, 0, seen[0]! >> 8);
    const under = administered({ owner: owner(LEGACY, answers) });
    const { in: read } = under.start();
    const events = watch(under.guest);
    bad = true;
    return during({ events }, () => void read(12, 2));
  }),
];
