import { DriverWatch, isBreach, judgeConfig } from 'virtiolab/conformance';
import { formatFinding } from 'virtiolab/core';
import {
  Decoder,
  DumpError,
  DumpedFunctions,
  describeImage,
  eventOf,
  placesOf,
  readDump,
  readTrace,
  TraceError,
} from 'virtiolab/trace';
import type { DumpedView, FileView, TracedView, TraceView } from '../desk-protocol.ts';
import { pieces } from './pieces.ts';

/** A dump of five thousand functions does not fill it. */
const MOST_DUMP_BYTES = 64 << 20;
const MOST_FUNCTIONS = 100;
const MOST_ROWS = 1000;
const MOST_REGISTERS = 40;
const MOST_FINDINGS = 100;

const hex = (value: number | null, digits = 1) =>
  value === null ? '?' : `0x${value.toString(16).padStart(digits, '0')}`;

/** Functions of a dump, read and judged. @throws DumpError */
function dumpView(text: string): DumpedView[] {
  return readDump(text)
    .slice(0, MOST_FUNCTIONS)
    .map(({ slot, title, image }) => {
      const { vendorId, deviceId, kind, device, bars, capabilities, extended } = describeImage(image);
      const ids = `${hex(vendorId, 4).slice(2)}:${hex(deviceId, 4).slice(2)}`;
      return {
        title: `${slot} ${device ?? title} [${ids}]`,
        kind: kind ?? 'no function of virtio',
        bars: bars.map((bar) => `BAR${bar.index} ${bar.kind} at ${hex(bar.address)}`),
        capabilities: [...capabilities, ...extended].map(({ name, offset }) => `${hex(offset, 2)} ${name}`),
        findings: judgeConfig(image).findings.map((finding) => ({
          level: isBreach(finding) ? 'breach' : finding.level,
          clause: finding.clause,
          message: finding.message,
        })),
      };
    });
}

/** What is behind the addresses of a trace, where a dump tells. */
class Places {
  readonly decoder = new Decoder();
  readonly places: ReturnType<typeof placesOf> = [];
  readonly watch: DriverWatch | null = null;

  /** @throws DumpError */
  constructor(dump: string) {
    if (dump.trim() === '') return;
    const functions = new DumpedFunctions(dump);
    this.places = placesOf(
      functions,
      functions.functions.map(({ address }) => address),
    );
    for (const fn of functions.functions) this.decoder.add(functions, fn);
    this.watch = new DriverWatch({ dump: functions });
  }
}

/** Reads a trace piece by piece: of a long one no more is kept than is shown. */
async function traceView(file: Blob, dump: string, told: (read: number) => void): Promise<TraceView> {
  const { decoder, places, watch } = new Places(dump);
  const rows: TracedView[] = [];
  const registers = new Map<string, { reads: number; writes: number }>();
  let [format, accesses, problem]: [string, number, string | null] = ['', 0, null];
  for await (const { text, lines, end } of pieces(file)) {
    told(end);
    try {
      const read = readTrace(text);
      format = read.format;
      for (const access of read.accesses) {
        const event = eventOf(access, places);
        const decoded = decoder.decode(event);
        watch?.sink(event);
        accesses++;
        const place = `${decoded.function} ${decoded.place}`.trim();
        const { operation } = access;
        const name = place === '' ? hex(access.address) : `${place} ${decoded.register}`;
        const count = registers.get(name) ?? { reads: 0, writes: 0 };
        count[operation === 'read' ? 'reads' : 'writes']++;
        if (registers.size < 100_000) registers.set(name, count);
        if (rows.length < MOST_ROWS)
          rows.push({
            ...{ operation, place, value: decoded.value, meaning: decoded.meaning },
            line: lines + access.line,
            register: place === '' ? '' : decoded.register,
            address: hex(access.address),
          });
      }
    } catch (error) {
      if (!(error instanceof TraceError)) throw error;
      // Between accesses a log may have other things, as long as a piece.
      if (accesses > 0 && error.line === 0) continue;
      problem =
        error.line === 0
          ? error.message
          : `line ${lines + error.line}: ${error.message.replace(/^line \d+: /, '')}`;
      break;
    }
  }
  return {
    ...{ format, accesses, rows, problem },
    registers: [...registers]
      .map(([name, count]) => ({ name, ...count }))
      .sort((a, b) => b.reads + b.writes - a.reads - a.writes)
      .slice(0, MOST_REGISTERS),
    findings: (watch?.finish().findings ?? []).slice(0, MOST_FINDINGS).map((finding) => ({
      level: finding.level,
      clause: finding.clause,
      text: formatFinding(finding),
    })),
  };
}

/**
 * A dump of configuration spaces, or a trace: which it is, is seen in it. Never throws for what a file holds.
 * @param told hears how many bytes are read
 */
export async function fileView(
  file: Blob,
  dump: string,
  told: (read: number) => void = () => {},
): Promise<FileView> {
  const problems: string[] = [];
  try {
    if (file.size <= MOST_DUMP_BYTES) return { kind: 'dump', functions: dumpView(await file.text()) };
    problems.push(`as a dump: ${file.size} bytes; at most ${MOST_DUMP_BYTES} are read`);
  } catch (error) {
    if (!(error instanceof DumpError)) throw error;
    problems.push(`as a dump: ${error.message}`);
  }
  try {
    const trace = await traceView(file, dump, told);
    if (trace.accesses > 0) return { kind: 'trace', trace };
    problems.push(`as a trace: ${trace.problem ?? 'it is empty'}`);
  } catch (error) {
    if (!(error instanceof DumpError)) throw error;
    problems.push(`the dump of the trace's machine: ${error.message}`);
  }
  return { kind: 'unread', problems };
}
