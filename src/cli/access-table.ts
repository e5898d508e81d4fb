import type { AccessEvent, InterruptEvent } from '../core/index.ts';
import type { DecodedAccess, Decoder, RecordedEvent, TraceNode } from '../trace/index.ts';
import { legacyHeader } from '../virtio/index.ts';
import { columns, hexText, wrap } from './text.ts';

/** What happened on one machine, decoded, with what it led to. */
export interface Step {
  readonly machine: string;
  readonly event: RecordedEvent;
  /** Null for interrupts and findings. */
  readonly access: DecodedAccess | null;
  readonly children: readonly Step[];
}

/** Decodes a trace in its own order, since decoding follows what was written before. */
export function decodeTrace(nodes: readonly TraceNode[], decoders: ReadonlyMap<string, Decoder>): Step[] {
  return nodes.flatMap(({ machine, event, children }) => {
    // An access that an exception cut short has no event; what it led to is shown all the same.
    if (event === null) return decodeTrace(children, decoders);
    const access = event.kind === 'access' ? (decoders.get(machine)?.decode(event) ?? null) : null;
    return [{ machine, event, access, children: decodeTrace(children, decoders) }];
  });
}

/** A step as it is shown: `pushed` for a write to the block with the read of status that pushes it. */
interface Shown {
  readonly step: Step;
  readonly pushed: boolean;
}

const isMemory = ({ event }: Step, operation: AccessEvent['operation']) =>
  event.kind === 'access' && event.space === 'memory' && event.operation === operation;

const isStatus = ({ event, access }: Step) =>
  access?.place === 'legacy' && event.kind === 'access' && event.offset === legacyHeader.deviceStatus.offset;

/** Joins each memory write to the legacy block with the read of status that follows it. */
function joinPushes(steps: readonly Step[]): Shown[] {
  const shown: Shown[] = [];
  for (const step of steps) {
    const before = shown.at(-1);
    const pushes = isMemory(step, 'read') && isStatus(step) && before?.pushed === false;
    if (pushes && isMemory(before.step, 'write') && before.step.access?.place === 'legacy')
      shown[shown.length - 1] = { step: before.step, pushed: true };
    else shown.push({ step, pushed: false });
  }
  return shown;
}

function interruptText({ signal, vector, asserted }: InterruptEvent): string {
  return signal === 'message' ? `message, vector ${vector}` : `line ${vector} ${asserted ? 'up' : 'down'}`;
}

const digits = (text: string) => text.replace(/^0x/, '');

/** A step of the driver's machine: operation, address, register, value. */
function leftCells({ step: { event, access }, pushed }: Shown): string[] {
  if (event.kind === 'interrupt') return ['irq', '', interruptText(event), ''];
  if (event.kind !== 'access' || access === null) return ['', '', '', ''];
  const names = { io: { read: 'in', write: 'out' }, memory: { read: 'r', write: pushed ? 'W' : 'w' } };
  const operation =
    event.space === 'config' ? `cfg ${event.operation[0]}` : names[event.space][event.operation];
  return [operation, hexText(event.address, 2), access.register, digits(access.value)];
}

/** A step of the machine behind: the register only where it is another one than the driver's. */
function rightText({ step: { event, access }, pushed }: Shown, register: string): string {
  if (event.kind === 'interrupt') return interruptText(event);
  if (event.kind !== 'access' || access === null) return '';
  const space = event.space === 'memory' ? '' : `${event.space === 'io' ? 'port' : 'cfg'} `;
  const name = access.register === register ? '' : ` ${access.register}`;
  return `${space}${pushed ? 'W' : event.operation[0]} ${hexText(event.address, 2)} ${digits(access.value)}${name}`;
}

/** Parts what a step led to: what other machines did because of it, and the driver's machine in turn. */
function split(step: Step): { behind: Step[]; own: Step[] } {
  const behind: Step[] = [];
  const own: Step[] = [];
  const visit = (child: Step): void => {
    if (child.machine === step.machine) own.push(child);
    else {
      behind.push(child);
      for (const further of child.children) visit(further);
    }
  };
  for (const child of step.children) visit(child);
  return { behind, own };
}

/** Configuration accesses, and those to the MSI-X table, are shown where they lead to something. */
const isRoutine = ({ event, access }: Step) =>
  event.kind === 'finding' ||
  (event.kind === 'access' && (event.space === 'config' || access?.place === 'msix-table'));

/** What the driver's machine did, and what the machine behind did because of it; each may be empty. */
interface Row {
  readonly left: readonly string[];
  readonly meaning: string;
  readonly right: string;
}

const NOTHING: readonly string[] = ['', '', '', ''];

function rowsOf(steps: readonly Step[], driver: string): Row[] {
  return joinPushes(steps).flatMap((shown): Row[] => {
    const { step } = shown;
    if (step.machine !== driver) return [{ left: NOTHING, meaning: '', right: rightText(shown, '') }];
    const { behind, own } = split(step);
    const register = step.access?.register ?? '';
    const right = joinPushes(behind).map((each) => rightText(each, register));
    const meaning = step.access?.meaning ?? '';
    const hidden = isRoutine(step) && right.length === 0;
    return [
      ...(hidden ? [] : [{ left: leftCells(shown), meaning, right: right[0] ?? '' }]),
      ...right.slice(1).map((text) => ({ left: NOTHING, meaning: '', right: text })),
      ...rowsOf(own, driver),
    ];
  });
}

/** Room for a meaning beside its value: less where the other machine's accesses stand beside it. */
const MEANING_WIDTH = { alone: 48, beside: 28 } as const;
const BELOW_WIDTH = 88;
const BELOW_INDENT = ' '.repeat(8);
/** With fewer columns the other machine's accesses stand below. */
export const BESIDE_COLUMNS = 110;
/** Before what the machine behind did, where that stands below. */
export const BEHIND = '=>';

/** Before each line, on the screen. */
export const INDENT = '  ';

/** So wide are cells side by side. */
const widthOf = (rows: readonly (readonly string[])[]): number =>
  Math.max(0, ...columns(rows.map((row) => [...row, '|'])).map((line) => line.length - 1));

/** How a table of accesses stands on a screen so wide. */
function layout(rows: readonly Row[], width: number): { beside: boolean; meaningWidth: number } {
  const room = width - INDENT.length;
  const behind = rows.some(({ right }) => right !== '');
  const most = MEANING_WIDTH[behind ? 'beside' : 'alone'];
  const whole = rows.map(({ left, meaning, right }) => [
    ...left,
    meaning.length > most ? '' : meaning,
    right,
  ]);
  if (behind && width >= BESIDE_COLUMNS && widthOf(whole) - 2 <= room)
    return { beside: true, meaningWidth: most };
  return { beside: false, meaningWidth: Math.min(most, room - widthOf(rows.map(({ left }) => left))) };
}

/**
 * A table of accesses: the driver's on the left, what each became on the machine behind on the right, or below where the
 * screen is narrow. Values are hexadecimal.
 * @param width of the screen, on which each line stands behind {@link INDENT}.
 */
export function accessTable(steps: readonly Step[], driver: string, width = Infinity): string[] {
  const rows = rowsOf(steps, driver);
  const { beside, meaningWidth } = layout(rows, width);
  const isLong = ({ meaning }: Row) => meaning.length > meaningWidth;
  const lines = columns(
    rows.map((row) => [...row.left, isLong(row) ? '' : row.meaning, ...(beside ? [row.right] : [])]),
  );
  const below = Math.min(BELOW_WIDTH, width - INDENT.length - BELOW_INDENT.length);
  return rows.flatMap((row, i) => [
    ...(lines[i] === '' ? [] : [lines[i]!]),
    ...(isLong(row) ? wrap(row.meaning, below).map((line) => BELOW_INDENT + line) : []),
    ...(beside || row.right === '' ? [] : [`${BELOW_INDENT}${BEHIND} ${row.right}`]),
  ]);
}
