import type { NetworkDevice } from '../../../virtio/index.ts';
import { ETHERNET_HEADER_BYTES } from '../../../virtio/layout/index.ts';

/** Bytes of the shortest frame, without its checksum. */
const LEAST_FRAME_BYTES = 60;
const MAC_BYTES = 6;
const REVERSE_ARP = 0x8035;
/** Ethernet, IPv4, addresses of 6 and 4 bytes, "who am I?" (RFC 903). */
const QUESTION = [0, 1, 8, 0, 6, 4, 0, 3];
/** Where sender and target stand behind those: a hardware and a protocol address each. */
const SENDER = ETHERNET_HEADER_BYTES + QUESTION.length;
const TARGET = SENDER + MAC_BYTES + 4;

/** Tells the network where a device is, by the frame that switches learn from, and asks its driver to do so, too. */
export function announce(device: NetworkDevice): void {
  const frame = new Uint8Array(LEAST_FRAME_BYTES);
  frame.fill(0xff, 0, MAC_BYTES);
  frame[2 * MAC_BYTES] = REVERSE_ARP >> 8;
  frame[2 * MAC_BYTES + 1] = REVERSE_ARP & 0xff;
  frame.set(QUESTION, ETHERNET_HEADER_BYTES);
  for (const at of [MAC_BYTES, SENDER, TARGET]) frame.set(device.macAddress, at);
  device.link.transmit(frame, 0, frame.length, null);
  device.announce();
}
