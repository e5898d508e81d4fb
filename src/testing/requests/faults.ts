import { maskOf } from '../../core/index.ts';
import { putField, type RequestBuffer, type RequestChain, readableBuffer, writableBuffer } from './chain.ts';

/** One thing that is wrong with a request. Numbers count around, so that a fault fits whatever request it meets. */
export type RequestFault =
  /** A field of a structure, reserved ones among them, has another value. */
  | { readonly fault: 'field'; readonly which: number; readonly value: number }
  /** A readable byte has another value. */
  | { readonly fault: 'byte'; readonly at: number; readonly value: number }
  /** No more readable bytes than so many, or so many more. */
  | { readonly fault: 'truncated' | 'extended'; readonly bytes: number }
  /** The device has room for so many bytes. */
  | { readonly fault: 'room'; readonly bytes: number }
  /** Writable buffers come first. */
  | { readonly fault: 'order' }
  /** A readable buffer is writable, or the other way round. */
  | { readonly fault: 'direction'; readonly which: number }
  /** A buffer claims to be so long, whatever there is. */
  | { readonly fault: 'claim'; readonly which: number; readonly bytes: number }
  | { readonly fault: 'queue'; readonly queue: number };

/** Bytes that a device may write. */
const roomOf = ({ buffers }: RequestChain) =>
  buffers.reduce((sum, each) => (each.writable ? sum + each.length : sum), 0);

/** What the readable buffers hold, one behind the other: not what they claim. */
const contentBytes = ({ buffers }: RequestChain) =>
  buffers.reduce((sum, each) => (each.writable ? sum : sum + each.content.length), 0);

/** What the readable buffers hold goes through a change. */
function changed(chain: RequestChain, change: (bytes: Uint8Array) => void): RequestChain {
  const whole = new Uint8Array(contentBytes(chain));
  let at = 0;
  for (const { content, writable } of chain.buffers) {
    if (writable) continue;
    whole.set(content, at);
    at += content.length;
  }
  change(whole);
  at = 0;
  const buffers = chain.buffers.map((buffer) => {
    if (buffer.writable) return buffer;
    const from = at;
    at += buffer.content.length;
    return { ...buffer, content: whole.slice(from, at) };
  });
  return { ...chain, buffers };
}

/** The first `bytes` bytes of the buffers of one direction. */
function firstBytes(buffers: readonly RequestBuffer[], bytes: number): RequestBuffer[] {
  const kept: RequestBuffer[] = [];
  let left = bytes;
  for (const buffer of buffers) {
    const length = Math.min(left, buffer.length);
    left -= length;
    if (length > 0) kept.push({ ...buffer, length, content: buffer.content.slice(0, length) });
  }
  return kept;
}

const parted = ({ buffers }: RequestChain) =>
  [false, true].map((way) => buffers.filter(({ writable }) => writable === way)) as [
    RequestBuffer[],
    RequestBuffer[],
  ];

function replaced(
  chain: RequestChain,
  which: number,
  change: (buffer: RequestBuffer) => RequestBuffer,
): RequestChain {
  const at = which % chain.buffers.length;
  return { ...chain, buffers: chain.buffers.map((buffer, i) => (i === at ? change(buffer) : buffer)) };
}

/** Puts one thing wrong. A fault that finds nothing to spoil changes nothing. */
export function spoil(chain: RequestChain, fault: RequestFault): RequestChain {
  const [readable, writable] = parted(chain);
  const bytes = contentBytes(chain);
  if (chain.buffers.length === 0) return fault.fault === 'queue' ? { ...chain, queue: fault.queue } : chain;
  switch (fault.fault) {
    case 'field': {
      const field = chain.fields[fault.which % Math.max(1, chain.fields.length)];
      // What was cut off has no fields any more.
      if (field === undefined || field.offset + field.width > bytes) return chain;
      return changed(chain, (whole) => putField(whole, field, fault.value));
    }
    case 'byte':
      return changed(chain, (whole) => {
        if (bytes > 0) whole[fault.at % bytes] = fault.value;
      });
    case 'truncated':
      return { ...chain, buffers: [...firstBytes(readable, fault.bytes), ...writable] };
    case 'extended':
      return { ...chain, buffers: [...readable, readableBuffer(new Uint8Array(fault.bytes)), ...writable] };
    case 'room': {
      const more = fault.bytes - roomOf(chain);
      const room = more > 0 ? [...writable, writableBuffer(more)] : firstBytes(writable, fault.bytes);
      return { ...chain, buffers: [...readable, ...room] };
    }
    case 'order':
      return { ...chain, buffers: [...writable, ...readable] };
    case 'direction':
      return replaced(chain, fault.which, (buffer) => ({ ...buffer, writable: !buffer.writable }));
    case 'claim':
      return replaced(chain, fault.which, (buffer) => ({ ...buffer, length: fault.bytes }));
    default:
      return { ...chain, queue: fault.queue };
  }
}

const sameBuffer = (a: RequestBuffer, b: RequestBuffer) =>
  a.length === b.length &&
  a.writable === b.writable &&
  a.content.length === b.content.length &&
  a.content.every((byte, i) => byte === b.content[i]);

/** The device could not tell one from the other. */
export const sameChain = (a: RequestChain, b: RequestChain) =>
  a.queue === b.queue &&
  a.buffers.length === b.buffers.length &&
  a.buffers.every((buffer, i) => sameBuffer(buffer, b.buffers[i]!));

const hex = (value: number) => `0x${value.toString(16)}`;

/** As one reads it: `type = 0xffffffff`, `truncated to 5 bytes`, `no room`, `buffer 0 claims 0xffffffff bytes`. */
export function formatFault(fault: RequestFault, { fields, buffers }: RequestChain): string {
  switch (fault.fault) {
    case 'field': {
      const field = fields[fault.which % Math.max(1, fields.length)];
      if (field === undefined) return 'no field changed';
      return `${field.name} = ${hex((fault.value & maskOf(field.width)) >>> 0)}`;
    }
    case 'byte':
      return `byte ${fault.at} = ${hex(fault.value)}`;
    case 'truncated':
      return `truncated to ${fault.bytes} bytes`;
    case 'extended':
      return `${fault.bytes} bytes more`;
    case 'room':
      return fault.bytes === 0 ? 'no room' : `room for ${fault.bytes} bytes`;
    case 'order':
      return 'writable before readable';
    case 'direction':
      return `buffer ${fault.which % Math.max(1, buffers.length)} the other way`;
    case 'claim':
      return `buffer ${fault.which % Math.max(1, buffers.length)} claims ${hex(fault.bytes)} bytes`;
    default:
      return `to queue ${fault.queue}`;
  }
}
