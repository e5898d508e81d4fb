import type { Register, RegisterMap, Width } from '../../core/index.ts';
import {
  adminCommand,
  adminOpcode,
  BALLOON_PAGE_BYTES,
  BLOCK_BARRIER,
  blockRequest,
  blockRequestType,
  blockZoneRequestType,
  consoleControl,
  consoleEvent,
  feature,
  hasFeature,
  NETWORK_HEADER_BYTES,
  networkControl,
  networkControlClass,
  networkFeature,
  PAGE_NUMBER_BYTES,
  p9Header,
  p9Messages,
  rtcRequests,
  SCSI_COMMAND_HEADER_BYTES,
  SECTOR_BYTES,
  SHORT_NETWORK_HEADER_BYTES,
  scsiAddress,
  scsiCommands,
  scsiControl,
  scsiControlType,
  vsockHeader,
  vsockOperation,
} from '../../virtio/layout/index.ts';
import type { SeenBuffer } from './chain.ts';
import type { RamReader } from './ram.ts';
import type { QueueRole } from './roles.ts';

/** What the decoding of a request goes by. */
export interface RequestContext {
  readonly type: string;
  readonly role: QueueRole;
  readonly accepted: ArrayLike<number>;
}

/** Bytes of a request that are looked at. */
const MOST = 128;
const hex = (value: number) => `0x${value.toString(16)}`;

/** A request's readable part, as far as it is looked at, and how long both parts are. */
class Request {
  readonly #view: DataView;
  readonly bytes: Uint8Array;
  readonly littleEndian: boolean;
  readonly outBytes: number;
  readonly inBytes: number;

  constructor(ram: RamReader, buffers: readonly SeenBuffer[]) {
    const total = (writable: boolean) =>
      buffers.reduce((sum, each) => (each.writable === writable ? sum + each.length : sum), 0);
    this.outBytes = total(false);
    this.inBytes = total(true);
    this.littleEndian = ram.littleEndian;
    const parts = buffers
      .filter(({ writable, length }) => !writable && length > 0)
      .map(({ address, length }) => [...(ram.bytes(address, length, MOST) ?? [])]);
    this.bytes = Uint8Array.from(parts.flat().slice(0, MOST));
    this.#view = new DataView(this.bytes.buffer);
  }

  has(end: number): boolean {
    return this.bytes.length >= end;
  }

  /** A field of a structure that begins at byte 0; 64 bits are two halves. NaN where the request is too short. */
  field({ offset, width }: Register, littleEndian = this.littleEndian): number {
    if (!this.has(offset + width)) return Number.NaN;
    if (width === 8) {
      const [low, high] = littleEndian ? [0, 4] : [4, 0];
      const half = (at: number) => this.#view.getUint32(offset + at, littleEndian);
      return half(high) * 2 ** 32 + half(low);
    }
    const read = { 1: 'getUint8', 2: 'getUint16', 4: 'getUint32' } as const;
    return this.#view[read[width as Width]](offset, littleEndian);
  }

  holds(map: RegisterMap): boolean {
    return Object.values(map).every(({ offset, width, count }) => this.has(offset + width * count));
  }
}

const keyOf = (table: Readonly<Record<string, number>>, value: number) =>
  Object.entries(table).find(([, each]) => each === value)?.[0] ?? hex(value);

const short = (what: string, { outBytes }: Request) => `${what} of ${outBytes} bytes: too short`;

function block(request: Request): string {
  if (!request.holds(blockRequest)) return short('a block request', request);
  const type = request.field(blockRequest.type);
  const [low, high] = request.littleEndian
    ? [blockRequest.sectorLow, blockRequest.sectorHigh]
    : [blockRequest.sectorHigh, blockRequest.sectorLow];
  const sector = request.field(high) * 2 ** 32 + request.field(low);
  const plain = (type & ~BLOCK_BARRIER) >>> 0;
  const barrier = plain === type ? '' : ', with a barrier';
  const header = blockRequest.sectorHigh.offset + blockRequest.sectorHigh.width;
  const sectors = (bytes: number) => {
    const count = bytes / SECTOR_BYTES;
    return Number.isInteger(count) ? `${count} sector${count === 1 ? '' : 's'}` : `${bytes} bytes`;
  };
  if (plain === blockRequestType.in)
    return `read sector ${sector}, ${sectors(request.inBytes - 1)}${barrier}`;
  if (plain === blockRequestType.out)
    return `write sector ${sector}, ${sectors(request.outBytes - header)}${barrier}`;
  return `${keyOf({ ...blockRequestType, ...blockZoneRequestType }, plain)}${barrier}`;
}

const mac = (bytes: Uint8Array, at: number) =>
  [...bytes.subarray(at, at + 6)].map((byte) => byte.toString(16).padStart(2, '0')).join(':');

function network(request: Request, { role, accepted }: RequestContext): string {
  if (role.name === 'control') {
    if (!request.holds(networkControl)) return short('a control command', request);
    const kind = keyOf(networkControlClass, request.field(networkControl.class));
    return `control: class ${kind}, command ${request.field(networkControl.command)}`;
  }
  const long =
    hasFeature(accepted, feature.version1) || hasFeature(accepted, networkFeature.mergeableBuffers);
  const header = long ? NETWORK_HEADER_BYTES : SHORT_NETWORK_HEADER_BYTES;
  if (role.opens === 'writable') return `room for a frame of ${Math.max(0, request.inBytes - header)} bytes`;
  if (!request.has(header + 14)) return short('a frame', request);
  const at = header + 12;
  const etherType = request.bytes[at]! * 256 + request.bytes[at + 1]!;
  return `frame of ${request.outBytes - header} bytes to ${mac(request.bytes, header)}, type ${hex(etherType)}`;
}

/** Printable characters as they are. */
const text = (bytes: Uint8Array) =>
  JSON.stringify(String.fromCharCode(...bytes.map((byte) => (byte > 126 ? 46 : byte))));

function console(request: Request, { role }: RequestContext): string {
  if (role.opens === 'writable') return `room for ${request.inBytes} bytes`;
  if (!role.name.startsWith('control')) {
    const shown = text(request.bytes.subarray(0, 32));
    return `${request.outBytes} bytes of output: ${shown}${request.outBytes > 32 ? ' ...' : ''}`;
  }
  if (!request.holds(consoleControl)) return short('a control message', request);
  const event = keyOf(consoleEvent, request.field(consoleControl.event));
  return `${event} of port ${request.field(consoleControl.port)}, value ${request.field(consoleControl.value)}`;
}

function balloon(request: Request, { role }: RequestContext): string {
  const pages = Math.floor(request.outBytes / PAGE_NUMBER_BYTES);
  if (role.name === 'statistics') return `${request.outBytes} bytes of statistics`;
  if (role.name !== 'inflate' && role.name !== 'deflate')
    return `${request.outBytes} bytes out, ${request.inBytes} in`;
  if (!request.has(PAGE_NUMBER_BYTES)) return short('page numbers', request);
  const view = new DataView(request.bytes.buffer);
  const first = view.getUint32(0, request.littleEndian) * BALLOON_PAGE_BYTES;
  return `${role.name} ${pages} page${pages === 1 ? '' : 's'}, the first at ${hex(first)}`;
}

function scsi(request: Request, { role }: RequestContext): string {
  if (role.name === 'event') return `room for an event, ${request.inBytes} bytes`;
  if (role.name === 'control') {
    if (!request.holds(scsiControl)) return short('a control request', request);
    return keyOf(scsiControlType, request.field(scsiControl.type));
  }
  if (!request.has(SCSI_COMMAND_HEADER_BYTES + 1)) return short('a SCSI command', request);
  const opcode = request.bytes[SCSI_COMMAND_HEADER_BYTES]!;
  const name = Object.entries(scsiCommands).find(([, each]) => each.opcode === opcode)?.[0] ?? hex(opcode);
  return `${name} to target ${request.bytes[scsiAddress.target.offset]}, ${request.inBytes} bytes back`;
}

function p9(request: Request): string {
  if (!request.has(p9Header.bytes)) return short('a 9P message', request);
  const type = request.bytes[p9Header.type]!;
  const name = Object.entries(p9Messages).find(([, each]) => each.type === type)?.[0] ?? `type ${type}`;
  const tag = request.bytes[p9Header.tag]! + 256 * request.bytes[p9Header.tag + 1]!;
  return `${name}, tag ${tag}`;
}

function rtc(request: Request, { role }: RequestContext): string {
  if (role.opens === 'writable') return `room for an alarm, ${request.inBytes} bytes`;
  const message = request.field(rtcRequests.config.request['messageType']!, true);
  if (Number.isNaN(message)) return short('a request', request);
  return Object.entries(rtcRequests).find(([, each]) => each.message === message)?.[0] ?? hex(message);
}

function vsock(request: Request, { role }: RequestContext): string {
  if (role.opens === 'writable') return `room for ${request.inBytes} bytes`;
  if (!request.holds(vsockHeader)) return short('a packet', request);
  const get = (name: keyof typeof vsockHeader) => request.field(vsockHeader[name], true);
  const from = `${get('sourceCid')}:${get('sourcePort')}`;
  const to = `${get('destinationCid')}:${get('destinationPort')}`;
  return `${keyOf(vsockOperation, get('operation'))} from ${from} to ${to}, ${get('length')} bytes`;
}

function administration(request: Request): string {
  if (!request.holds(adminCommand)) return short('an administration command', request);
  const get = (name: 'opcode' | 'groupType' | 'memberId') => request.field(adminCommand[name], true);
  return `${keyOf(adminOpcode, get('opcode'))}, group ${get('groupType')}, member ${get('memberId')}`;
}

const decoders: Readonly<Record<string, (request: Request, context: RequestContext) => string>> = {
  block,
  network,
  console,
  entropy: ({ inBytes }) => `${inBytes} random bytes`,
  balloon,
  scsi,
  p9,
  rtc,
  vsock,
};

/** A chain in its device type's words; '' where nobody knows those. */
export function describeRequest(
  ram: RamReader,
  buffers: readonly SeenBuffer[],
  context: RequestContext,
): string {
  const request = new Request(ram, buffers);
  if (context.role.name === 'administration') return administration(request);
  return decoders[context.type]?.(request, context) ?? '';
}
