import {
  type ChangedNumber,
  type Comparison,
  type CountName,
  countNames,
  defaultCosts,
  type PhaseName,
  phaseNames,
  type Resources,
} from '../compare/index.ts';
import { style } from './output.ts';
import { bytesText, columns, fold } from './text.ts';

/** How the counts are headed where there is little room. */
const shortNames: Readonly<Record<CountName, string>> = {
  portExits: 'port exits',
  memoryExits: 'mem exits',
  configExits: 'cfg exits',
  memoryReads: 'reads',
  postedWrites: 'posted',
  portAccesses: 'ports',
  configAccesses: 'cfg',
  adminCommands: 'admin',
  dmaReads: 'dma in',
  dmaReadBytes: 'bytes in',
  dmaWrites: 'dma out',
  dmaWrittenBytes: 'bytes out',
  interrupts: 'irqs',
  guestInterrupts: 'guest irqs',
};

export const phaseTitles: Readonly<Record<PhaseName, string>> = {
  bringUp: 'Bring-up',
  request: 'One request, the mean of many',
  shutdown: 'Shutdown',
};

export const resourceNames: Readonly<Record<keyof Resources, string>> = {
  barBytes: 'memory BARs',
  portBytes: 'ports',
  registerBytes: 'registers',
  configBytes: 'configuration',
};

const names = Object.keys(countNames) as CountName[];

const number = (value: number) => (Number.isInteger(value) ? `${value}` : value.toFixed(1));
export const microseconds = (ns: number) => `${(ns / 1000).toFixed(ns < 10_000 ? 2 : 1)} us`;

/** Cells under heads, numbers to the right. */
function table(heads: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const widths = heads.map((head, i) => Math.max(head.length, ...rows.map((row) => row[i]!.length)));
  const line = (cells: readonly string[]) =>
    cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)));
  return columns([line(heads), ...rows.map(line)]).map((text) => `  ${text}`);
}

function phaseLines({ ways }: Comparison, phase: PhaseName): string[] {
  const shown = names.filter((name) => ways.some(({ counts }) => counts[phase][name] !== 0));
  const rows = ways.map(({ way, counts, modelledNs }) => [
    way,
    ...shown.map((name) => number(counts[phase][name])),
    microseconds(modelledNs[phase]),
  ]);
  return [
    style('bold', phaseTitles[phase]),
    ...table(['', ...shown.map((name) => shortNames[name]), 'modelled'], rows),
    '',
  ];
}

function resourceLines({ ways, vfs }: Comparison): string[] {
  const kinds = Object.keys(resourceNames) as (keyof Resources)[];
  const rows = ways.map(({ way, resources, resourcesOfAll }) => [
    way,
    ...kinds.map((kind) => `${resources[kind]}`),
    ...kinds.map((kind) => bytesText(resourcesOfAll[kind])),
  ]);
  const heads = kinds.map((kind) => resourceNames[kind]);
  return [
    style('bold', `What a function takes, in bytes, and ${vfs} of them`),
    ...table(['', ...heads, ...heads.map((head) => `${head}, all`)], rows),
    '',
  ];
}

/** A number that a choice changes, in words. */
export function changeText({ where, name, from, to }: ChangedNumber): string {
  const what =
    where === 'resources'
      ? `bytes of ${resourceNames[name as keyof Resources]}`
      : `${shortNames[name as CountName]} of ${phaseTitles[where].toLowerCase().split(',')[0]}`;
  return `${what} ${number(from)} -> ${number(to)}`;
}

function choiceLines({ choices }: Comparison): string[] {
  if (choices.length === 0) return [];
  const said = choices.map(({ choice, changes }) => {
    const text = changes.length === 0 ? 'changes no number here' : changes.map(changeText).join('; ');
    return `  ${choice}: ${text}`;
  });
  return [style('bold', 'What another choice of the draft changes, against mmr'), ...said, ''];
}

function legendLines({ ways, costs }: Comparison): string[] {
  const counted = names.filter((name) =>
    ways.some(({ counts }) => phaseNames.some((phase) => counts[phase][name] !== 0)),
  );
  const rows = counted.map((name) => [`  ${shortNames[name]}`, `${costs[name]} ns`, countNames[name]]);
  return [style('bold', 'What was counted, and what the model takes for each'), ...columns(rows)];
}

/** The comparison's screen, in lines of at most `width` columns. */
export function compareLines(comparison: Comparison, width = Infinity): string[] {
  const { device, request, bytes, ways } = comparison;
  const free = ways.map(({ way, needsNoTranslator }) => [`  ${way}`, needsNoTranslator]);
  const lines = [
    style('bold', `Device ${device}; a request is ${request}, ${bytesText(bytes)}`),
    '',
    ...phaseNames.flatMap((phase) => phaseLines(comparison, phase)),
    ...resourceLines(comparison),
    ...choiceLines(comparison),
    style('bold', 'Who needs no translator'),
    ...columns(free),
    '',
    ...legendLines(comparison),
  ];
  return fold(lines, width);
}

/** Everything of a comparison as plain data, with what each number is and where the costs come from. */
export function compareJson(comparison: Comparison): object {
  return {
    ...comparison,
    legend: countNames,
    costSources: Object.fromEntries(names.map((name) => [name, defaultCosts[name].source])),
  };
}
