import {
  networkAnnounceCommand,
  networkConfig,
  networkControlClass,
  networkFeature,
  networkMacCommand,
  networkReceiveMode,
  networkStatus,
  networkVlanCommand,
} from '../../../virtio/layout/index.ts';
import type { Bench } from '../bench.ts';
import { equalBytes, le } from '../bytes.ts';
import type { Check } from '../check.ts';
import { frameTo, stations } from '../types/frames.ts';
import { Nic } from '../types/network.ts';

const types = ['network'];
const bit = networkFeature;
const { receive, vlan, mac, announce } = networkControlClass;
const { stranger, another, group, everybody } = stations;
const control = [bit.controlQueue, bit.controlReceive] as const;

/** A driver that has a say in which frames it gets, and takes those to its own address and to everybody only. */
async function selective(bench: Bench, clause: string, more: readonly number[] = []): Promise<Nic> {
  bench.needs(bit.controlReceive, 'CTRL_RX');
  bench.hand('receiveFrame');
  const nic = new Nic(bench, [...control, bit.mac, ...more]);
  for (const mode of ['promiscuous', 'allMulticast'] as const) await set(nic, clause, mode, false);
  return nic;
}

const set = (nic: Nic, clause: string, mode: keyof typeof networkReceiveMode, on: boolean) =>
  nic.obeys(clause, receive, networkReceiveMode[mode], Uint8Array.of(on ? 1 : 0));

async function expects(nic: Nic, clause: string, what: string, frame: Uint8Array, taken: boolean) {
  const seen = await nic.takes(frame);
  nic.bench.check(
    clause,
    seen === taken,
    `${what} ${taken ? '' : 'not '}received`,
    seen ? 'it is' : 'it is not',
  );
}

/** A mode that lets a frame in, or keeps it out, while it is on. */
async function switches(
  nic: Nic,
  clause: string,
  mode: keyof typeof networkReceiveMode,
  frame: Uint8Array,
  letsIn: boolean,
): Promise<void> {
  await expects(nic, clause, `before ${mode}, its frame`, frame, !letsIn);
  await set(nic, clause, mode, true);
  await expects(nic, clause, `with ${mode}, its frame`, frame, letsIn);
  await set(nic, clause, mode, false);
  await expects(nic, clause, `after ${mode}, its frame`, frame, !letsIn);
}

/** A network device's filters: modes, addresses, VLANs; and announcements. */
export const networkFilterChecks: readonly Check[] = [
  {
    id: 'network-receive-modes',
    clauses: ['NET-CVQ-01'],
    types,
    says: 'PROMISC lets every frame in while it is on, ALLMULTI those to groups',
    async run(bench) {
      const nic = await selective(bench, 'NET-CVQ-01');
      await switches(nic, 'NET-CVQ-01', 'promiscuous', frameTo(stranger), true);
      await switches(nic, 'NET-CVQ-01', 'allMulticast', frameTo(group), true);
    },
  },
  {
    id: 'network-extra-receive-modes',
    clauses: ['NET-CVQ-02'],
    types,
    says: 'ALLUNI lets frames to other stations in, NOMULTI, NOUNI and NOBCAST keep frames of their kind out',
    async run(bench) {
      bench.needs(bit.controlReceiveExtra, 'CTRL_RX_EXTRA');
      const clause = 'NET-CVQ-02';
      const nic = await selective(bench, clause, [bit.controlReceiveExtra]);
      await switches(nic, clause, 'allUnicast', frameTo(stranger), true);
      await switches(nic, clause, 'noUnicast', frameTo(nic.mac), false);
      await switches(nic, clause, 'noBroadcast', frameTo(everybody), false);
      await set(nic, clause, 'allMulticast', true);
      await switches(nic, clause, 'noMulticast', frameTo(group), false);
    },
  },
  {
    id: 'network-tables-after-reset',
    clauses: ['NET-CVQ-05'],
    types,
    says: 'after a reset no address is in the tables',
    async run(bench) {
      const nic = await selective(bench, 'NET-CVQ-05');
      await nic.setTables('NET-CVQ-05', [stranger], [group]);
      const next = await selective(bench, 'NET-CVQ-05');
      await expects(next, 'NET-CVQ-05', 'a frame to a station of the old table', frameTo(stranger), false);
      await expects(next, 'NET-CVQ-05', 'a frame to a group of the old table', frameTo(group), false);
    },
  },
  {
    id: 'network-tables',
    clauses: ['NET-CVQ-06', 'NET-CVQ-08'],
    types,
    says: 'when MAC_TABLE_SET is handed back frames to its addresses are received, and others are dropped',
    async run(bench) {
      const nic = await selective(bench, 'NET-CVQ-06');
      await nic.setTables('NET-CVQ-06', [stranger], [group]);
      await expects(nic, 'NET-CVQ-06', 'a frame to a station of the table', frameTo(stranger), true);
      await expects(nic, 'NET-CVQ-06', 'a frame to a group of the table', frameTo(group), true);
      await expects(nic, 'NET-CVQ-08', 'a frame to another station', frameTo(another), false);
    },
  },
  {
    id: 'network-address-set',
    clauses: ['NET-CVQ-07'],
    types,
    says: 'when MAC_ADDR_SET is handed back the configuration shows the address',
    async run(bench) {
      bench.needs(bit.controlMacAddress, 'CTRL_MAC_ADDR');
      const nic = new Nic(bench, [...control, bit.mac, bit.controlMacAddress]);
      await nic.obeys('NET-CVQ-07', mac, networkMacCommand.addressSet, another);
      bench.check('NET-CVQ-07', equalBytes(nic.mac, another), 'the address shown', 'another one');
    },
  },
  {
    id: 'network-tagged-frames',
    clauses: ['NET-CVQ-12'],
    types,
    says: 'without CTRL_VLAN frames of every VLAN are received',
    async run(bench) {
      const nic = new Nic(bench);
      for (const id of [1, 4094])
        await expects(nic, 'NET-CVQ-12', `a frame of VLAN ${id}`, frameTo(everybody, { vlan: id }), true);
    },
  },
  {
    id: 'network-vlans',
    clauses: ['NET-CVQ-13'],
    types,
    says: 'with CTRL_VLAN frames of the VLANs that were added are received, and of others not',
    async run(bench) {
      bench.needs(bit.controlVlan, 'CTRL_VLAN');
      const nic = bench.offers(bit.controlReceive)
        ? await selective(bench, 'NET-CVQ-13', [bit.controlVlan])
        : new Nic(bench, [bit.controlQueue, bit.controlVlan]);
      const frame = (id: number) => frameTo(everybody, { vlan: id });
      await nic.obeys('NET-CVQ-13', vlan, networkVlanCommand.add, le(2, 5));
      await expects(nic, 'NET-CVQ-13', 'a frame of the VLAN that was added', frame(5), true);
      await expects(nic, 'NET-CVQ-13', 'a frame of another VLAN', frame(6), false);
      await nic.obeys('NET-CVQ-13', vlan, networkVlanCommand.delete, le(2, 5));
      await expects(nic, 'NET-CVQ-13', 'a frame of the VLAN that was deleted', frame(5), false);
    },
  },
  {
    id: 'network-announcement',
    clauses: ['NET-CVQ-15'],
    types,
    says: 'when an announcement is acknowledged the status shows none any more',
    async run(bench) {
      const ask = bench.hand('announce');
      bench.needs(bit.guestAnnounce, 'GUEST_ANNOUNCE');
      const nic = new Nic(bench, [bit.controlQueue, bit.guestAnnounce, bit.status]);
      const asked = () => (bench.config(networkConfig.status.offset, 2) & networkStatus.announce) !== 0;
      await ask();
      await bench.until('NET-CVQ-15', 'ANNOUNCE in the status', asked);
      await nic.obeys('NET-CVQ-15', announce, networkAnnounceCommand.acknowledge);
      bench.check('NET-CVQ-15', !asked(), 'a status without ANNOUNCE', 'it is still there');
    },
  },
];
