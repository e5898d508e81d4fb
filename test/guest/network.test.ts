import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  Hub,
  NetworkDevice,
  type NetworkLink,
  type NetworkPort,
  networkGsoType,
  Responder,
} from '../../src/virtio/index.ts';
import { guestWays, Lab } from './lab.ts';
import { pieces, skipNote } from './support.ts';

const COPY_BYTES = 300_000;

/**
 * In every other way the device at the far end takes no offloads: it cuts what the kernel sent to it, and the kernel judges
 * the pieces.
 */
const variants = guestWays.map((way, i) => ({ ...way, plainPeer: i % 2 === 0 }));

/** A link that looks at what passes: frames the driver sent and was given, and the longest of them. */
class WatchedLink implements NetworkLink {
  readonly offloads: boolean;
  readonly sent = { frames: 0, longest: 0, unfinished: 0 };
  readonly arrived = { frames: 0, longest: 0, unfinished: 0 };
  port!: NetworkPort;
  readonly #link: NetworkLink;

  constructor(link: NetworkLink, offloads = link.offloads) {
    this.#link = link;
    this.offloads = offloads;
  }

  attach(port: NetworkPort): void {
    this.port = port;
    this.#link.attach({
      macAddress: port.macAddress,
      receive: (bytes, offset, length, offload) => {
        this.#count(this.arrived, length, offload?.gsoType);
        return port.receive(bytes, offset, length, offload);
      },
    });
  }

  transmit(...[bytes, offset, length, offload]: Parameters<NetworkLink['transmit']>): void {
    this.#count(this.sent, length, offload?.gsoType);
    this.#link.transmit(bytes, offset, length, offload);
  }

  #count(counts: WatchedLink['sent'], length: number, gsoType = networkGsoType.none as number): void {
    counts.frames++;
    counts.longest = Math.max(counts.longest, length);
    if (gsoType !== networkGsoType.none) counts.unfinished++;
  }
}

const mac = (last: number) => Uint8Array.of(0x52, 0x54, 0, 0x12, 0x34, last);

describe.skipIf(pieces === null)(`Linux's network driver${skipNote}`, () => {
  let lab: Lab;

  beforeEach(async () => {
    lab = await Lab.start();
  });
  afterEach(() => lab?.destroy());

  describe.each(variants)('through $name', ({ window, transportFeatures, plainPeer }) => {
    const present = (device: NetworkDevice, slot: number) =>
      lab.present(device, slot, window, undefined, transportFeatures);

    it('gets a lease, pings, and is told of address, MTU, link and filter', async () => {
      const responder = new Responder();
      const link = new WatchedLink(responder);
      const device = new NetworkDevice({ link, macAddress: mac(0x99), mtu: 1400 });
      present(device, 5);
      await lab.rescan();
      // What udhcpc is told, it hands to a script.
      const lease = await lab.sh(
        [
          `printf '%s\\n' '#!/bin/sh' '[ "$1" = bound ] || exit 0' \\`,
          `  'ip addr add $ip/$mask dev $interface; echo $ip $subnet $router $lease $serverid' > /tmp/lease`,
          'chmod +x /tmp/lease; cd /sys/class/net/eth0; cat address mtu; ip link set eth0 up; cat carrier',
          'udhcpc -i eth0 -n -q -f -t 20 -T 1 -s /tmp/lease 2>/dev/null | grep -v udhcpc',
          'ping -A -c 3 -s 1300 10.0.2.2 | grep received',
        ].join('\n'),
      );
      expect(lease.split('\n')).toEqual([
        '52:54:00:12:34:99',
        '1400',
        '1',
        '10.0.2.15 255.255.255.0 10.0.2.2 86400 10.0.2.2',
        '3 packets transmitted, 3 packets received, 0% packet loss',
      ]);
      expect(responder.counts).toMatchObject({ dhcp: 2, echo: 3 });

      const carrier = (wanted: 0 | 1) => `until [ "$(cat carrier)" = ${wanted} ]; do sleep 0.02; done`;
      device.setLink(false);
      await lab.sh(`${carrier(0)}; ! ping -c 1 -W 1 10.0.2.2 > /dev/null`);
      device.setLink(true);
      await lab.sh(`${carrier(1)}; ping -c 1 10.0.2.2 > /dev/null`);

      /** Whether a frame to somebody else's address reaches the driver. */
      const stranger = Uint8Array.of(
        ...mac(0x42),
        ...responder.macAddress,
        0x88,
        0xb5,
        ...new Uint8Array(46),
      );
      const arrives = () => link.port.receive(stranger, 0, stranger.length, null);
      expect(arrives()).toBe(false);
      await lab.sh('ip link set eth0 promisc on');
      expect(arrives()).toBe(true);
      await lab.sh('ip link set eth0 promisc off');
      expect(arrives()).toBe(false);
      // The kernel lets an address be changed while the interface is up, and tells the device.
      await lab.sh('ip link set eth0 address 52:54:00:12:34:42; ip link set eth0 mtu 1280');
      expect(device.macAddress).toEqual(mac(0x42));
      expect(arrives()).toBe(true);
      expect(await lab.sh('ping -c 1 -s 1200 10.0.2.2 > /dev/null; cat mtu')).toBe('1280');
      expect(lab.findings).toEqual([]);
    });

    it('copies between two functions of one guest, over a hub and in both directions', async () => {
      const hub = new Hub();
      const near = new WatchedLink(hub.socket());
      const far = new WatchedLink(hub.socket(), !plainPeer);
      const devices = [near, far].map((link, i) => new NetworkDevice({ link, macAddress: mac(0x60 + i) }));
      for (const [i, device] of devices.entries()) present(device, 5 + i);
      await lab.rescan();
      // The far end lives in a network namespace, so that nothing but the hub joins the two.
      const copy = (from: string, to: string, address: string) =>
        [
          `${to} nc -l -p 5000 <&3 > /tmp/there & listener=$!`,
          `until ${to} netstat -ltn | grep -q :5000; do sleep 0.02; done`,
          // The kernel is given all at once, and has reason to leave segments to the device.
          `${from} nc ${address} 5000 -e cat /tmp/here; wait $listener; md5sum < /tmp/there`,
        ].join('\n');
      const sums = await lab.sh(
        [
          'unshare -n sleep 600 & ns=$!',
          'until [ "$(readlink /proc/$ns/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.02; done',
          'ip link set eth1 netns $ns; ip addr add 10.0.5.1/24 dev eth0; ip link set eth0 up',
          'far="nsenter -t $ns -n"; $far ip addr add 10.0.5.2/24 dev eth1; $far ip link set eth1 up',
          // An end that has nothing to say keeps listening.
          'mkfifo /tmp/quiet; exec 3<>/tmp/quiet',
          `head -c ${COPY_BYTES} /dev/urandom > /tmp/here; md5sum < /tmp/here`,
          copy('', '$far', '10.0.5.2'),
          copy('$far', '', '10.0.5.1'),
        ].join('\n'),
      );
      const lines = sums.split('\n').filter((line) => /^[0-9a-f]{32} {2}-$/.test(line));
      expect(lines).toHaveLength(3);
      expect(new Set(lines).size).toBe(1);
      // Every byte crossed the hub: there are no more than 64 KiB in a frame.
      for (const link of [near, far]) expect(link.sent.frames).toBeGreaterThan(COPY_BYTES / 65536);
      expect(near.sent.unfinished).toBeGreaterThan(0);
      expect(far.arrived.longest).toBeGreaterThan(1514);
      expect(far.sent.longest > 1514).toBe(!plainPeer);
      expect(lab.findings).toEqual([]);
    });
  });
});
