import {
  networkConfig,
  networkControlClass,
  networkFeature,
  networkGuestOffloadsCommand,
  networkHeaderFlag,
  networkMultiQueueCommand,
  networkReceiveMode,
  networkVlanCommand,
} from '../../../virtio/layout/index.ts';
import type { Bench } from '../bench.ts';
import { equalBytes, le } from '../bytes.ts';
import type { Check, Setting } from '../check.ts';
import { frameTo, leftToDo, packetTo, stations } from '../types/frames.ts';
import { Nic } from '../types/network.ts';

const types = ['network'];
const settings: readonly Setting[] = ['legacy'];
const bit = networkFeature;
const { vlan, multiQueue, guestOffloads, receive } = networkControlClass;
const { everybody, stranger, another } = stations;

/** Writes the address byte by byte, as legacy drivers do. */
function writeMac(bench: Bench, mac: Uint8Array): void {
  for (let i = 0; i < mac.length; i++) bench.registers.config.write(networkConfig.mac.offset + i, 1, mac[i]!);
}

/** What a legacy driver has otherwise, in the guest's order and in its header. */
export const networkLegacyChecks: readonly Check[] = [
  {
    id: 'network-address-written',
    clauses: ['LEG-NET-03', 'LEG-NET-08'],
    types,
    settings,
    says: 'an address that is written counts when its last byte is there: it is shown, and its frames are received',
    async run(bench) {
      bench.needs(bit.mac, 'MAC');
      bench.needs(bit.controlReceive, 'CTRL_RX');
      const nic = new Nic(bench, [bit.controlQueue, bit.controlReceive]);
      const off = Uint8Array.of(0);
      await nic.obeys('LEG-NET-08', receive, networkReceiveMode.promiscuous, off);
      const before = nic.mac;
      writeMac(bench, another);
      if (equalBytes(nic.mac, before)) bench.skip('the device keeps its address');
      bench.check('LEG-NET-03', equalBytes(nic.mac, another), 'the address as it was written', 'part of it');
      const taken = await nic.takes(frameTo(another));
      bench.check('LEG-NET-08', taken, 'a frame to the address that was written received', 'it is not');
    },
  },
  {
    id: 'network-header-of-legacy-drivers',
    clauses: ['LEG-NET-04'],
    types,
    settings,
    says: "the header has the guest's order",
    async run(bench) {
      bench.needs(bit.guestChecksum, 'GUEST_CSUM');
      const nic = new Nic(bench, [bit.guestChecksum]);
      const packet = packetTo(everybody, { transport: 'udp', length: 64 });
      const expected = leftToDo(packet);
      const [buffer] = await nic.receive(packet, expected);
      bench.check('LEG-NET-04', buffer !== undefined, 'the packet', 'nothing');
      const { flags, checksumStart } = nic.headerOf(buffer!);
      if ((flags & networkHeaderFlag.needsChecksum) === 0) bench.skip('the device finishes checksums itself');
      bench.equal('LEG-NET-04', 'csum_start', checksumStart, expected.checksumStart);
    },
  },
  {
    id: 'network-short-header',
    clauses: ['LEG-NET-05'],
    types,
    settings,
    says: 'without MRG_RXBUF the header has 10 bytes, and with it 12',
    async run(bench) {
      const frame = frameTo(everybody);
      for (const features of [[], [bit.mergeableBuffers]]) {
        if (features.length > 0 && !bench.offers(bit.mergeableBuffers)) continue;
        const nic = new Nic(bench, features);
        const buffers = await nic.receive(frame);
        const right = equalBytes(nic.frameOf(buffers), frame);
        bench.check(
          'LEG-NET-05',
          right,
          `the frame behind a header of ${nic.headerBytes} bytes`,
          'elsewhere',
        );
      }
    },
  },
  {
    id: 'network-tables-of-legacy-drivers',
    clauses: ['LEG-NET-07'],
    types,
    settings,
    says: "the numbers of entries in MAC tables have the guest's order",
    async run(bench) {
      bench.needs(bit.controlReceive, 'CTRL_RX');
      const nic = new Nic(bench, [bit.controlQueue, bit.controlReceive]);
      await nic.setTables('LEG-NET-07', [stranger], []);
      bench.check(
        'LEG-NET-07',
        await nic.takes(frameTo(stranger)),
        'a frame to a station of the table',
        'none',
      );
    },
  },
  {
    id: 'network-vlan-of-legacy-drivers',
    clauses: ['LEG-NET-09'],
    types,
    settings,
    says: "the id of a VLAN has the guest's order",
    async run(bench) {
      bench.needs(bit.controlVlan, 'CTRL_VLAN');
      const nic = new Nic(bench, [bit.controlQueue, bit.controlVlan]);
      await nic.obeys('LEG-NET-09', vlan, networkVlanCommand.add, le(2, 5));
      const taken = await nic.takes(frameTo(everybody, { vlan: 5 }));
      bench.check('LEG-NET-09', taken, 'a frame of the VLAN that was added', 'none');
    },
  },
  {
    id: 'network-pairs-of-legacy-drivers',
    clauses: ['LEG-NET-10'],
    types,
    settings,
    says: "the number of pairs has the guest's order",
    async run(bench) {
      const nic = new Nic(bench, [], { pairs: 2 });
      await nic.obeys('LEG-NET-10', multiQueue, networkMultiQueueCommand.pairsSet, le(2, 2));
    },
  },
  {
    id: 'network-offloads-of-legacy-drivers',
    clauses: ['LEG-NET-11'],
    types,
    settings,
    says: "the offloads that are switched have the guest's order",
    async run(bench) {
      const { controlGuestOffloads, guestChecksum, controlQueue } = bit;
      bench.needs(controlGuestOffloads, 'CTRL_GUEST_OFFLOADS');
      bench.needs(guestChecksum, 'GUEST_CSUM');
      const nic = new Nic(bench, [controlQueue, controlGuestOffloads, guestChecksum]);
      const offloads = le(8, 2 ** guestChecksum);
      await nic.obeys('LEG-NET-11', guestOffloads, networkGuestOffloadsCommand.set, offloads);
    },
  },
];
