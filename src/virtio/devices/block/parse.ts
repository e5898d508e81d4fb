import { FOUR_GIB } from '../../../core/index.ts';
import { framingClause, reachClause, shapeClause, strictFraming } from '../../clauses.ts';
import type { DevicePort } from '../../device-port.ts';
import {
  BLOCK_BARRIER,
  BLOCK_ID_BYTES,
  BLOCK_REQUEST_BYTES,
  blockFeature,
  blockRequest,
  blockRequestType,
  blockStatus,
  SECTOR_BYTES,
} from '../../layout/index.ts';
import { aboutChain, type Chain } from '../../queue/chain.ts';
import type { BlockDevice } from '../block.ts';
import type { BlockRequest } from './request.ts';
import { segmentCommands } from './segments.ts';

/** What a driver may not do, and what is served all the same. */
export function checkFraming(owner: BlockDevice, chain: Chain): void {
  const { device } = owner;
  const { count, lengths } = chain;
  // LEG-BLK-15: without ANY_LAYOUT the header and the status are descriptors of their own.
  if (strictFraming(device))
    if (lengths[0] !== BLOCK_REQUEST_BYTES || lengths[count - 1] !== 1)
      device.report(
        'driver',
        'LEG-BLK-15',
        'framing that wants ANY_LAYOUT, which was not accepted',
        aboutChain(chain),
      );
  if (exceedsLimits(owner, chain))
    device.report(
      'driver',
      'BLK-OP-09',
      'more or longer buffers of data than the device takes',
      aboutChain(chain),
    );
  if (chain.queue > 0 && !device.has(blockFeature.multiQueue))
    device.report('driver', 'BF-FEAT-03', 'a request of a queue that only MQ gives', aboutChain(chain));
}

/** Whether SEG_MAX or SIZE_MAX are disregarded. Two buffers may be header and status. */
function exceedsLimits({ device, config, segmentMax }: BlockDevice, { count, lengths }: Chain): boolean {
  if (count - 2 > segmentMax && device.has(blockFeature.segmentMax)) return true;
  if (!device.has(blockFeature.sizeMax)) return false;
  const most = config.get('sizeMax');
  for (let i = 0; i < count; i++) if (lengths[i]! > most) return true;
  return false;
}

/** Fills the request in. @returns null, or the status with which it is refused. */
export function parseRequest(owner: BlockDevice, request: BlockRequest, chain: Chain): number | null {
  request.offset = request.length = 0;
  request.type = -1;
  request.command = null;
  request.barrier = false;
  const { device } = owner;
  const view = chain.header(BLOCK_REQUEST_BYTES);
  if (view === null) {
    const length = chain.readableBytes;
    return length < BLOCK_REQUEST_BYTES
      ? refuse(
          device,
          framingClause(device, 'LEG-BLK-15'),
          `a header of ${length} bytes`,
          chain,
          'length in bytes',
          length,
        )
      : refuse(device, reachClause(device), 'a header out of reach', chain);
  }
  const at = chain.headerAt;
  const little = device.littleEndian;
  let type = view.getUint32(at + blockRequest.type.offset, little);
  if (device.legacyDriver) {
    // LEG-BLK-11: the bit is no part of the type, and says nothing where BARRIER was not accepted.
    request.barrier = (type & BLOCK_BARRIER) !== 0;
    type = (type & ~BLOCK_BARRIER) >>> 0;
    if (type === blockRequestType.flushOut) type = blockRequestType.flush;
  }
  request.type = type;
  const stray = strayBytes(chain, type);
  if (stray > 0)
    device.report(
      'driver',
      shapeClause(device),
      type === blockRequestType.out ? 'writable data in a write' : 'readable data in a read',
      aboutChain(chain, 'length in bytes', stray),
    );
  const word0 = view.getUint32(at + blockRequest.sectorLow.offset, little);
  const word1 = view.getUint32(at + blockRequest.sectorHigh.offset, little);
  const sector = little ? word1 * FOUR_GIB + word0 : word0 * FOUR_GIB + word1;
  // Without a byte for the status there is none for data, which is said when the status is due.
  if (type === blockRequestType.in && chain.writableBytes > 0)
    return range(owner, request, chain, sector, chain.writableBytes - 1);
  if (type === blockRequestType.in) return blockStatus.ioError;
  if (type === blockRequestType.out) {
    const refused = range(owner, request, chain, sector, chain.readableBytes - BLOCK_REQUEST_BYTES);
    if (refused !== null || !owner.storage.readOnly) return refused;
    return refuse(device, 'BLK-OP-04', 'a write to a read-only device', chain, 'sector', sector);
  }
  if (type === blockRequestType.flush) return checkFlush(device, chain, sector);
  if (type === blockRequestType.getId) return checkId(device, chain);
  return parseSegments(owner, request, chain);
}

/** Bytes of data that are in the wrong direction for the request. */
function strayBytes(chain: Chain, type: number): number {
  if (type === blockRequestType.out) return chain.writableBytes - 1;
  const reads = type === blockRequestType.in || type === blockRequestType.getId;
  return reads ? chain.readableBytes - BLOCK_REQUEST_BYTES : 0;
}

/** Checks place and length of a data transfer. */
function range(
  owner: BlockDevice,
  request: BlockRequest,
  chain: Chain,
  sector: number,
  length: number,
): number | null {
  const { device } = owner;
  if (length % SECTOR_BYTES !== 0)
    return refuse(
      device,
      'BLK-OP-06',
      `${length} bytes of data, not a multiple of ${SECTOR_BYTES}`,
      chain,
      'length in bytes',
      length,
    );
  if (sector * SECTOR_BYTES + length > owner.reachBytes)
    return refuse(
      device,
      'BLK-OP-03',
      `sector ${sector} and ${length} bytes lie beyond the capacity`,
      chain,
      'sector',
      sector,
    );
  // Whose data are all in the wrong direction gets no OK for moving nothing: an error of the driver's.
  if (length === 0 && strayBytes(chain, request.type) > 0) return blockStatus.ioError;
  request.offset = sector * SECTOR_BYTES;
  request.length = length;
  return null;
}

function checkFlush(device: DevicePort, chain: Chain, sector: number): null {
  const data = chain.readableBytes - BLOCK_REQUEST_BYTES + Math.max(0, chain.writableBytes - 1);
  if (sector !== 0)
    device.report('driver', 'BLK-OP-05', 'a flush with a sector', aboutChain(chain, 'sector', sector));
  if (data !== 0)
    device.report('driver', 'BLK-OP-05', 'a flush with data', aboutChain(chain, 'length in bytes', data));
  return null;
}

/** Too long a buffer gets the id at its start. */
function checkId(device: DevicePort, chain: Chain): number | null {
  const bytes = chain.writableBytes - 1;
  if (bytes === BLOCK_ID_BYTES) return null;
  if (bytes < 0) return blockStatus.ioError;
  const refused = refuse(
    device,
    'BLK-OP-08',
    `an id buffer of ${bytes} bytes`,
    chain,
    'length in bytes',
    bytes,
  );
  return bytes < BLOCK_ID_BYTES ? refused : null;
}

/** Requests with a row of segments. What is of no such type either is unsupported, as is what was not offered. */
function parseSegments(owner: BlockDevice, request: BlockRequest, chain: Chain): number | null {
  const { device } = owner;
  const command = segmentCommands[request.type];
  if (command === undefined || !owner.features.includes(command.feature)) return blockStatus.unsupported;
  if (!device.has(command.feature)) {
    device.report(
      'driver',
      'BF-FEAT-03',
      'a request whose feature was not accepted',
      aboutChain(chain, 'request type', request.type),
    );
    return blockStatus.unsupported;
  }
  const capacity = owner.reachBytes / SECTOR_BYTES;
  const fault = request.segments.read(chain, command, owner.config, capacity, device);
  request.command = command;
  if (fault === null) return null;
  device.report('driver', fault.clause, fault.message, aboutChain(chain, fault.what, fault.value));
  return fault.status;
}

function refuse(
  device: DevicePort,
  clause: string,
  message: string,
  chain: Chain,
  what?: string,
  value?: number,
): number {
  device.report('driver', clause, message, aboutChain(chain, what, value));
  return blockStatus.ioError;
}
