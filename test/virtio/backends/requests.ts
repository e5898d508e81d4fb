import { expect } from 'vitest';
import type { Offload, Responder } from '../../../src/virtio/index.ts';
import { onesSum } from './frames.ts';

// Requests of a client to a responder, written out by hand from the RFCs; nothing of this is shared with the responder.

export const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
export const bytes = (...parts: readonly (string | readonly number[] | Uint8Array)[]) =>
  Uint8Array.from(
    parts.flatMap((part) =>
      typeof part === 'string' ? [...Buffer.from(part.replaceAll(' ', ''), 'hex')] : [...part],
    ),
  );
export const u16 = (value: number) => [value >> 8, value & 255];

export const CLIENT = '525400123456';
export const RESPONDER = '52550a000202';
export const EVERYBODY = 'ffffffffffff';
export const CLIENT_IP = '0a00020f';
export const RESPONDER_IP = '0a000202';

export const complement = (...parts: readonly Uint8Array[]) => u16(0xffff - onesSum(...parts));

export interface Ip {
  readonly source?: string;
  readonly destination?: string;
  readonly from?: string;
  readonly to?: string;
  readonly options?: string;
  readonly flags?: number;
}

export function ip(protocol: number, payload: Uint8Array, given: Ip = {}): Uint8Array {
  const {
    source = CLIENT_IP,
    destination = RESPONDER_IP,
    from = CLIENT,
    to = RESPONDER,
    options = '',
  } = given;
  const headerBytes = 20 + options.length / 2;
  const header = (sum: readonly number[]) =>
    bytes(
      [0x40 + headerBytes / 4, 0],
      u16(headerBytes + payload.length),
      [0x12, 0x34],
      u16(given.flags ?? 0x4000),
      [64, protocol],
      sum,
      source,
      destination,
      options,
    );
  return bytes(to, from, '0800', header(complement(header([0, 0]))), payload);
}

export function udp(from: number, to: number, payload: Uint8Array, given: Ip = {}): Uint8Array {
  const { source = CLIENT_IP, destination = RESPONDER_IP } = given;
  const length = u16(8 + payload.length);
  const datagram = (sum: readonly number[]) => bytes(u16(from), u16(to), length, sum, payload);
  const sum = complement(bytes(source, destination, [0, 17], length), datagram([0, 0]));
  return ip(17, datagram(sum), given);
}

export const echo = (payload: Uint8Array, given: Ip = {}, type = 8) => {
  const message = (sum: readonly number[]) => bytes([type, 0], sum, '002a0001', payload);
  return ip(1, message(complement(message([0, 0]))), given);
};

export interface Arp {
  readonly operation?: number;
  readonly sender?: string;
  readonly from?: string;
  readonly to?: string;
  readonly hardware?: string;
}

export function arp(target = RESPONDER_IP, given: Arp = {}): Uint8Array {
  const { operation = 1, sender = CLIENT_IP, from = CLIENT, to = EVERYBODY } = given;
  const hardware = given.hardware ?? from;
  return bytes(to, from, '0806 0001 0800 06 04', u16(operation), hardware, sender, '000000000000', target);
}

export interface Message {
  readonly client?: string;
  readonly current?: string;
  readonly flags?: string;
  readonly options?: string;
  readonly given?: Ip;
}

/** A client's message, RFC 2131 figure 1. */
export function message(
  type: number,
  { client = CLIENT, current = '00000000', flags = '0000', options = '', given }: Message = {},
) {
  const text = bytes(
    '01 01 06 00 3903f326 0000',
    flags,
    current,
    '00000000 00000000 00000000',
    client,
    new Uint8Array(10 + 64 + 128),
    '63825363 3501',
    [type],
    options,
    'ff',
  );
  const ip = { source: current, destination: 'ffffffff', to: EVERYBODY, from: client, ...given };
  return udp(68, 67, text, ip);
}

export const discover = (given: Message = {}) => message(1, given);
export const SERVER = `3604${RESPONDER_IP}`;
export const request = (address: string, given: Message = {}) =>
  message(3, { ...given, options: `3204${address}${given.options ?? SERVER}` });

/** Attaches a client to a responder. @returns what sends a frame, and takes the answers. */
export function clientOf(responder: Responder): (frame: Uint8Array, offload?: Offload) => Uint8Array[] {
  let answers: Uint8Array[] = [];
  responder.attach({
    macAddress: bytes(CLIENT),
    receive: (given, offset, length, offload) => {
      expect(offload).toBeNull();
      answers.push(given.slice(offset, offset + length));
      return true;
    },
  });
  return (frame, offload) => {
    answers = [];
    const room = new Uint8Array(frame.length + 6);
    room.set(frame, 3);
    responder.transmit(room, 3, frame.length, offload ?? null);
    return answers;
  };
}
