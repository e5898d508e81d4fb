import { type FunctionAddress, functionAddress, VirtiolabError } from '../core/index.ts';
import { ConfigImage } from '../driver/index.ts';
import { EXTENDED_BYTES } from '../pci/layout/index.ts';

/** A function of a dump: where it was, what the line with its place said, and its configuration space as far as it is there. */
export interface DumpedFunction {
  /** As `0000:00:04.0`, the segment left out where it is 0. */
  readonly slot: string;
  readonly segment: number;
  /** Within its segment. */
  readonly address: FunctionAddress;
  readonly title: string;
  readonly image: ConfigImage;
  /** Line of the text where it begins, from 1 on. */
  readonly line: number;
}

/** A text that is no dump of configuration spaces, or a broken one; nothing of it is used. */
export class DumpError extends VirtiolabError {
  /** Where it is broken, from 1 on; 0 for the text as a whole. */
  readonly line: number;

  constructor(line: number, what: string) {
    super(line === 0 ? what : `line ${line}: ${what}`);
    this.line = line;
  }
}

/** `bus:device.function`, with or without a segment before it, alone or before a title. */
const SLOT = /^(?:([0-9a-f]{4,8}):)?([0-9a-f]{2}):([01][0-9a-f])\.([0-7])(?=\s|$)\s*(.*)$/i;
/** An offset, and what is to be bytes. */
const BYTES = /^([0-9a-f]{2,3}):(.*)$/i;
const BYTE = /^[0-9a-f]{2}$/i;
const LINE_BYTES = 16;
/** What a line may show of itself in a message. */
const SHOWN = 40;

const shown = (text: string) =>
  JSON.stringify(text.length > SHOWN ? `${text.slice(0, SHOWN)}...` : text).replace(/\\u[0-9a-f]{4}/gi, '.');

/** Lines without their ends, one at a time: a dump may be long. */
function* linesOf(text: string): Generator<string> {
  for (let start = text.startsWith('\ufeff') ? 1 : 0; start < text.length; ) {
    const end = text.indexOf('\n', start);
    const line = text.slice(start, end < 0 ? text.length : end);
    yield line.endsWith('\r') ? line.slice(0, -1) : line;
    if (end < 0) return;
    start = end + 1;
  }
}

/** Puts the bytes of a line into an image. @throws DumpError for what is no bytes, or bytes that were there already. */
function takeBytes(image: ConfigImage, line: number, offset: number, text: string): void {
  const words = text.trim().split(/\s+/);
  const wrong = words.find((word) => !BYTE.test(word));
  if (wrong !== undefined)
    throw new DumpError(line, `${shown(wrong)} is no byte: the line is cut, or not of a dump`);
  if (words.length > LINE_BYTES)
    throw new DumpError(line, `has ${words.length} bytes, more than ${LINE_BYTES}`);
  if (offset + words.length > EXTENDED_BYTES)
    throw new DumpError(line, `goes beyond the ${EXTENDED_BYTES} bytes of configuration space`);
  for (const [i, word] of words.entries()) {
    if (image.knows(offset + i))
      throw new DumpError(line, `has the byte at 0x${(offset + i).toString(16)} for the second time`);
    image.set(offset + i, Number.parseInt(word, 16));
  }
}

/**
 * Reads what `lspci` prints with `-x`, `-xxx` or `-xxxx`, with lines of `-v` between them or not: a line with the function's
 * place, then lines of up to 16 bytes, each with its offset. Lines of any other form are passed over.
 * @throws DumpError where there is no function, one without bytes, one twice, or a line of bytes that is broken.
 */
export function readDump(text: string): DumpedFunction[] {
  const functions = new Map<string, DumpedFunction>();
  let current: DumpedFunction | null = null;
  let line = 0;
  for (const content of linesOf(text)) {
    line++;
    const slot = SLOT.exec(content);
    if (slot !== null) {
      current = begin(slot, line, functions);
      continue;
    }
    const [, at, bytes] = BYTES.exec(content) ?? [];
    if (at !== undefined) {
      if (current === null) throw new DumpError(line, 'has bytes, and there is no function before it');
      takeBytes(current.image, line, Number.parseInt(at, 16), bytes!);
    } else if (content.trim() === '') current = null;
  }
  if (functions.size === 0)
    throw new DumpError(0, 'there is no function in it: wants what lspci -xxxx prints');
  for (const { slot, image, line: begun } of functions.values())
    if (image.length === 0)
      throw new DumpError(
        begun,
        `function ${slot} has no bytes from the start on: wants what lspci -x, -xxx or -xxxx prints`,
      );
  return [...functions.values()];
}

function begin(slot: RegExpExecArray, line: number, functions: Map<string, DumpedFunction>): DumpedFunction {
  const [, segment = '', bus = '', device = '', fn = '', title = ''] = slot;
  const domain = /^0*$/.test(segment) ? '' : `${segment.toLowerCase()}:`;
  const name = `${domain}${bus.toLowerCase()}:${device.toLowerCase()}.${fn}`;
  const first = functions.get(name);
  if (first !== undefined)
    throw new DumpError(line, `function ${name} once more, which was at line ${first.line}`);
  const made = {
    slot: name,
    segment: Number.parseInt(segment || '0', 16),
    address: functionAddress(Number.parseInt(bus, 16), Number.parseInt(device, 16), Number(fn)),
    title,
    image: new ConfigImage(),
    line,
  };
  functions.set(name, made);
  return made;
}
