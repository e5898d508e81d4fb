import type { Arbitrary } from 'fast-check';
import {
  MAC_TABLE_HEADER_BYTES,
  NETWORK_CONTROL_BYTES,
  type NetworkReceiveMode,
  networkAnnounceCommand,
  networkCoalescingCommand,
  networkControl,
  networkControlClass,
  networkGuestOffloadsCommand,
  networkHashTunnelCommand,
  networkMacCommand,
  networkMultiQueueCommand,
  networkReceiveMode,
  networkStatisticsCommand,
  networkVlanCommand,
  switchableOffloads,
  VLAN_IDS,
} from '../../virtio/layout/index.ts';
import { fc } from '../fast-check.ts';
import { atLeast } from '../options.ts';
import { printed } from '../printed.ts';
import { type ChainWriter, patternBytes } from './chain.ts';
import { macBytes, networkAddresses } from './network-frame.ts';

/** Commands that are drawn as bytes: what they mean is a matter of features that hardly a device has. */
const others = {
  'rss-config': [networkControlClass.multiQueue, networkMultiQueueCommand.rssConfig, 4 + 2 + 2 + 2 + 2 + 1],
  'hash-config': [networkControlClass.multiQueue, networkMultiQueueCommand.hashConfig, 4 + 8 + 1],
  'coalescing-transmit': [networkControlClass.coalescing, networkCoalescingCommand.transmitSet, 8],
  'coalescing-receive': [networkControlClass.coalescing, networkCoalescingCommand.receiveSet, 8],
  'coalescing-queue': [networkControlClass.coalescing, networkCoalescingCommand.queueSet, 12],
  'hash-tunnel': [networkControlClass.hashTunnel, networkHashTunnelCommand.set, 4],
  'statistics-query': [networkControlClass.statistics, networkStatisticsCommand.query, 0],
} as const satisfies Readonly<Record<string, readonly [number, number, number]>>;

/** A command of the control queue. */
export type NetworkCommand =
  | { readonly does: 'mode'; readonly mode: NetworkReceiveMode; readonly on: boolean }
  | { readonly does: 'mac-table'; readonly unicast: readonly string[]; readonly multicast: readonly string[] }
  | { readonly does: 'mac-address'; readonly address: string }
  | { readonly does: 'vlan-add' | 'vlan-delete'; readonly id: number }
  | { readonly does: 'announced' }
  | { readonly does: 'queue-pairs'; readonly pairs: number }
  /** Offloads that stay on, by feature bit. */
  | { readonly does: 'guest-offloads'; readonly features: readonly number[] }
  | { readonly does: keyof typeof others; readonly seed: number };

/** `promiscuous on`, `MAC table 02:01:01:01:01:01; 01:00:5e:00:00:01`, `VLAN 5 added`, `2 queue pairs`. */
export function formatNetworkCommand(command: NetworkCommand): string {
  switch (command.does) {
    case 'mode':
      return `${command.mode} ${command.on ? 'on' : 'off'}`;
    case 'mac-table':
      return `MAC table ${[command.unicast, command.multicast].map((list) => list.join(' ') || 'none').join('; ')}`;
    case 'mac-address':
      return `MAC address ${command.address}`;
    case 'vlan-add':
      return `VLAN ${command.id} added`;
    case 'vlan-delete':
      return `VLAN ${command.id} deleted`;
    case 'announced':
      return command.does;
    case 'queue-pairs':
      return `${command.pairs} queue pairs`;
    case 'guest-offloads':
      return `guest offloads ${command.features.join(' ') || 'none'}`;
    default:
      return `${command.does} of ${others[command.does][2]} bytes (seed ${command.seed})`;
  }
}

const addresses = (multicast: boolean) =>
  fc.array(
    fc.constantFrom(...networkAddresses.filter((each) => ((macBytes(each)[0]! & 1) !== 0) === multicast)),
    { maxLength: 3 },
  );

/** Commands of every class, for a device of so many queue pairs; which a device takes is a matter of its features. */
export function networkCommands(pairs = 2): Arbitrary<NetworkCommand> {
  const id = fc.nat(VLAN_IDS - 1);
  const modes = Object.keys(networkReceiveMode) as NetworkReceiveMode[];
  const any: Arbitrary<NetworkCommand> = fc.oneof(
    {
      weight: 3,
      arbitrary: fc.record({
        does: fc.constant('mode' as const),
        mode: fc.constantFrom(...modes),
        on: fc.boolean(),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        does: fc.constant('mac-table' as const),
        unicast: addresses(false),
        multicast: addresses(true),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        does: fc.constant('mac-address' as const),
        address: fc.constantFrom(...networkAddresses),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({ does: fc.constantFrom('vlan-add' as const, 'vlan-delete' as const), id }),
    },
    { weight: 1, arbitrary: fc.constant({ does: 'announced' as const }) },
    {
      weight: 1,
      arbitrary: fc.record({
        does: fc.constant('queue-pairs' as const),
        pairs: fc.integer({ min: 1, max: atLeast('pairs', pairs, 1) }),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        does: fc.constant('guest-offloads' as const),
        features: fc.subarray([...switchableOffloads]),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        does: fc.constantFrom(...(Object.keys(others) as (keyof typeof others)[])),
        seed: fc.nat(255),
      }),
    },
  );
  return any.map((command) => printed({ ...command }, formatNetworkCommand));
}

/** Class and number of each command whose data differ. */
function numbersOf(command: NetworkCommand): readonly [commandClass: number, number: number] {
  const { receive, mac, vlan, announce, multiQueue, guestOffloads } = networkControlClass;
  switch (command.does) {
    case 'mode':
      return [receive, networkReceiveMode[command.mode]];
    case 'mac-table':
      return [mac, networkMacCommand.tableSet];
    case 'mac-address':
      return [mac, networkMacCommand.addressSet];
    case 'vlan-add':
      return [vlan, networkVlanCommand.add];
    case 'vlan-delete':
      return [vlan, networkVlanCommand.delete];
    case 'announced':
      return [announce, networkAnnounceCommand.acknowledge];
    case 'queue-pairs':
      return [multiQueue, networkMultiQueueCommand.pairsSet];
    case 'guest-offloads':
      return [guestOffloads, networkGuestOffloadsCommand.set];
    default: {
      const [commandClass, number] = others[command.does];
      return [commandClass, number];
    }
  }
}

/** 64 bits, one for each feature: more than a number holds. */
function offloadMask(features: readonly number[], littleEndian: boolean): Uint8Array {
  const bytes = new Uint8Array(8);
  for (const bit of features) bytes[bit >> 3]! |= 1 << (bit & 7);
  return littleEndian ? bytes : bytes.reverse();
}

/** The command in buffers as drivers without ANY_LAYOUT have them (LEG-NET-13..16); the ack is the caller's. */
export function writeNetworkCommand(writer: ChainWriter, command: NetworkCommand): void {
  const [commandClass, number] = numbersOf(command);
  writer.structure(networkControl, { class: commandClass, command: number }, NETWORK_CONTROL_BYTES).cut();
  switch (command.does) {
    case 'mode':
      writer.number('on', 1, command.on ? 1 : 0);
      break;
    case 'mac-table':
      for (const list of [command.unicast, command.multicast]) {
        writer.number('entries', MAC_TABLE_HEADER_BYTES, list.length);
        for (const address of list) writer.bytes(macBytes(address));
        writer.cut();
      }
      break;
    case 'mac-address':
      writer.bytes(macBytes(command.address));
      break;
    case 'vlan-add':
    case 'vlan-delete':
      writer.number('id', 2, command.id);
      break;
    case 'announced':
      break;
    case 'queue-pairs':
      writer.number('pairs', 2, command.pairs);
      break;
    case 'guest-offloads':
      writer.bytes(offloadMask(command.features, writer.littleEndian));
      break;
    default:
      writer.bytes(patternBytes(others[command.does][2], command.seed));
  }
}
