import { maskOf, type Width } from '../../core/index.ts';
import { MOST_BLOCK_BYTES, readBlock, writeBlock } from './blocks.ts';
import type { SteppedClock } from './clock.ts';
import type { Interception } from './interception.ts';
import { type Halves, hexOf, numberOf, parseNumber, signedOf } from './numbers.ts';
import type { CpuAccesses } from './pc.ts';

/** What the commands work on. */
export interface CommandTarget {
  readonly bus: CpuAccesses;
  readonly clock: SteppedClock;
  readonly interception: Interception;
}

/** A command that QEMU would end for: it is answered, and the session goes on. */
class CommandFailure extends Error {}

const PORTS = 0x10000;

const fail = (reason: string): never => {
  throw new CommandFailure(reason);
};

/** The words of a command, the first of which is its name. */
class Words {
  readonly #words: readonly string[];

  constructor(words: readonly string[]) {
    this.#words = words;
  }

  text(nth: number): string {
    return this.#words[nth] ?? fail(`${this.#words[0]} wants more than ${nth - 1} arguments`);
  }

  /** Undefined where the command ends before. */
  maybe(nth: number): string | undefined {
    return this.#words[nth];
  }

  number(nth: number): Halves {
    const text = this.text(nth);
    return parseNumber(text) ?? fail(`${JSON.stringify(text)} is no number of 64 bits`);
  }

  port(nth: number): number {
    const port = numberOf(this.number(nth));
    return port < PORTS ? port : fail(`port ${this.text(nth)} is none of 0..0xffff`);
  }

  address(nth: number): number {
    return numberOf(this.number(nth));
  }

  length(nth: number): number {
    const length = numberOf(this.number(nth));
    return length <= MOST_BLOCK_BYTES
      ? length
      : fail(`${this.text(nth)} bytes are more than the ${MOST_BLOCK_BYTES} of one command`);
  }

  /** With a sign, of 32 bits. */
  integer(nth: number): number {
    const value = signedOf(this.number(nth));
    return value === (value | 0) ? value : fail(`${this.text(nth)} is no number of 32 bits`);
  }
}

type Command = (target: CommandTarget, words: Words) => string;

const OK = 'OK';

const outputs = (width: Width): Command => {
  return ({ bus }, words) => {
    const [port, { low }] = [words.port(1), words.number(2)];
    bus.ioWrite(port, width, (low & maskOf(width)) >>> 0);
    return OK;
  };
};

const inputs = (width: Width): Command => {
  return ({ bus }, words) => `OK 0x${bus.ioRead(words.port(1), width).toString(16).padStart(4, '0')}`;
};

const reads = (width: Width): Command => {
  return ({ bus }, words) => `OK ${hexOf({ low: bus.memoryRead(words.address(1), width), high: 0 })}`;
};

const writes = (width: Width): Command => {
  return ({ bus }, words) => {
    const [address, { low }] = [words.address(1), words.number(2)];
    bus.memoryWrite(address, width, (low & maskOf(width)) >>> 0);
    return OK;
  };
};

const hex = (block: Uint8Array) => Buffer.from(block.buffer, block.byteOffset, block.length).toString('hex');

/** A digit's value; what is no digit counts as -1, as QEMU's does. */
function nibble(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const letter = code | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x61 + 10 : -1;
}

/** Bytes after the two characters of "0x", as many as asked for; where the text ends before, 0. */
function bytesOfHex(text: string, length: number): Uint8Array {
  const block = new Uint8Array(length);
  const whole = Math.min(length, (text.length - 2) >> 1);
  for (let i = 0; i < whole; i++)
    block[i] = (nibble(text.charCodeAt(2 * i + 2)) << 4) | nibble(text.charCodeAt(2 * i + 3));
  return block;
}

/** Data shorter than this is an error of its own. */
const LEAST_DATA = 3;

const block = (decode: (text: string, length: number) => Uint8Array): Command => {
  return ({ bus }, words) => {
    const [address, length, data] = [words.address(1), words.length(2), words.text(3)];
    if (data.length < LEAST_DATA) return 'ERR invalid argument size';
    writeBlock(bus, address, decode(data, length));
    return OK;
  };
};

/** @param named inputs cannot be intercepted one by one; outputs can, and this controller has none. */
const intercepts: Command = ({ interception }, words) => {
  if (!interception.knows(words.text(1))) return 'FAIL Unknown device';
  interception.start();
  return OK;
};

/** Commands by name: the protocol of QEMU's docs/devel/testing/qtest, as far as a PC has it. */
const commands: Readonly<Record<string, Command>> = {
  outb: outputs(1),
  outw: outputs(2),
  outl: outputs(4),
  inb: inputs(1),
  inw: inputs(2),
  inl: inputs(4),
  readb: reads(1),
  readw: reads(2),
  readl: reads(4),
  readq: ({ bus }, words) => {
    const address = words.address(1);
    // In order: either may have a side effect.
    const low = bus.memoryRead(address, 4);
    return `OK ${hexOf({ low, high: bus.memoryRead(address + 4, 4) })}`;
  },
  writeb: writes(1),
  writew: writes(2),
  writel: writes(4),
  writeq: ({ bus }, words) => {
    const [address, { low, high }] = [words.address(1), words.number(2)];
    bus.memoryWrite(address, 4, low);
    bus.memoryWrite(address + 4, 4, high);
    return OK;
  },
  read: ({ bus }, words) => {
    const length = words.length(2);
    if (length === 0) fail('read wants a length of 1 at least');
    return `OK 0x${hex(readBlock(bus, words.address(1), length))}`;
  },
  write: block(bytesOfHex),
  b64read: ({ bus }, words) =>
    `OK ${Buffer.from(readBlock(bus, words.address(1), words.length(2))).toString('base64')}`,
  // Of what is too long, the beginning; what is too short leaves the rest as it is.
  b64write: block((text, length) => Buffer.from(text, 'base64').subarray(0, length)),
  memset: ({ bus }, words) => {
    const [address, length, { low }] = [words.address(1), words.length(2), words.number(3)];
    writeBlock(bus, address, new Uint8Array(length).fill(low & 0xff));
    return OK;
  },
  endianness: () => 'OK little',
  irq_intercept_in: intercepts,
  irq_intercept_out: intercepts,
  set_irq_in: ({ interception }, words) => {
    const [device, list, line, level] = [words.text(1), words.text(2), words.integer(3), words.integer(4)];
    if (!interception.knows(device)) return 'FAIL Unknown device';
    if (list !== 'unnamed-gpio-in') fail(`${device} has no inputs ${JSON.stringify(list)}`);
    return interception.hold(line, level !== 0) ? OK : fail(`${device} has no input ${line}`);
  },
  clock_step: ({ clock }, words) => {
    if (words.maybe(1) === undefined)
      return 'FAIL cannot advance clock to the next deadline because there is no pending deadline';
    const before = clock.now;
    const now = clock.advanceTo(before + signedOf(words.number(1)));
    return now > before ? `OK ${now}` : 'FAIL could not advance time';
  },
  clock_set: ({ clock }, words) => {
    const wanted = signedOf(words.number(1));
    const now = clock.advanceTo(wanted);
    return `${now === wanted ? OK : 'FAIL'} ${now}`;
  },
  // A module that is built in needs no loading, and others there are none.
  module_load: (_target, words) => {
    words.text(2);
    return 'FAIL';
  },
};

export const commandNames = Object.keys(commands);

/** Carries out one line. @returns its answer, without the line's end. */
export function answer(target: CommandTarget, line: string): string {
  const words = line.split(' ');
  const [name = ''] = words;
  if (line === '') return 'FAIL an empty line is no command';
  if (!Object.hasOwn(commands, name)) return `FAIL Unknown command '${name}'`;
  try {
    return commands[name]!(target, new Words(words));
  } catch (error) {
    if (error instanceof CommandFailure) return `FAIL ${error.message}`;
    throw error;
  }
}
