import { formatFinding } from '../core/index.ts';
import { accessTable, BEHIND, decodeTrace, INDENT, type Step } from './access-table.ts';
import type { DemoResult } from './demo-run.ts';
import { detailLines, functionJson, titleOf } from './function-view.ts';
import { style } from './output.ts';
import { columns, fold } from './text.ts';
import { watchLines } from './watch-view.ts';

/** Recorded steps of a demonstration, decoded. */
export interface DecodedDemo {
  readonly bringUp: readonly Step[];
  readonly firstRequest: readonly Step[];
}

export function decodeDemo(result: DemoResult): DecodedDemo {
  const decoders = new Map(result.stages.map(({ name, decoder }) => [name as string, decoder]));
  return {
    bringUp: decodeTrace(result.bringUp.trace, decoders),
    firstRequest: decodeTrace(result.firstRequest, decoders),
  };
}

/** Accesses by kind, and those that port accesses alone led to. The MSI-X table's are left out. */
export function tally(steps: readonly Step[], machine: string) {
  const all = { config: 0, io: 0, memory: 0 };
  const becauseOfPorts = { config: 0, io: 0, memory: 0 };
  const visit = ({ machine: where, event, access, children }: Step, port: boolean): void => {
    const isPort = event.kind === 'access' && event.space === 'io';
    if (where === machine && event.kind === 'access' && access?.place !== 'msix-table') {
      all[event.space]++;
      if (port) becauseOfPorts[event.space]++;
    }
    for (const child of children) visit(child, port || isPort);
  };
  for (const step of steps) visit(step, false);
  return { all, becauseOfPorts };
}

const time = (ms: number) => `${ms.toFixed(1)} ms`;

const roles = {
  guest: 'What the guest sees',
  host: 'The function in the host',
} as const;

function functionLines({ stages }: DemoResult): string[] {
  return stages.flatMap(({ name, description }) => [
    style('bold', `${roles[name]}: ${description.address} ${titleOf(description)}, ${description.kind}`),
    ...detailLines(description, '  '),
    '',
  ]);
}

function bringUpLines(result: DemoResult, { bringUp, firstRequest }: DecodedDemo, width: number): string[] {
  const [driver, behind] = result.stages;
  const made = tally(bringUp, driver!.name).all;
  const became = behind === undefined ? null : tally(bringUp, behind.name).becauseOfPorts;
  const counted = (counts: { io: number; memory: number }) =>
    [
      counts.io > 0 ? `${counts.io} port accesses` : '',
      counts.memory > 0 ? `${counts.memory} memory accesses` : '',
    ]
      .filter((text) => text !== '')
      .join(' and ');
  const sent = result.bringUp.adminCommands;
  const commands = sent > 0 ? `, ${sent} administration commands in all` : '';
  const summary =
    became === null
      ? `the driver makes ${counted(made)}, the MSI-X table's not counted`
      : `${made.io} port accesses of the guest's driver become ${counted(became)} of the host${commands}`;
  const table = accessTable(bringUp, driver!.name, width);
  const first = accessTable(firstRequest, driver!.name, width);
  const pushes = table.some((line) => / W /.test(` ${line}`));
  const legend = [
    `Values are hexadecimal. r: read, w: write${pushes ? ', W: a write, pushed to the device by a read of deviceStatus' : ''}.`,
    `Configuration and MSI-X table accesses are shown only where they lead to something${behind === undefined ? '' : ' in the host'}.`,
    ...(table.some((line) => line.trimStart().startsWith(BEHIND))
      ? [`${BEHIND}: what the host does because of it.`]
      : []),
  ];
  return [
    `${style('bold', `Bring-up in ${time(result.bringUp.ms)}:`)} ${summary}`,
    ...legend.map((line) => INDENT + line),
    ...table.map((line) => INDENT + line),
    style('bold', `${result.first}, with the interrupts that it brings`),
    ...first.map((line) => INDENT + line),
    '',
  ];
}

function countLines({ stages }: DemoResult): string[] {
  const counts = columns([
    ['', 'ports', 'memory', 'configuration', 'interrupts'],
    ...stages.map(({ name, counts: { io, memory, config, interrupts } }) => [
      name,
      ...[io, memory, config, interrupts].map(String),
    ]),
  ]);
  return [style('bold', 'Accesses and interrupts of the whole run'), ...counts.map((line) => `  ${line}`)];
}

/** Every fact on a line, what went wrong in red, its details under it. */
function factLines({ facts }: DemoResult): string[] {
  const width = Math.max(...facts.map(({ what }) => what.length));
  return facts.flatMap(({ what, result, good, details = [] }) => {
    const indent = ' '.repeat(width + 2);
    const lines = [`${result}`, ...details].map((line) => (good ? line : style('red', line)));
    if (!good) lines[0] += style('red', ': not as it should be');
    return lines.map((line, i) => `${i === 0 ? style('bold', what.padEnd(width + 2)) : indent}${line}`);
  });
}

function findingLines({ findings }: DemoResult): string[] {
  if (findings.length === 0) return [];
  return [style('red', `Broken clauses: ${findings.length}`), ...findings.map(formatFinding), ''];
}

/** The demonstration's screen, in lines of at most `width` columns. */
export function demoLines(result: DemoResult, width = Infinity): string[] {
  const { device, window, subject } = result;
  const about = subject === null ? '' : `, ${subject}`;
  const lines = [
    `${style('bold', `Device ${device}, window ${window}`)}${about}`,
    '',
    ...functionLines(result),
    ...bringUpLines(result, decodeDemo(result), width),
    ...factLines(result),
    '',
    ...findingLines(result),
    ...(result.watched === null ? [] : [...watchLines(result.watched), '']),
    ...countLines(result),
  ];
  return fold(lines, width);
}

function stepJson({ machine, event, access, children }: Step): object {
  return {
    machine,
    ...event,
    ...(access === null ? {} : { decoded: access }),
    children: children.map(stepJson),
  };
}

/** Everything of a demonstration as plain data. */
export function demoJson(result: DemoResult): object {
  const { device, window, subject, stages, facts, findings, good } = result;
  const { bringUp, firstRequest } = decodeDemo(result);
  return {
    device,
    window,
    subject,
    functions: stages.map(({ name, description }) => ({ machine: name, ...functionJson(description) })),
    bringUp: {
      ms: result.bringUp.ms,
      adminCommands: result.bringUp.adminCommands,
      accesses: Object.fromEntries(stages.map(({ name }) => [name, tally(bringUp, name)])),
      trace: bringUp.map(stepJson),
    },
    firstRequest: { trace: firstRequest.map(stepJson) },
    facts: facts.map(({ what, result, good, data = {} }) => ({ what, result, good, ...data })),
    counts: Object.fromEntries(stages.map(({ name, counts }) => [name, counts])),
    findings,
    ...(result.watched === null ? {} : { watch: result.watched }),
    good,
  };
}
