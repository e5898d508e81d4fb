import type { Register, Width } from '../../core/index.ts';
import { barsOf, type ConfigImage, type ImageBar, type WalkedList, walkLists } from '../../driver/index.ts';
import { clauseOf } from '../catalogue/index.ts';
import type { ConfigClause } from './clauses.ts';
import type { ConfigFinding, ConfigVerdict } from './verdict.ts';

/** One configuration space before the rules: what it holds, as far as it is known, and what they have said of it. */
export class ConfigCase {
  readonly image: ConfigImage;
  readonly capabilities: WalkedList;
  readonly extended: WalkedList;
  readonly bars: readonly ImageBar[];
  readonly #findings: ConfigFinding[] = [];
  readonly #open: string[] = [];

  constructor(image: ConfigImage) {
    this.image = image;
    ({ capabilities: this.capabilities, extended: this.extended } = walkLists(image));
    this.bars = barsOf(image);
  }

  /** A register, or null where it is unknown. */
  get({ offset, width }: Register, base = 0): number | null {
    return this.image.ask((read) => read(base + offset, width as Width));
  }

  report(clause: ConfigClause, offset: number, message: string): void {
    this.#findings.push({ clause, level: clauseOf(clause).level, message, offset });
  }

  /** The table of a draft is not kept. */
  reportDraft(name: string, offset: number, message: string): void {
    this.#findings.push({ clause: name, level: 'MUST', message, offset });
  }

  /** Something cannot be judged. */
  leave(what: string): void {
    this.#open.push(what);
  }

  get verdict(): ConfigVerdict {
    return { findings: this.#findings, open: this.#open };
  }
}
