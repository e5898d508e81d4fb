import { NetworkDriver } from '../../driver/index.ts';
import { dhcpMessage } from '../../virtio/backends/dhcp.ts';
import { formatIpv4 } from '../../virtio/backends/ip-address.ts';
import {
  type ByteSink,
  Hub,
  NetworkDevice,
  type NetworkLink,
  networkDeviceType,
  networkFeature,
  PcapngWriter,
  Responder,
  recordingLink,
  responderPort,
  unplugged,
} from '../../virtio/index.ts';
import { bytesText } from '../text.ts';
import type { DemoFact, DeviceDemo, DeviceVisit } from './device-demo.ts';
import { DemoStation } from './network-station.ts';

const PINGS = 100;
const PING_BYTES = 1400;
const BULK_BYTES = 60_000;
const SEGMENT_BYTES = 1460;
const CLIENT_PORT = 4321;
/** Room for what is to be cut. */
const FRAME_BYTES = BULK_BYTES + 100;
/** Where the bulk goes: a station that takes no offloads and says nothing. */
const SINK_MAC = Uint8Array.of(0x52, 0x55, 0x0a, 0x00, 0x02, 0x03);
const SINK_ADDRESS = 0x0a000203;

const macText = (mac: Uint8Array) => [...mac].map((byte) => byte.toString(16).padStart(2, '0')).join(':');

/** Keeps every frame that reaches it, and takes none that is not finished. */
class Sink implements NetworkLink {
  readonly offloads = false;
  readonly frames: Uint8Array[] = [];

  attach(): void {}

  transmit(bytes: Uint8Array, offset: number, length: number): void {
    this.frames.push(bytes.slice(offset, offset + length));
  }
}

/** Counts what a recording comes to. */
class CountingSink implements ByteSink {
  bytes = 0;

  write(bytes: Uint8Array): void {
    this.bytes += bytes.length;
  }
}

function addressFact(driver: NetworkDriver, station: DemoStation, device: NetworkDevice): DemoFact {
  const names = ['checksum', 'hostTso4', 'guestTso4', 'mergeableBuffers'] as const;
  const agreed = names.filter((name) => driver.driver.has(networkFeature[name]));
  const address = macText(station.mac);
  return {
    what: 'Station',
    result: `${address}, with ${agreed.join(', ')}`,
    good: address === macText(device.macAddress) && agreed.length === names.length,
    data: { address, features: agreed },
  };
}

async function arpFact(station: DemoStation, responder: Responder): Promise<DemoFact> {
  const found = await station.resolve(responder.address);
  const good = found !== null && macText(found) === macText(responder.macAddress);
  const answer = found === null ? 'nobody answered' : `is at ${macText(found)}`;
  return { what: 'ARP', result: `${formatIpv4(responder.address)} ${answer}`, good };
}

/** DISCOVER and REQUEST, whose checksums are left to the device where it takes them. */
async function dhcpFact(station: DemoStation, responder: Responder): Promise<DemoFact> {
  const offer = await station.askForAddress(null, 0);
  const lease = offer === null ? null : await station.askForAddress(offer.address, responder.address);
  station.address = lease?.address ?? 0;
  const good =
    offer?.type === dhcpMessage.offer &&
    lease?.type === dhcpMessage.acknowledge &&
    lease.address === offer.address;
  const result = good ? `lease of ${formatIpv4(lease.address)} for ${lease.leaseSeconds} s` : 'no lease';
  return { what: 'DHCP', result, good, data: { address: lease === null ? null : formatIpv4(lease.address) } };
}

async function pingFact(station: DemoStation, responder: Responder): Promise<DemoFact> {
  const started = performance.now();
  let answered = 0;
  for (let i = 0; i < PINGS; i++)
    if (await station.ping(responder.macAddress, responder.address, i, PING_BYTES)) answered++;
  const ms = performance.now() - started;
  return {
    what: 'Ping',
    result: `${answered} of ${PINGS} pings of ${PING_BYTES} bytes came back as they were sent, ${((ms * 1000) / PINGS).toFixed(0)} us each`,
    good: answered === PINGS,
    data: { sent: PINGS, answered, ms },
  };
}

async function checksumFact(station: DemoStation, responder: Responder): Promise<DemoFact> {
  const payload = Uint8Array.from({ length: 501 }, (_, i) => i * 3);
  const { macAddress, address } = responder;
  const { frame, header } = station.datagram(macAddress, address, CLIENT_PORT, responderPort.echo, payload);
  const before = station.checksumHolds(frame);
  const [reply] = await station.exchange(frame, header);
  const good =
    !before && reply !== undefined && reply.length === frame.length && station.checksumHolds(reply);
  return {
    what: 'Checksum',
    result: good
      ? 'a datagram that was sent with half a checksum was taken for whole, and came back whole'
      : 'a datagram that was sent with half a checksum did not come back whole',
    good,
  };
}

async function segmentFact(station: DemoStation, sink: Sink): Promise<DemoFact> {
  const payload = Uint8Array.from({ length: BULK_BYTES }, (_, i) => (i * 7) ^ (i >> 8));
  const { frame, header } = station.bulk(SINK_MAC, SINK_ADDRESS, payload, SEGMENT_BYTES);
  sink.frames.length = 0;
  await station.exchange(frame, header);
  let next = 1;
  let good = sink.frames.length === Math.ceil(BULK_BYTES / SEGMENT_BYTES);
  for (const each of sink.frames) {
    const segment = station.readSegment(each);
    good &&= segment.sequence === next && station.checksumHolds(each);
    good &&= segment.payload.every((byte, i) => byte === payload[next - 1 + i]);
    next += segment.payload.length;
  }
  good &&= next === BULK_BYTES + 1;
  const verdict = good ? 'every checksum holds' : 'they do not make what was sent';
  return {
    what: 'Segments',
    result: `one frame of ${bytesText(frame.length)} became ${sink.frames.length} on the hub; ${verdict}`,
    good,
    data: { bytes: frame.length, segments: sink.frames.length },
  };
}

/** A frame for another station arrives only while the driver wants every frame. */
async function filterFact(driver: NetworkDriver, device: NetworkDevice): Promise<DemoFact> {
  const frame = new Uint8Array(60);
  frame.set(SINK_MAC);
  const arrives = () => device.receive(frame, 0, frame.length, null);
  // Until a mode is set, a driver that accepted CTRL_RX receives every frame.
  await driver.commands!.setMode('promiscuous', false);
  const before = arrives();
  await driver.commands!.setMode('promiscuous', true);
  const during = arrives();
  await driver.commands!.setMode('promiscuous', false);
  const after = arrives();
  const say = (arrived: boolean) => (arrived ? 'arrives' : 'is dropped');
  return {
    what: 'Filter',
    result: `a frame for another station ${say(before)}, in promiscuous mode ${say(during)}, then ${say(after)}`,
    good: !before && during && !after,
  };
}

function linkFact(driver: NetworkDriver, device: NetworkDevice, seen: readonly boolean[]): DemoFact {
  const { linkUp } = driver;
  device.setLink(false);
  device.setLink(true);
  const good = linkUp && seen.join() === 'false,true';
  const told = seen.map((up) => (up ? 'up' : 'down')).join(', ');
  return { what: 'Link', result: `pulled and plugged in: the driver was told ${told || 'nothing'}`, good };
}

/** A network with a hub, a responder and a sink, and a recording of what the device's cable sees. */
export function networkVisit(): DeviceVisit {
  const hub = new Hub();
  const responder = new Responder();
  const sink = new Sink();
  hub.join(responder);
  hub.join(sink);
  const recorded = new CountingSink();
  const writer = new PcapngWriter(recorded);
  // Frames are a microsecond apart, so that every run records the same.
  let now = 0;
  const device = new NetworkDevice({ link: recordingLink(hub.socket(), { writer, clock: () => now++ }) });
  return {
    behaviour: device,
    subject: `a hub with a responder at ${formatIpv4(responder.address)}`,
    async drive(transport, memory, marks): Promise<DemoFact[]> {
      const received: Uint8Array[] = [];
      const linkChanges: boolean[] = [];
      const driver = new NetworkDriver(transport, memory, {
        frameBytes: FRAME_BYTES,
        depth: 4,
        onFrame: (frame) => received.push(frame),
        onLink: (up) => linkChanges.push(up),
      });
      const station = new DemoStation(driver, received);
      marks.markBroughtUp();
      const facts = [await arpFact(station, responder)];
      marks.markFirst();
      facts.push(
        await dhcpFact(station, responder),
        await pingFact(station, responder),
        await checksumFact(station, responder),
        await segmentFact(station, sink),
        await filterFact(driver, device),
        linkFact(driver, device, linkChanges),
      );
      const stationFact = addressFact(driver, station, device);
      driver.close();
      const { transmitted, received: arrived } = device.statistics;
      return [
        stationFact,
        ...facts,
        {
          what: 'Recorded',
          result: `${writer.frames} frames as pcapng, ${bytesText(recorded.bytes)}: ${transmitted} sent, ${arrived} received`,
          // One frame of the filter's was let in from beside the cable.
          good: writer.frames === transmitted + arrived - 1,
          data: { frames: writer.frames, bytes: recorded.bytes, transmitted, received: arrived },
        },
      ];
    },
    close: async () => {},
  };
}

export const networkDemo: DeviceDemo = {
  type: networkDeviceType,
  summary: 'talks to a responder over a hub: ARP, DHCP, pings, checksums and segments left to the device',
  first: 'The first frame and its answer',
  sample: () => new NetworkDevice({ link: unplugged }),
  visit: async () => networkVisit(),
};
