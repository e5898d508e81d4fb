import {
  BALLOON_PAGE_BYTES,
  BLOCK_REQUEST_BYTES,
  balloonFeature,
  balloonQueue,
  blockRequest,
  blockRequestType,
  consoleQueue,
  type DeviceType,
  ETHERNET_HEADER_BYTES,
  encodeP9,
  entropyQueue,
  NETWORK_HEADER_BYTES,
  networkQueue,
  p9Queue,
  p9Version,
  RTC_HEAD_BYTES,
  rtcQueue,
  rtcRequests,
  SCSI_ADDRESS_BYTES,
  SCSI_COMMAND_HEADER_BYTES,
  SCSI_COMMAND_RESPONSE_BYTES,
  SECTOR_BYTES,
  SHORT_NETWORK_HEADER_BYTES,
  type SmallRequest,
  type SmallRequestOccasion,
  scsiQueue,
  VSOCK_HEADER_BYTES,
  VsockPacket,
  vsockOperation,
  vsockQueue,
  vsockType,
} from '../../virtio/layout/index.ts';

const exactly = (bytes: number) => [bytes, bytes] as const;

function block(): SmallRequest {
  const out = new Uint8Array(BLOCK_REQUEST_BYTES);
  new DataView(out.buffer).setUint32(blockRequest.type.offset, blockRequestType.in, true);
  const inBytes = SECTOR_BYTES + 1;
  return { queue: 0, out, inBytes, used: exactly(inBytes) };
}

/** A frame to everybody, of a protocol that nobody speaks (0x88b5: local experiments). */
function network({ modern }: SmallRequestOccasion): SmallRequest {
  const header = modern ? NETWORK_HEADER_BYTES : SHORT_NETWORK_HEADER_BYTES;
  const out = new Uint8Array(header + ETHERNET_HEADER_BYTES + 46);
  out.fill(0xff, header, header + 6);
  out.set([0x52, 0x54, 0, 0x12, 0x34, 0x56, 0x88, 0xb5], header + 6);
  return { queue: networkQueue.transmit(0), out, inBytes: 0, used: exactly(0) };
}

function balloon({ page }: SmallRequestOccasion): SmallRequest {
  const out = new Uint8Array(4);
  new DataView(out.buffer).setUint32(0, page / BALLOON_PAGE_BYTES, true);
  // BAL-FEAT-01: a device may refuse others.
  const features = [balloonFeature.mustTellHost];
  return { queue: balloonQueue.inflate, out, inBytes: 0, used: exactly(0), features };
}

/** Sizes of sense data and CDB as they are after a reset (SCSI-CFG-02). */
const SENSE_BYTES = 96;
const CDB_BYTES = 32;

/** TEST UNIT READY for target 0, unit 0. */
function scsi(): SmallRequest {
  const out = new Uint8Array(SCSI_COMMAND_HEADER_BYTES + CDB_BYTES);
  out.set([1, 0, 0x40].slice(0, SCSI_ADDRESS_BYTES));
  const inBytes = SCSI_COMMAND_RESPONSE_BYTES + SENSE_BYTES;
  return { queue: scsiQueue.request, out, inBytes, used: [SCSI_COMMAND_RESPONSE_BYTES, inBytes] };
}

function rtc(): SmallRequest {
  const out = new Uint8Array(RTC_HEAD_BYTES);
  new DataView(out.buffer).setUint16(0, rtcRequests.config.message, true);
  return { queue: rtcQueue.request, out, inBytes: 16, used: exactly(16) };
}

function vsock(): SmallRequest {
  const packet = new VsockPacket();
  packet.sourceCid = 3;
  packet.destinationCid = 2;
  packet.type = vsockType.stream;
  packet.operation = vsockOperation.reset;
  const out = new Uint8Array(VSOCK_HEADER_BYTES);
  packet.write(new DataView(out.buffer));
  return { queue: vsockQueue.transmit, out, inBytes: 0, used: exactly(0) };
}

const requests: Readonly<Record<string, (occasion: SmallRequestOccasion) => SmallRequest>> = {
  block,
  network,
  console: () => ({
    queue: consoleQueue.transmit0,
    out: new TextEncoder().encode('ok\n'),
    inBytes: 0,
    used: exactly(0),
  }),
  entropy: () => ({ queue: entropyQueue.request, out: new Uint8Array(), inBytes: 16, used: [1, 16] }),
  balloon,
  scsi,
  p9: () => ({
    queue: p9Queue.request,
    out: encodeP9('Tversion', { msize: 8192, version: p9Version.linux }),
    inBytes: 64,
    used: [7, 64],
  }),
  rtc,
  vsock,
};

/** The request for a type, as its row has it, or this suite; null where neither does. */
export const smallRequest = (type: DeviceType, occasion: SmallRequestOccasion): SmallRequest | null =>
  (type.smallRequest ?? requests[type.name])?.(occasion) ?? null;
