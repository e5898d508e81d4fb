import {
  type ComparedWay,
  type Comparison,
  type CountName,
  countNames,
  type PhaseName,
  phaseNames,
  type Resources,
} from '../compare/index.ts';
import { changeText, microseconds, phaseTitles, resourceNames } from './compare-view.ts';
import { bytesText } from './text.ts';

const names = Object.keys(countNames) as CountName[];

/** One colour for each thing that is counted, told apart by eyes of every kind as well as may be. */
const colours: Readonly<Record<CountName, string>> = {
  portExits: '#b2182b',
  memoryExits: '#d6604d',
  configExits: '#f4a582',
  memoryReads: '#2166ac',
  postedWrites: '#92c5de',
  portAccesses: '#053061',
  configAccesses: '#4393c3',
  adminCommands: '#7b3294',
  dmaReads: '#1b7837',
  dmaReadBytes: '#7fbf7b',
  dmaWrites: '#5aae61',
  dmaWrittenBytes: '#a6dba0',
  interrupts: '#737373',
  guestInterrupts: '#bdbdbd',
};

const ROW = 26;
const BAR = 18;
const LABEL = 150;
const WIDTH = 900;
const VALUE = 110;

const escaped = (text: string) =>
  text.replace(/[&<>"]/g, (sign) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[sign]!);

interface Piece {
  readonly value: number;
  readonly colour: string;
  readonly title: string;
}

/** Bars under each other, each made of pieces; the longest fills the width. */
function bars(
  title: string,
  rows: readonly { label: string; pieces: readonly Piece[]; value: string }[],
): string {
  const sums = rows.map(({ pieces }) => pieces.reduce((sum, { value }) => sum + value, 0));
  const scale = (WIDTH - LABEL - VALUE) / Math.max(...sums, Number.MIN_VALUE);
  const drawn = rows.map(({ label, pieces, value }, i) => {
    const y = i * ROW;
    let x = LABEL;
    const parts = pieces.map(({ value: size, colour, title: what }) => {
      const width = size * scale;
      const rect = `<rect x="${x.toFixed(2)}" y="${y}" width="${width.toFixed(2)}" height="${BAR}" fill="${colour}"><title>${escaped(what)}</title></rect>`;
      x += width;
      return rect;
    });
    const text = (at: number, anchor: string, shown: string) =>
      `<text x="${at.toFixed(2)}" y="${y + BAR - 4}" text-anchor="${anchor}">${escaped(shown)}</text>`;
    return [text(LABEL - 8, 'end', label), ...parts, text(x + 6, 'start', value)].join('');
  });
  return `<figure><figcaption>${escaped(title)}</figcaption><svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${rows.length * ROW}" role="img" aria-label="${escaped(title)}" font-family="sans-serif" font-size="13">${drawn.join('\n')}</svg></figure>`;
}

function timeBars({ ways, costs }: Comparison, phase: PhaseName): string {
  const rows = ways.map(({ way, counts, modelledNs }) => ({
    label: way,
    value: microseconds(modelledNs[phase]),
    pieces: names
      .filter((name) => counts[phase][name] > 0)
      .map((name) => {
        const ns = counts[phase][name] * costs[name];
        const title = `${counts[phase][name].toFixed(1)} ${countNames[name]}: ${microseconds(ns)}`;
        return { value: ns, colour: colours[name], title };
      }),
  }));
  return bars(`${phaseTitles[phase]}: modelled time`, rows);
}

function resourceBars({ ways, vfs }: Comparison, kind: keyof Resources): string {
  const rows = ways.map(({ way, resourcesOfAll }: ComparedWay) => {
    const value = resourcesOfAll[kind];
    return {
      label: way,
      value: bytesText(value),
      pieces: [{ value, colour: '#4393c3', title: bytesText(value) }],
    };
  });
  return bars(`${resourceNames[kind]} of ${vfs} functions`, rows);
}

const cells = (tag: 'td' | 'th', values: readonly string[]) =>
  `<tr>${values.map((value) => `<${tag}>${escaped(value)}</${tag}>`).join('')}</tr>`;

function countTable({ ways }: Comparison, phase: PhaseName): string {
  const rows = names
    .filter((name) => ways.some(({ counts }) => counts[phase][name] > 0))
    .map((name) =>
      cells('td', [
        countNames[name],
        ...ways.map(({ counts }) => `${Number(counts[phase][name].toFixed(2))}`),
      ]),
    );
  const head = cells('th', [phaseTitles[phase], ...ways.map(({ way }) => way)]);
  return `<table>${[head, ...rows].join('\n')}</table>`;
}

function legend({ costs }: Comparison): string {
  const rows = names.map(
    (name) =>
      `<li><span style="background:${colours[name]}"></span>${escaped(countNames[name])}: ${costs[name]} ns</li>`,
  );
  return `<ul class="legend">${rows.join('\n')}</ul>`;
}

const STYLES = `body{font-family:sans-serif;max-width:960px;margin:2em auto;padding:0 1em}
svg{width:100%;height:auto}figcaption{font-weight:bold;margin:.5em 0}figure{margin:1.5em 0}
table{border-collapse:collapse;margin:1em 0}td,th{border:1px solid #ccc;padding:.2em .6em;text-align:right}
td:first-child,th:first-child{text-align:left}.legend{list-style:none;padding:0;columns:2}
.legend span{display:inline-block;width:1em;height:1em;margin-right:.5em;vertical-align:-2px}`;

/** A page that stands by itself: pictures, and the numbers that they are made of. */
export function comparePage(comparison: Comparison): string {
  const { device, request, bytes, choices, ways } = comparison;
  const title = `Ways to a virtio device: ${device}`;
  const kinds = Object.keys(resourceNames) as (keyof Resources)[];
  const changed = choices.map(({ choice, changes }) => {
    const text = changes.length === 0 ? 'changes no number here' : changes.map(changeText).join('; ');
    return `<li>${escaped(choice)}: ${escaped(text)}</li>`;
  });
  return `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>${escaped(title)}</title><style>${STYLES}</style></head><body>
<h1>${escaped(title)}</h1>
<p>A request is ${escaped(request)}, ${escaped(bytesText(bytes))}. Every count comes from a run; times are counts multiplied by what each thing takes.</p>
${legend(comparison)}
${phaseNames.map((phase) => timeBars(comparison, phase) + countTable(comparison, phase)).join('\n')}
${kinds.map((kind) => resourceBars(comparison, kind)).join('\n')}
${changed.length === 0 ? '' : `<h2>What another choice of the draft changes</h2><ul>${changed.join('\n')}</ul>`}
<h2>Who needs no translator</h2>
<table>${ways.map(({ way, needsNoTranslator }) => cells('td', [way, needsNoTranslator])).join('\n')}</table>
</body></html>
`;
}
