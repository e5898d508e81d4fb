import {
  type AccessEvent,
  type FunctionAddress,
  functionAddress,
  maskOf,
  VirtiolabError,
  type Width,
} from '../core/index.ts';
import { configPorts } from '../pci/layout/index.ts';
import { type AccessPlace, configTarget, placeAt } from './places.ts';

/** A text that is no trace, or one that is broken; nothing of it is used. */
export class TraceError extends VirtiolabError {
  /** Where it is broken, from 1 on; 0 for the text as a whole. */
  readonly line: number;

  constructor(line: number, what: string) {
    super(line === 0 ? what : `line ${line}: ${what}`);
    this.line = line;
  }
}

/** Who wrote a trace. */
export type TraceFormat = 'json-lines' | 'qemu' | 'mmiotrace';

/** An access as a trace of another program has it. */
export interface ForeignAccess {
  readonly space: 'config' | 'io' | 'memory';
  readonly operation: 'read' | 'write';
  /** Port, memory address, or offset in configuration space. */
  readonly address: number;
  readonly width: Width;
  readonly value: number;
  /** Configuration accesses: whose space it is. */
  readonly fn: FunctionAddress | null;
  /** Line of the text, from 1 on. */
  readonly line: number;
}

type Parsed = Omit<ForeignAccess, 'line'>;

/** Reads one line. @returns null for one that is about something else. @throws Broken */
type LineReader = (line: string) => Parsed | null;

/** Thrown inside this file only, and given its line. */
class Broken extends Error {}

const broken = (what: string): never => {
  throw new Broken(what);
};

function widthOf(value: unknown): Width {
  return value === 1 || value === 2 || value === 4 ? value : broken(`width ${value}; wants 1, 2 or 4`);
}

function numberOf(name: string, value: unknown, most: number): number {
  const number = typeof value === 'string' && /^0x[0-9a-f]+$/i.test(value) ? Number(value) : value;
  if (typeof number === 'number' && Number.isInteger(number) && number >= 0 && number <= most) return number;
  return broken(`${name} ${JSON.stringify(value)}; wants a whole number from 0 to 0x${most.toString(16)}`);
}

function oneOf<const T extends string>(name: string, value: unknown, names: readonly T[]): T {
  return (
    names.find((each) => each === value) ??
    broken(`${name} ${JSON.stringify(value)}; wants ${names.join(', ')}`)
  );
}

const FUNCTION = /^(?:0000:)?([0-9a-f]{2}):([01][0-9a-f])\.([0-7])$/i;

function functionOf(value: unknown): FunctionAddress {
  const [, bus, device, fn] = FUNCTION.exec(String(value)) ?? [];
  if (bus === undefined) return broken(`function ${JSON.stringify(value)}; wants a place such as 00:04.0`);
  return functionAddress(Number.parseInt(bus, 16), Number.parseInt(device!, 16), Number(fn));
}

/** One JSON object a line: docs/traces.md has its members. */
const jsonLines = (): LineReader => (line) => {
  let object: Record<string, unknown>;
  try {
    object = JSON.parse(line);
  } catch {
    return broken('is no JSON object: it is cut, or of another kind');
  }
  if (typeof object !== 'object' || object === null || Array.isArray(object)) broken('is no JSON object');
  const space = oneOf('space', object['space'], ['config', 'io', 'memory']);
  const width = widthOf(object['width']);
  const most = { config: 4095, io: 0xffff, memory: Number.MAX_SAFE_INTEGER }[space];
  return {
    space,
    operation: oneOf('operation', object['operation'], ['read', 'write']),
    address: numberOf('address', object['address'], most),
    width,
    value: numberOf('value', object['value'], maskOf(width)),
    fn: space === 'config' ? functionOf(object['function']) : null,
  };
};

const QEMU_EVENT = /\bmemory_region_ops_(?:read|write)\b/;
const QEMU_LINE =
  /\bmemory_region_ops_(read|write) cpu -?\d+ mr \S+ addr 0x([0-9a-f]+) value 0x([0-9a-f]+) size (\d+)(?: name '[^']*')?\s*$/;
const IO_END = 0x10000;

/**
 * QEMU's log of `-trace memory_region_ops_*`: addresses below 64 KiB are ports, as its RAM is not traced. The two
 * configuration ports become accesses to configuration space.
 */
function qemu(): LineReader {
  let selected = 0;
  return (line) => {
    if (!QEMU_EVENT.test(line)) return null;
    const [, operation, at, bits, size] = QEMU_LINE.exec(line) ?? [];
    if (operation === undefined) return broken('is no whole access of QEMU: it is cut');
    const bytes = Number(size);
    // Eight bytes are no access of a device driver's.
    if (bytes === 8) return null;
    const width = widthOf(bytes);
    const address = Number.parseInt(at!, 16);
    const value = (Number.parseInt(bits!.slice(-8), 16) & maskOf(width)) >>> 0;
    const access = { operation: operation as 'read' | 'write', width, value };
    if (address === configPorts.address && width === 4) {
      if (operation === 'write') selected = value;
      return null;
    }
    if (address >= configPorts.data && address < configPorts.data + 4) {
      if ((selected & configPorts.enable) === 0) return null;
      const offset = (selected & 0xfc) + (address - configPorts.data);
      return { ...access, space: 'config', address: offset, fn: (selected >>> 8) & 0xffff };
    }
    return { ...access, space: address < IO_END ? 'io' : 'memory', address, fn: null };
  };
}

/** Words of a line of mmiotrace that begins so; others are passed over. */
const MMIOTRACE_WORDS = 8;

/** Linux's mmiotrace: `R width time map address value pc pid`, and `W` alike. */
const mmiotrace = (): LineReader => (line) => {
  const [kind, width, , , address, value, ...rest] = line.trim().split(/\s+/);
  if (kind !== 'R' && kind !== 'W') return null;
  if (rest.length < MMIOTRACE_WORDS - 6) broken('is no whole access of mmiotrace: it is cut');
  const bytes = widthOf(Number(width));
  return {
    space: 'memory',
    operation: kind === 'R' ? 'read' : 'write',
    address: numberOf('address', address, Number.MAX_SAFE_INTEGER),
    width: bytes,
    value: numberOf('value', value, maskOf(bytes)),
    fn: null,
  };
};

const formats: Readonly<Record<TraceFormat, { readonly sign: RegExp; reader(): LineReader }>> = {
  'json-lines': { sign: /^\s*\{/, reader: jsonLines },
  qemu: { sign: /^.*\bmemory_region_ops_(?:read|write)\b/m, reader: qemu },
  mmiotrace: { sign: /^(?:VERSION \d+|(?:PCIDEV|MAP|MARK|R|W) )/, reader: mmiotrace },
};

/** Control characters that no text has. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const BINARY = /[\x00-\x08\x0e-\x1a]/;

/**
 * Reads a trace of another program, or JSON lines; who wrote it is seen in it.
 * @throws TraceError for a text that is none, is broken, or has no access in it.
 */
export function readTrace(text: string): {
  readonly format: TraceFormat;
  readonly accesses: ForeignAccess[];
} {
  if (text.trim() === '') throw new TraceError(0, 'it is empty');
  if (BINARY.test(text)) throw new TraceError(0, 'it is no text');
  const names = Object.keys(formats) as TraceFormat[];
  const format = names.find((name) => formats[name].sign.test(text));
  if (format === undefined)
    throw new TraceError(
      0,
      "it is no trace: wants JSON lines, a log of QEMU's memory_region_ops events, or Linux's mmiotrace",
    );
  const read = formats[format].reader();
  const accesses: ForeignAccess[] = [];
  for (const [i, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue;
    try {
      const access = read(line);
      if (access !== null) accesses.push({ ...access, line: i + 1 });
    } catch (error) {
      if (error instanceof Broken) throw new TraceError(i + 1, error.message);
      throw error;
    }
  }
  if (accesses.length === 0) throw new TraceError(0, 'there is no access in it');
  return { format, accesses };
}

/** The access as an event of a bus would tell it. @param places what stands where, if that is known. */
export function eventOf(access: ForeignAccess, places: readonly AccessPlace[]): AccessEvent {
  const { space, operation, address, width, value, fn } = access;
  const where =
    space === 'config' ? { target: configTarget(fn!), offset: address } : placeAt(places, space, address);
  return { kind: 'access', space, operation, address, width, value, ...where, posted: false };
}
