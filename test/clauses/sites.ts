import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { maskSource } from '../../scripts/scan-source.ts';
import type { Party } from '../../src/core/index.ts';
import { clausesIn } from './catalogue.ts';

const root = fileURLToPath(new URL('../../src/', import.meta.url));

/** Sources by path from `src/` on. */
export const sources: ReadonlyMap<string, string> = new Map(
  readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .sort()
    .map((file) => [file, readFileSync(root + file, 'utf8')]),
);

/** A clause in code, outside the tables of registers. */
export interface ClauseSite {
  readonly place: string;
  readonly clause: string;
  /** Whom it is held against there. */
  readonly party: Party;
}

const QUOTED = /'([^'\n]*)'/g;

/** What judges others names clauses for either party, and has tests of its own for that. */
const JUDGES = /^(?:conformance\/(?!config\/)|testing\/|drafts\/|cli\/)/;

/** Literals in code: comments and what stands in strings are none. */
function literals(source: string): { text: string; at: number }[] {
  const masked = maskSource(source);
  return [...masked.matchAll(QUOTED)].map(({ index, 0: whole }) => ({
    text: source.slice(index + 1, index + whole.length - 1),
    at: index,
  }));
}

/**
 * Where the code names a clause in order to report it. The device's own faults are marked, and those are all of src/mmr and
 * of what judges configuration spaces.
 */
export function clauseSites(): ClauseSite[] {
  const sites: ClauseSite[] = [];
  for (const [file, source] of sources) {
    if (file.includes('layout/') || JUDGES.test(file)) continue;
    let party: Party | null = null;
    for (const { text, at } of literals(source)) {
      const [clause] = clausesIn(text);
      if (text === 'driver' || text === 'device') party = text;
      else if (clause === text) {
        const line = source.slice(0, at).split('\n').length;
        const marked = /'(driver|device)'(?:,| \?)\s*$/.test(source.slice(0, at)) ? party : null;
        const own = /^(?:mmr|conformance\/config)\//.test(file) ? 'device' : 'driver';
        sites.push({ place: `src/${file}:${line}`, clause, party: marked ?? own });
      }
    }
  }
  return sites;
}

/** A finding's text as a pattern, with the clause that stands before it where that is a literal. */
export interface Wording {
  readonly place: string;
  readonly text: string;
  readonly pattern: RegExp;
}

const escaped = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** Text of a literal or template as a pattern: whatever is put in may be anything. */
function patternOf(text: string): RegExp {
  const parts = text
    .split(/\$\{(?:[^{}]|\{[^{}]*\})*\}/)
    .map((part) => escaped(part.replace(/\\(.)/g, '$1')));
  return new RegExp(parts.join('.+'));
}

const LITERAL = String.raw`('(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|\x60(?:\\.|[^\x60\\])*\x60)`;
/** A text comes right after a clause, after a function of src/virtio/clauses.ts, or is called a message. */
const AFTER_CLAUSE = new RegExp(
  String.raw`(?:'[A-Z][A-Z0-9-]*-\d\d'|\b\w*[cC]lause(?:\([^()]*(?:\([^()]*\))?[^()]*\))?),\s*(?:index,\s*)?${LITERAL}`,
  'g',
);
const NAMED = new RegExp(
  String.raw`\b(?:const )?message(?: =|:)\s*(?:[^;,'"\x60]*\?\s*)?${LITERAL}(?:\s*:\s*${LITERAL})?`,
  'g',
);
const OWN_REPORT = new RegExp(
  String.raw`(?:this\.#(?:report|refuse|outOfReach|reportFraming)|[^.\w#]refuse|report)\(\s*(?:chain,\s*)?${LITERAL}`,
  'g',
);

/** Every wording of a finding in the code. */
export function wordings(): Wording[] {
  const found = new Map<string, Wording>();
  for (const [file, source] of sources) {
    if (!/^(virtio|mmr|pci)\//.test(file) || file.includes('layout/')) continue;
    for (const pattern of [AFTER_CLAUSE, NAMED, OWN_REPORT])
      for (const match of source.matchAll(pattern))
        for (const literal of match.slice(1)) {
          const text = literal?.slice(1, -1) ?? '';
          if (!text.includes(' ') || clausesIn(text)[0] === text) continue;
          const line = source.slice(0, match.index).split('\n').length;
          found.set(`${file} ${text}`, { place: `src/${file}:${line}`, text, pattern: patternOf(text) });
        }
  }
  return [...found.values()];
}
