import {
  bytes,
  type Expect,
  expectAt,
  expectEqual,
  flag,
  group,
  integer,
  list,
  oneOf,
  optional,
  record,
  shape,
  u16,
  u53,
  upTo,
  type ValueOf,
} from '../../../core/index.ts';
import type { DeviceConfig } from '../../config.ts';
import {
  MAC_BYTES,
  networkConfig,
  networkReceiveMode,
  networkStatus,
  switchableOffloads,
  VLAN_IDS,
} from '../../layout/index.ts';
import type { SavedDevice } from '../../queue-user.ts';
import { isGroupAddress, MAC_TABLE_ENTRIES } from './addresses.ts';

const MODES = Object.keys(networkReceiveMode).length;
/** Addresses in a row; null for more than there is room for. */
const macTable = optional(bytes(0, MAC_TABLE_ENTRIES * MAC_BYTES));

function relateTable(name: string, table: Uint8Array | null, isGroup: boolean, expect: Expect): void {
  if (table === null) return;
  expect(table.length % MAC_BYTES === 0, name, table, `a multiple of ${MAC_BYTES} bytes`);
  for (let at = 0; at < table.length; at += MAC_BYTES)
    expect(
      isGroupAddress(table, at) === isGroup,
      `${name}[${at}]`,
      table[at]!,
      `an address of ${isGroup ? 'many stations' : 'one station'}`,
    );
}

export const receiveFilterState = record(
  'receive-filter',
  1,
  {
    macAddress: bytes(MAC_BYTES),
    unicast: macTable,
    multicast: macTable,
    /** A bit for each, by its command. */
    modes: upTo(2 ** MODES - 1),
    /** The driver has not said yet which addresses it wants. */
    open: flag,
    /** Ids, ascending. */
    vlans: list(upTo(VLAN_IDS - 1), { most: VLAN_IDS }),
  },
  {
    relate({ unicast, multicast, modes, open, vlans }, expect) {
      relateTable('unicast', unicast, false, expect);
      relateTable('multicast', multicast, true, expect);
      expect(!open || modes === 0, 'open', open, 'false: there are modes');
      for (const [i, id] of vlans.entries())
        expect(i === 0 || id > vlans[i - 1]!, `vlans[${i}]`, id, `more than ${vlans[i - 1]}`);
    },
  },
);

/** Flows are told apart by so many bits of a hash. */
export const FLOW_BITS = 8;

/** By hash: the pair, counted from 1; 0 where nothing was sent. */
export const flowSteeringState = record('flow-steering', 1, { pairs: list(u16, 1 << FLOW_BITS) });

export const networkState = record(
  'network',
  1,
  {
    shape,
    filter: receiveFilterState,
    steering: flowSteeringState,
    /** In use now, and the most since the reset. */
    pairs: integer(1, 0x7fff),
    mostPairs: integer(1, 0x7fff),
    /** Offloads that the driver switched off, by feature bit. */
    switchedOff: list(oneOf(...switchableOffloads), { most: switchableOffloads.length }),
    statistics: group({
      transmitted: u53,
      transmitRefused: u53,
      transmitLinkDown: u53,
      received: u53,
      receiveNotReady: u53,
      receiveMalformed: u53,
      receiveTooLong: u53,
      receiveFiltered: u53,
      receiveNoBuffers: u53,
      receiveFaults: u53,
    }),
  },
  {
    relate({ pairs, mostPairs, switchedOff }, expect) {
      expect(pairs <= mostPairs, 'pairs', pairs, `at most ${mostPairs}, the most since the reset`);
      const places = switchedOff.map((bit) => switchableOffloads.indexOf(bit));
      for (const [i, place] of places.entries())
        expect(
          i === 0 || place > places[i - 1]!,
          `switchedOff[${i}]`,
          switchedOff[i]!,
          'feature bits in the order of their table, each once',
        );
    },
  },
);

type SavedNetwork = ValueOf<typeof networkState>;

/** No more pairs than the device has. */
export function checkPairs({ mostPairs, steering }: SavedNetwork, path: string, maxPairs: number): void {
  const [expect, expected] = [expectAt(path), `at most ${maxPairs}`];
  expect(mostPairs <= maxPairs, 'mostPairs', mostPairs, expected);
  for (const [hash, pair] of steering.pairs.entries())
    expect(pair <= maxPairs, `steering.pairs[${hash}]`, pair, expected);
}

/** The driver sees the address that the filter has, and a status of bits that there are. */
export function checkShown(
  { filter }: SavedNetwork,
  path: string,
  config: DeviceConfig<typeof networkConfig>,
  device: SavedDevice,
): void {
  const { offset } = networkConfig.mac;
  expectEqual(
    `${path}.filter.macAddress`,
    filter.macAddress,
    device.config.slice(offset, offset + MAC_BYTES),
  );
  const status = config.get('status', device.config);
  config.expectSaved('status', device, status & (networkStatus.linkUp | networkStatus.announce));
}
