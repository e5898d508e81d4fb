import { StateEncodingError } from './errors.ts';
import { isStateMap } from './kinds.ts';
import type { State } from './state.ts';

/*
 * A state as text: JSON, `{"virtiolab": 1, "state": ...}`, in which bytes are `{"$bytes": BASE64}` and a name that begins with $ has
 * one more. As bytes: an 8-byte mark, the length of the JSON (32 bits, little-endian), that of all bytes after it, the JSON with
 * `{"$bytes": [offset, length]}`, the bytes.
 */
const FORM = 1;
const BYTES = '$bytes';
const MARK = new TextEncoder().encode('vlstate\n');
const HEAD_BYTES = MARK.length + 8;
/** No state of ours is deeper. */
const DEPTH = 128;

type Put = (bytes: Uint8Array) => State;
type Take = (put: State) => Uint8Array | null;

/** @throws StateEncodingError for what is no plain data. */
function outOf(state: State, put: Put, depth = 0): State {
  if (depth > DEPTH) throw new StateEncodingError(`deeper than ${DEPTH}`);
  if (state instanceof Uint8Array) return { [BYTES]: put(state) };
  if (Array.isArray(state)) return state.map((each: State) => outOf(each, put, depth + 1));
  if (isStateMap(state))
    return Object.fromEntries(
      Object.entries(state).map(([name, each]) => [
        name.startsWith('$') ? `$${name}` : name,
        outOf(each, put, depth + 1),
      ]),
    );
  if (typeof state === 'number' && !Number.isFinite(state))
    throw new StateEncodingError(`${state} is no number of a state`);
  if (state === undefined) throw new StateEncodingError('undefined is no value of a state');
  return state;
}

/** @throws StateEncodingError for bytes that are damaged, and for what no state of ours is as deep as. */
function into(value: State, take: Take, depth = 0): State {
  if (depth > DEPTH) throw new StateEncodingError(`deeper than ${DEPTH}`);
  if (Array.isArray(value)) return value.map((each: State) => into(each, take, depth + 1));
  if (!isStateMap(value)) return value;
  const put = value[BYTES];
  if (put !== undefined) {
    const bytes = Object.keys(value).length === 1 ? take(put) : null;
    if (bytes === null) throw new StateEncodingError('bytes are damaged');
    return bytes;
  }
  return Object.fromEntries(
    Object.entries(value).map(([name, each]) => [
      name.startsWith('$') ? name.slice(1) : name,
      into(each, take, depth + 1),
    ]),
  );
}

function parsed(text: string, take: Take): State {
  let value: State;
  try {
    value = JSON.parse(text);
  } catch {
    throw new StateEncodingError('torn, or no state');
  }
  if (!isStateMap(value) || typeof value.virtiolab !== 'number' || value.state === undefined)
    throw new StateEncodingError('no state');
  if (value.virtiolab !== FORM)
    throw new StateEncodingError(`form ${value.virtiolab}; this package reads form ${FORM}`);
  return into(value.state, take);
}

const written = (state: State, put: Put): string =>
  JSON.stringify({ virtiolab: FORM, state: outOf(state, put) });

/** @throws StateEncodingError for what is no plain data. */
export const stateToText = (state: State): string => written(state, base64);

/** @throws StateEncodingError for text that is torn, of another form, or no state. */
export const stateFromText = (text: string): State =>
  parsed(text, (put) => (typeof put === 'string' ? fromBase64(put) : null));

/** Smaller than text where there are many bytes, as memory has. @throws StateEncodingError for what is no plain data. */
export function stateToBytes(state: State): Uint8Array {
  const pieces: Uint8Array[] = [];
  let end = 0;
  const text = new TextEncoder().encode(
    written(state, (bytes) => {
      pieces.push(bytes);
      end += bytes.length;
      return [end - bytes.length, bytes.length];
    }),
  );
  const whole = new Uint8Array(HEAD_BYTES + text.length + end);
  const view = new DataView(whole.buffer);
  whole.set(MARK);
  view.setUint32(MARK.length, text.length, true);
  view.setUint32(MARK.length + 4, end, true);
  whole.set(text, HEAD_BYTES);
  let at = HEAD_BYTES + text.length;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

/** @throws StateEncodingError for bytes that are torn, of another form, or no state. */
export function stateFromBytes(whole: Uint8Array): State {
  if (whole.length < HEAD_BYTES || MARK.some((byte, i) => whole[i] !== byte))
    throw new StateEncodingError(whole.length < HEAD_BYTES ? 'torn, or no state' : 'no state');
  const view = new DataView(whole.buffer, whole.byteOffset, whole.byteLength);
  const start = HEAD_BYTES + view.getUint32(MARK.length, true);
  const length = view.getUint32(MARK.length + 4, true);
  if (whole.length !== start + length)
    throw new StateEncodingError(`torn: ${whole.length} bytes, and it says ${start + length}`);
  return parsed(new TextDecoder().decode(whole.subarray(HEAD_BYTES, start)), (put) => {
    if (!Array.isArray(put) || put.length !== 2) return null;
    const [offset, count]: readonly (State | undefined)[] = put;
    if (!isCount(offset) || !isCount(count) || offset + count > length) return null;
    return whole.slice(start + offset, start + offset + count);
  });
}

const isCount = (value: State | undefined): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0;

const DIGITS = new TextEncoder().encode('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/');
const PAD = '='.charCodeAt(0);
/** What a character stands for; 0 for one that is no digit. */
const VALUES = new Uint8Array(128);
for (const [value, digit] of DIGITS.entries()) VALUES[digit] = value;

function base64(bytes: Uint8Array): string {
  const digits = new Uint8Array(4 * Math.ceil(bytes.length / 3));
  for (let i = 0, at = 0; i < bytes.length; i += 3) {
    const three = (bytes[i]! << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0);
    digits[at++] = DIGITS[three >> 18]!;
    digits[at++] = DIGITS[(three >> 12) & 63]!;
    digits[at++] = i + 1 < bytes.length ? DIGITS[(three >> 6) & 63]! : PAD;
    digits[at++] = i + 2 < bytes.length ? DIGITS[three & 63]! : PAD;
  }
  return new TextDecoder().decode(digits);
}

/** @returns null for what is no base64. */
function fromBase64(text: string): Uint8Array | null {
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return null;
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  const digits = new TextEncoder().encode(text);
  const bytes = new Uint8Array((text.length / 4) * 3 - padding);
  for (let i = 0, at = 0; i < digits.length; i += 4) {
    let four = 0;
    for (let digit = 0; digit < 4; digit++) four = four * 64 + VALUES[digits[i + digit]!]!;
    // What stands behind the end is dropped.
    bytes[at++] = four >> 16;
    bytes[at++] = four >> 8;
    bytes[at++] = four;
  }
  return bytes;
}
