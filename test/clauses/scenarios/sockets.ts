import { BUFFERS } from '../../virtio/support/guests.ts';
import {
  CREDIT_UPDATE,
  packetBytes,
  type RawPacket,
  RawVsock,
  REQUEST,
  RW,
  SEQPACKET,
  SHUTDOWN,
} from '../../virtio/support/vsock.ts';
import { during, type Scenario, scenario } from './scenario.ts';

const OUTSIDE = 0x8000_0000;
const END = 0x100000;
const PORTS = [5000, 80] as const;

function vsock(name: string, wrong: (lab: RawVsock) => void, features?: readonly number[]): Scenario {
  return scenario(`vsock: ${name}`, () => {
    const lab = new RawVsock({ receiveBytes: 100 }, features);
    lab.host.listen(80, () => {});
    lab.connect(PORTS);
    return during(lab.guest, () => wrong(lab));
  });
}

const sends = (name: string, op: number, rest: Partial<RawPacket> = {}, features?: readonly number[]) =>
  vsock(name, (lab) => void lab.put(packetBytes({ op, ports: PORTS, ...rest })), features);

export const sockets: readonly Scenario[] = [
  vsock('less than a header', (lab) => void lab.put(new Array<number>(43).fill(0))),
  vsock(
    'writable bytes',
    (lab) => void lab.put(packetBytes({ op: CREDIT_UPDATE!, ports: PORTS }), BUFFERS, 4),
  ),
  vsock('a packet out of reach', (lab) => void lab.put(packetBytes({ op: RW!, ports: PORTS }), OUTSIDE)),
  vsock(
    'a payload out of reach',
    (lab) => void lab.put(packetBytes({ op: RW!, ports: PORTS, payload: [1] }), END - 44),
  ),
  sends('another address', REQUEST!, { from: 4 }),
  sends('to more than 32 bits', REQUEST!, { to: 2 ** 32 + 2 }),
  sends('a payload longer than its buffers', RW!, { length: 5 }),
  sends('messages without SEQPACKET', REQUEST!, { type: SEQPACKET! }, [0, 2]),
  sends('more than there is room for', RW!, { payload: new Array<number>(101).fill(0) }),
  sends('a count of bytes that were not sent', CREDIT_UPDATE!, { fwd: 7 }),
  sends('a request for a connection that there is', REQUEST!),
  vsock('a payload after the last', (lab) => {
    lab.put(packetBytes({ op: SHUTDOWN!, ports: PORTS, flags: 2 }));
    lab.put(packetBytes({ op: RW!, ports: PORTS, payload: [1] }));
  }),
  vsock('a receive buffer without room', (lab) => lab.give(44)),
  vsock('a receive buffer that can be read', (lab) => {
    lab.receive.chain(8, [
      { address: BUFFERS, length: 4 },
      { address: BUFFERS + 0x100, length: 100, flags: 2 },
    ]);
    lab.receive.offer(8);
    lab.guest.kick(0);
  }),
  vsock('a receive buffer out of reach', (lab) => {
    lab.put(packetBytes({ op: REQUEST!, ports: [5000, 81] }));
    lab.give(100, OUTSIDE);
  }),
  vsock('an event buffer without room', (lab) => {
    lab.event.describe(0, { address: BUFFERS, length: 3, flags: 2 });
    lab.event.offer(0);
    lab.guest.kick(2);
  }),
  vsock('an event buffer out of reach', (lab) => {
    lab.event.describe(0, { address: OUTSIDE, length: 4, flags: 2 });
    lab.event.offer(0);
    lab.guest.kick(2);
    lab.device.resetTransport();
  }),
];
