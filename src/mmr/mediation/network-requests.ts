import type { Chain } from '../../virtio/index.ts';
import {
  MAC_BYTES,
  MAC_TABLE_HEADER_BYTES,
  NETWORK_CONTROL_BYTES,
  NETWORK_HEADER_BYTES,
  networkControl,
  networkControlClass,
  networkHeader,
  networkMacCommand,
  SHORT_NETWORK_HEADER_BYTES,
} from '../../virtio/layout/index.ts';
import type { Bounce, Crossing, RequestForm, RequestSides, RequestTable } from './requests.ts';
import { turn, turnField } from './turning.ts';

/** Bytes of one command that are carried: two tables of some hundred addresses. */
const MOST_COMMAND = 4096;
const { headerLength, gsoSize, checksumStart, checksumOffset, numBuffers } = networkHeader;

const headerBytes = ({ modern, mergesBuffers }: RequestForm) =>
  modern || mergesBuffers ? NETWORK_HEADER_BYTES : SHORT_NETWORK_HEADER_BYTES;

/** The first queue of a pair receives. */
const receives = (queue: number) => queue % 2 === 0;

function turnHeader(view: DataView): void {
  turnField(view, 0, headerLength);
  turnField(view, 0, gsoSize);
  turnField(view, 0, checksumStart);
  turnField(view, 0, checksumOffset);
  turnField(view, 0, numBuffers);
}

/** Headers of frames, longer and shorter ones, and commands. */
export const networkRequests: RequestTable = {
  bounceBytes: (queue, control) => (queue === control ? MOST_COMMAND : NETWORK_HEADER_BYTES),

  outward(chain: Chain, control: number, sides: RequestSides, bounce: Bounce, crossing: Crossing): void {
    const { guest, device } = sides;
    const turns = guest.little !== device.little;
    if (chain.queue === control) {
      if (turns) turnCommand(chain, guest, bounce, crossing);
      return;
    }
    const [from, to] = [headerBytes(guest), headerBytes(device)];
    if (receives(chain.queue)) {
      crossing.inPlace = turns && from === to;
      if (from !== to) {
        crossing.inGuest = from;
        crossing.inDevice = to;
      }
      return;
    }
    if (!turns && from === to) return;
    const { bytes, view } = bounce;
    bytes.fill(0, 0, NETWORK_HEADER_BYTES);
    if (!chain.read(0, bytes, 0, from)) return;
    if (turns) turnHeader(view);
    crossing.outGuest = from;
    crossing.outDevice = to;
  },

  inward({ guest, device }: RequestSides, { view }: Bounce): void {
    if (guest.little !== device.little) turnHeader(view);
  },

  /** NET-RX-12: only the first buffer of a frame has a header. It is read before it is turned. */
  followers({ device }: RequestSides, { view }: Bounce): number {
    return device.mergesBuffers ? view.getUint16(numBuffers.offset, device.little) - 1 : 0;
  },
};

function turnCommand(chain: Chain, guest: RequestForm, { bytes, view }: Bounce, crossing: Crossing): void {
  const length = Math.min(chain.readableBytes, MOST_COMMAND);
  if (!chain.read(0, bytes, 0, length)) return;
  crossing.outGuest = crossing.outDevice = length;
  const data = NETWORK_CONTROL_BYTES;
  const { vlan, multiQueue, guestOffloads, mac } = networkControlClass;
  const kind = bytes[networkControl.class.offset]!;
  if ((kind === vlan || kind === multiQueue) && length >= data + 2) turn(view, data, 2);
  else if (kind === guestOffloads && length >= data + 8) turn(view, data, 8);
  else if (kind === mac && bytes[networkControl.command.offset] === networkMacCommand.tableSet)
    turnMacTables(view, length, guest);
}

/** Two tables, each with its length in front (LEG-NET-07). */
function turnMacTables(bounce: DataView, length: number, guest: RequestForm): void {
  let at = NETWORK_CONTROL_BYTES;
  for (let table = 0; table < 2 && at + MAC_TABLE_HEADER_BYTES <= length; table++) {
    const entries = bounce.getUint32(at, guest.little);
    turn(bounce, at, MAC_TABLE_HEADER_BYTES);
    at += MAC_TABLE_HEADER_BYTES + entries * MAC_BYTES;
  }
}
