import type { Chain } from '../../virtio/index.ts';
import {
  BLOCK_BARRIER,
  BLOCK_REQUEST_BYTES,
  blockRequest,
  blockRequestType,
} from '../../virtio/layout/index.ts';
import type { Bounce, Crossing, RequestSides, RequestTable } from './requests.ts';
import { turn, turnField } from './turning.ts';

const { flush, flushOut } = blockRequestType;

/** A request header. Segments of those that have such are little-endian for everybody, data and status have no order. */
export const blockRequests: RequestTable = {
  bounceBytes: () => BLOCK_REQUEST_BYTES,
  outward(
    chain: Chain,
    _control: number,
    sides: RequestSides,
    { bytes, view }: Bounce,
    crossing: Crossing,
  ): void {
    const { guest, device } = sides;
    const turns = guest.little !== device.little;
    if (!turns && guest.modern === device.modern) return;
    if (!chain.read(0, bytes, 0, BLOCK_REQUEST_BYTES)) return;
    let type = view.getUint32(blockRequest.type.offset, guest.little);
    if (!guest.modern && device.modern) {
      // LEG-BLK-11, LEG-BLK-10: a barrier is none that could be asked for, and a flush has one number.
      type = (type & ~BLOCK_BARRIER) >>> 0;
      if (type === flushOut) type = flush;
    }
    view.setUint32(blockRequest.type.offset, type, device.little);
    crossing.outGuest = crossing.outDevice = BLOCK_REQUEST_BYTES;
    if (!turns) return;
    turnField(view, 0, blockRequest.reserved);
    turn(view, blockRequest.sectorLow.offset, 8);
  },
  inward: () => {},
};
