import {
  networkConfig,
  networkFeature,
  networkGsoType,
  networkHeaderFlag,
  networkTunnelType,
} from '../../../virtio/layout/index.ts';
import type { Bench } from '../bench.ts';
import { equalBytes } from '../bytes.ts';
import type { Check, Setting } from '../check.ts';
import { frameTo, isFinished, leftToDo, packetTo, stations } from '../types/frames.ts';
import { Nic, type ReceivedBuffer } from '../types/network.ts';

const types = ['network'];
const modern: readonly Setting[] = ['modern', 'packed'];
const bit = networkFeature;
const { needsChecksum, dataValid, rscInfo } = networkHeaderFlag;
/** Bits of a segmentation type that say that a tunnel is around it. */
const TUNNEL = networkTunnelType.ipv4 | networkTunnelType.ipv6;
const SMALL = 256;
/** A segment's payload, and several of them. */
const [SEGMENT, PAYLOAD] = [500, 1400];
const LONG = 1000;

/** Receives a frame that is longer than a buffer, with mergeable buffers. */
async function merged(bench: Bench, clause: string) {
  bench.needs(bit.mergeableBuffers, 'MRG_RXBUF');
  const nic = new Nic(bench, [bit.mergeableBuffers], { bufferBytes: SMALL });
  const frame = frameTo(stations.everybody, { length: LONG });
  const buffers = await nic.receive(frame);
  bench.check(clause, buffers.length > 1, 'the frame, in several buffers', `${buffers.length} buffers`);
  return { nic, frame, buffers };
}

/** Receives a packet with something left to be done. @returns the first buffer of each frame, and the frames */
async function offloaded(
  bench: Bench,
  clause: string,
  features: readonly number[],
  gsoSize = 0,
  ecn = false,
) {
  const nic = new Nic(bench, features, { bufferBytes: 4096 });
  const packet = packetTo(stations.everybody, {
    transport: gsoSize === 0 ? 'udp' : 'tcp',
    length: gsoSize === 0 ? SEGMENT : PAYLOAD,
  });
  const buffers = await nic.receive(packet, leftToDo(packet, gsoSize, ecn));
  bench.check(clause, buffers.length > 0, 'the packet, or its segments', 'nothing');
  const headers = buffers.map((each: ReceivedBuffer) => nic.headerOf(each));
  return { headers, frames: buffers.map((each) => nic.frameOf([each])) };
}

const hex = (value: number) => `0x${value.toString(16)}`;

/** A network device receives. */
export const networkReceiveChecks: readonly Check[] = [
  {
    id: 'network-mtu-bounds-frames',
    clauses: ['NET-CFG-05'],
    types,
    says: 'with MTU a frame that is longer is not received, one as long is',
    async run(bench) {
      bench.needs(bit.mtu, 'MTU');
      const mtu = bench.config(networkConfig.mtu.offset, 2);
      const nic = new Nic(bench, [bit.mtu], { bufferBytes: 2 * mtu });
      const takes = (length: number) => nic.takes(frameTo(stations.everybody, { length }));
      bench.check('NET-CFG-05', await takes(mtu), `a frame of ${mtu} bytes received`, 'it is not');
      bench.check('NET-CFG-05', !(await takes(mtu + 1)), `none of ${mtu + 1} bytes`, 'one received');
    },
  },
  {
    id: 'network-one-buffer',
    clauses: ['NET-RX-05'],
    types,
    says: 'with MRG_RXBUF num_buffers is 1 for a frame in one buffer',
    async run(bench) {
      bench.needs(bit.mergeableBuffers, 'MRG_RXBUF');
      const nic = new Nic(bench, [bit.mergeableBuffers]);
      const buffers = await nic.receive(frameTo(stations.everybody));
      bench.equal('NET-RX-05', 'buffers of a short frame', buffers.length, 1);
      bench.equal('NET-RX-05', 'num_buffers', nic.numBuffers(buffers[0]!), 1);
    },
  },
  {
    id: 'network-merged-buffers',
    clauses: ['NET-RX-11', 'NET-RX-12', 'NET-RX-13'],
    types,
    says: 'num_buffers counts all buffers of a frame; all but the last are full, and they come together',
    async run(bench) {
      const { nic, frame, buffers } = await merged(bench, 'NET-RX-11');
      bench.equal('NET-RX-11', 'num_buffers', nic.numBuffers(buffers[0]!), buffers.length);
      for (const [i, { bytes, room }] of buffers.slice(0, -1).entries())
        bench.equal('NET-RX-12', `used length of buffer ${i + 1} of the frame`, bytes.length, room);
      const whole = equalBytes(nic.frameOf(buffers), frame);
      bench.check('NET-RX-12', whole, 'the frame in its buffers', 'something else');
      const looks = new Set(buffers.map(({ look }) => look)).size;
      bench.check(
        'NET-RX-13',
        looks === 1,
        'all its buffers at one look',
        `some of them at each of ${looks}`,
      );
    },
  },
  {
    id: 'network-one-buffer-only',
    clauses: ['NET-RX-06'],
    types,
    says: 'without MRG_RXBUF a frame that is longer than a buffer comes in no two of them',
    async run(bench) {
      const nic = new Nic(bench, [], { bufferBytes: SMALL });
      const buffers = await nic.receive(frameTo(stations.everybody, { length: LONG }));
      bench.check('NET-RX-06', buffers.length <= 1, 'at most one buffer', `${buffers.length}`);
    },
  },
  {
    id: 'network-num-buffers-is-one',
    clauses: ['NET-RX-10'],
    types,
    settings: modern,
    says: 'without MRG_RXBUF num_buffers is 1',
    async run(bench) {
      const nic = new Nic(bench);
      const [buffer] = await nic.receive(frameTo(stations.everybody));
      bench.check('NET-RX-10', buffer !== undefined, 'the frame', 'nothing');
      bench.equal('NET-RX-10', 'num_buffers', nic.numBuffers(buffer!), 1);
    },
  },
  {
    id: 'network-no-checksum-left',
    clauses: ['NET-RX-14', 'NET-RX-15'],
    types,
    says: 'without GUEST_CSUM flags is 0, and a checksum that the sender left to be done is done',
    async run(bench) {
      const { headers, frames } = await offloaded(bench, 'NET-RX-15', []);
      bench.equal('NET-RX-14', 'flags', headers[0]!.flags, 0);
      bench.check('NET-RX-15', isFinished(frames[0]!), 'a whole checksum', 'one over the pseudo-header');
    },
  },
  {
    id: 'network-no-segments-left',
    clauses: ['NET-RX-16', 'NET-RX-20', 'NET-RX-21'],
    types,
    says: 'without the GUEST features for segments gso_type is NONE',
    async run(bench) {
      bench.needs(bit.guestChecksum, 'GUEST_CSUM');
      const { headers } = await offloaded(bench, 'NET-RX-16', [bit.guestChecksum], SEGMENT);
      for (const { gsoType } of headers) {
        bench.check('NET-RX-20', (gsoType & TUNNEL) === 0, 'no bit of a tunnel in gso_type', hex(gsoType));
        const type = gsoType & ~networkGsoType.ecn;
        const allowed = [networkGsoType.none, networkGsoType.tcp4] as readonly number[];
        bench.check('NET-RX-16', allowed.includes(type), 'no type but what there was', hex(gsoType));
        bench.check('NET-RX-21', type === networkGsoType.none, 'gso_type NONE', hex(gsoType));
      }
    },
  },
  {
    id: 'network-no-ecn-left',
    clauses: ['NET-RX-17'],
    types,
    says: 'without GUEST_ECN gso_type has no ECN bit',
    async run(bench) {
      bench.needs(bit.guestTso4, 'GUEST_TSO4');
      const features = [bit.guestChecksum, bit.guestTso4];
      const { headers } = await offloaded(bench, 'NET-RX-17', features, SEGMENT, true);
      for (const { gsoType } of headers)
        bench.check(
          'NET-RX-17',
          (gsoType & networkGsoType.ecn) === 0,
          'no ECN bit in gso_type',
          hex(gsoType),
        );
    },
  },
  {
    id: 'network-checksum-left',
    clauses: ['NET-RX-19', 'NET-RX-24'],
    types,
    says: 'with GUEST_CSUM a checksum is whole, or NEEDS_CSUM says where it belongs; no other flag is there but DATA_VALID',
    async run(bench) {
      bench.needs(bit.guestChecksum, 'GUEST_CSUM');
      const { headers, frames } = await offloaded(bench, 'NET-RX-19', [bit.guestChecksum]);
      const [{ flags, checksumStart, checksumOffset }] = headers as [(typeof headers)[0]];
      const frame = frames[0]!;
      bench.check(
        'NET-RX-24',
        (flags & ~(needsChecksum | dataValid)) === 0,
        'NEEDS_CSUM or DATA_VALID',
        hex(flags),
      );
      if ((flags & needsChecksum) === 0)
        bench.check('NET-RX-19', isFinished(frame), 'a whole checksum, or NEEDS_CSUM', 'neither');
      else {
        const expected = leftToDo(frame);
        bench.equal('NET-RX-19', 'csum_start', checksumStart, expected.checksumStart);
        bench.equal('NET-RX-19', 'csum_offset', checksumOffset, expected.checksumOffset);
      }
    },
  },
  {
    id: 'network-segments-left',
    clauses: ['NET-RX-08', 'NET-RX-22', 'NET-RX-23', 'NET-RX-25'],
    types,
    says: 'a packet that is left in one piece has a type that was agreed on, NEEDS_CSUM, gso_size, and headers in hdr_len',
    async run(bench) {
      bench.needs(bit.guestTso4, 'GUEST_TSO4');
      const features = [bit.guestChecksum, bit.guestTso4];
      const { headers, frames } = await offloaded(bench, 'NET-RX-08', features, SEGMENT);
      for (const [i, { gsoType, flags, gsoSize, headerLength }] of headers.entries()) {
        if (gsoType === networkGsoType.none) continue;
        bench.check(
          'NET-RX-25',
          (gsoType & TUNNEL) === 0 || (flags & dataValid) === 0,
          'no DATA_VALID',
          hex(flags),
        );
        bench.equal('NET-RX-08', 'gso_type', gsoType, networkGsoType.tcp4);
        bench.check('NET-RX-22', (flags & needsChecksum) !== 0, 'NEEDS_CSUM', `flags ${hex(flags)}`);
        bench.check('NET-RX-22', gsoSize !== 0, 'a gso_size', '0');
        bench.check('NET-RX-22', (flags & rscInfo) === 0, 'no RSC_INFO without RSC_EXT', hex(flags));
        const least = leftToDo(frames[i]!).headerLength;
        bench.check('NET-RX-23', headerLength >= least, `hdr_len of at least ${least}`, `${headerLength}`);
      }
    },
  },
];
