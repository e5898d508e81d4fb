import type { DraftStatement } from '../document/document.ts';
import { type DraftChecks, plainName } from './check.ts';

const brief = (says: string) => (says.length <= 60 ? says : `${says.slice(0, 57)}...`);

export const statementChecks: DraftChecks = {
  'statement-misplaced': {
    level: 'warning',
    clause: null,
    about: 'a statement binds one party and stands among the requirements of the other, who will miss it',
    run({ document: { statements = [] } }, say) {
      for (const [i, { binds, section, says }] of statements.entries())
        if (section !== undefined && binds !== 'both' && binds !== section)
          say(
            `statements[${i}].section`,
            `"${brief(says)}" binds the ${binds}, and stands in the ${section}'s section`,
          );
    },
  },
  'statement-contradicts': {
    level: 'error',
    clause: null,
    about: 'two statements demand different things of one thing',
    run({ document: { statements = [] } }, say) {
      const before = new Map<string, DraftStatement>();
      for (const [i, statement] of statements.entries()) {
        const { about, demands } = statement;
        if (about === undefined || demands === undefined) continue;
        const other = before.get(plainName(about));
        if (other === undefined) before.set(plainName(about), statement);
        else if (plainName(other.demands!) !== plainName(demands))
          say(
            `statements[${i}].demands`,
            `${about} is ${demands} here, and ${other.demands}${other.at === undefined ? ' elsewhere' : ` in ${other.at}`}`,
          );
      }
    },
  },
};
