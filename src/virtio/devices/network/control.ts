import type { FindingAbout } from '../../../core/index.ts';
import { framingClause, reachClause, shapeClause, strictFraming } from '../../clauses.ts';
import type { DevicePort } from '../../device-port.ts';
import {
  MAC_BYTES,
  MAC_TABLE_HEADER_BYTES,
  NETWORK_CONTROL_BYTES,
  type NetworkReceiveMode,
  networkAck,
  networkAnnounceCommand,
  networkControl,
  networkControlClass,
  networkFeature,
  networkGuestOffloadsCommand,
  networkMacCommand,
  networkMultiQueueCommand,
  networkReceiveMode,
  networkVlanCommand,
  switchableOffloads,
  VLAN_IDS,
} from '../../layout/index.ts';
import { aboutChain, type Chain } from '../../queue/chain.ts';
import { isGroupAddress, MAC_TABLE_ENTRIES } from './addresses.ts';
import type { ReceiveFilter } from './filter.ts';

/** What control commands change. */
export interface NetworkControlTarget {
  readonly device: DevicePort;
  readonly filter: ReceiveFilter;
  readonly maxQueuePairs: number;
  /** The filter's address was set: show it. */
  macAddressSet(): void;
  announceAcknowledged(): void;
  setQueuePairs(pairs: number): void;
  /** Of the offloads that can be switched, these stay on; the rest goes off. */
  setGuestOffloads(bits: readonly number[]): void;
}

/** Why a command is refused. */
interface Refusal {
  readonly clause: string;
  readonly message: string;
  readonly about: FindingAbout;
}

interface Command {
  /** It needs this one accepted, and breaks `clause` where it was not; by default the one on features in general. */
  readonly feature: number;
  readonly clause?: string;
  /** What malformed data breaks, where a clause is about them. */
  readonly dataClause?: string;
  /** Bytes of data; null where the data tell. */
  readonly bytes: number | null;
  /** @returns what is wrong, having changed nothing, or null. */
  run(length: number): Refusal | null;
}

const key = (commandClass: number, command: number) => commandClass * 256 + command;

/** The control queue: takes one command after another, and answers each with an ack. */
export class NetworkControl {
  readonly #target: NetworkControlTarget;
  readonly #commands = new Map<number, Command>();
  readonly #data = new Uint8Array(MAC_TABLE_ENTRIES * MAC_BYTES);
  readonly #view = new DataView(this.#data.buffer);
  readonly #more = new Uint8Array(MAC_TABLE_ENTRIES * MAC_BYTES);
  readonly #ack = new Uint8Array(1);
  #chain!: Chain;

  constructor(target: NetworkControlTarget) {
    this.#target = target;
    const { filter } = target;
    const add = (commandClass: number, command: number, row: Command) =>
      this.#commands.set(key(commandClass, command), row);

    for (const [mode, command] of Object.entries(networkReceiveMode) as [NetworkReceiveMode, number][]) {
      const extra = command > networkReceiveMode.allMulticast;
      add(networkControlClass.receive, command, {
        feature: extra ? networkFeature.controlReceiveExtra : networkFeature.controlReceive,
        clause: extra ? 'NET-CVQ-04' : 'NET-CVQ-03',
        bytes: 1,
        run: () => this.#setMode(mode),
      });
    }
    const mac = { clause: 'NET-CVQ-09' };
    add(networkControlClass.mac, networkMacCommand.tableSet, {
      ...mac,
      feature: networkFeature.controlReceive,
      dataClause: 'NET-CVQ-11',
      bytes: null,
      run: (length) => this.#setMacTable(length),
    });
    add(networkControlClass.mac, networkMacCommand.addressSet, {
      ...mac,
      feature: networkFeature.controlMacAddress,
      bytes: MAC_BYTES,
      run: () => {
        filter.macAddress.set(this.#data.subarray(0, MAC_BYTES));
        target.macAddressSet();
        return null;
      },
    });
    for (const [command, on] of [
      [networkVlanCommand.add, true],
      [networkVlanCommand.delete, false],
    ] as const)
      add(networkControlClass.vlan, command, {
        feature: networkFeature.controlVlan,
        bytes: 2,
        run: () => this.#setVlan(on),
      });
    add(networkControlClass.announce, networkAnnounceCommand.acknowledge, {
      feature: networkFeature.guestAnnounce,
      bytes: 0,
      run: () => {
        target.announceAcknowledged();
        return null;
      },
    });
    add(networkControlClass.multiQueue, networkMultiQueueCommand.pairsSet, {
      feature: networkFeature.multiQueue,
      dataClause: 'NET-CVQ-20',
      bytes: 2,
      run: () => this.#setPairs(),
    });
    add(networkControlClass.guestOffloads, networkGuestOffloadsCommand.set, {
      feature: networkFeature.controlGuestOffloads,
      clause: 'NET-CVQ-31',
      dataClause: 'NET-CVQ-31',
      bytes: 8,
      run: () => this.#setOffloads(),
    });
  }

  /** Carries one command out and hands its chain back. */
  handle(chain: Chain): void {
    const { device } = this.#target;
    if (chain.writableBytes === 0) {
      device.report(
        'driver',
        framingClause(device, 'LEG-NET-16'),
        'a control command without room for its ack',
        aboutChain(chain),
      );
      device.complete(chain, 0);
      return;
    }
    this.#chain = chain;
    if (chain.writableBytes > 1)
      device.report(
        'driver',
        framingClause(device, 'LEG-NET-16'),
        `${chain.writableBytes} writable bytes where an ack is one`,
        aboutChain(chain, 'length in bytes', chain.writableBytes),
      );
    const refusal = this.#run(chain);
    if (refusal !== null) device.report('driver', refusal.clause, refusal.message, refusal.about);
    this.#ack[0] = refusal === null ? networkAck.ok : networkAck.error;
    const written = chain.write(0, this.#ack, 0, 1);
    if (!written)
      device.report(
        'driver',
        reachClause(device),
        "a control command's ack is out of reach",
        aboutChain(chain),
      );
    device.complete(chain, written ? 1 : 0);
  }

  #run(chain: Chain): Refusal | null {
    const { device } = this.#target;
    const length = chain.readableBytes - NETWORK_CONTROL_BYTES;
    const view = chain.header(NETWORK_CONTROL_BYTES);
    if (view === null && chain.readableBytes >= NETWORK_CONTROL_BYTES)
      return this.#outOfReach('a control command out of reach');
    if (view === null)
      return {
        clause: framingClause(device, 'LEG-NET-13'),
        message: 'a control command without class and command',
        about: this.#about('length in bytes', chain.readableBytes),
      };
    const commandClass = view.getUint8(chain.headerAt + networkControl.class.offset);
    const number = view.getUint8(chain.headerAt + networkControl.command.offset);
    const command = this.#commands.get(key(commandClass, number));
    const name = `control class ${commandClass} command ${number}`;
    if (command === undefined)
      return { clause: 'BF-FEAT-03', message: `${name} is not known`, about: this.#about('command', number) };
    const { clause = 'BF-FEAT-03', dataClause = this.#shapeClause(), bytes } = command;
    if (!device.has(command.feature))
      return {
        clause,
        message: `${name}, whose feature was not accepted`,
        about: this.#about('feature bit', command.feature),
      };
    if (!device.has(networkFeature.controlReceive) && commandClass === networkControlClass.mac)
      device.report('driver', 'NET-CVQ-09', `${name} without CTRL_RX`, aboutChain(chain, 'command', number));
    if (strictFraming(this.#target.device)) this.#checkFraming(chain, bytes);
    if (bytes !== null && length !== bytes)
      return {
        clause: dataClause,
        message: `${name} with ${length} bytes of data`,
        about: this.#about('length in bytes', length),
      };
    if (bytes !== null && !chain.read(NETWORK_CONTROL_BYTES, this.#data, 0, bytes))
      return this.#outOfReach(`${name} with data out of reach`);
    return command.run(length);
  }

  #outOfReach(message: string): Refusal {
    return { clause: reachClause(this.#target.device), message, about: aboutChain(this.#chain) };
  }

  #shapeClause(): string {
    return shapeClause(this.#target.device);
  }

  #about(what: string, value: number): FindingAbout {
    return aboutChain(this.#chain, what, value);
  }

  #reportFraming(clause: string, what: string): void {
    const { device } = this.#target;
    device.report('driver', clause, `without ANY_LAYOUT, ${what}`, aboutChain(this.#chain));
  }

  /** @param bytes of data; null for those that are cut in two, which are looked at later. */
  #checkFraming(chain: Chain, bytes: number | null): void {
    const { lengths, readableCount, count } = chain;
    if (lengths[0] !== NETWORK_CONTROL_BYTES)
      this.#reportFraming('LEG-NET-13', `class and command in a descriptor of ${lengths[0]} bytes`);
    if (bytes !== null && readableCount !== (bytes === 0 ? 1 : 2))
      this.#reportFraming('LEG-NET-14', `command data in ${readableCount - 1} descriptors`);
    // Of one that is too long it was said already.
    if (count !== readableCount + 1 && chain.writableBytes === 1)
      this.#reportFraming('LEG-NET-16', 'an ack that is no descriptor of one byte');
  }

  #setMode(mode: NetworkReceiveMode): Refusal | null {
    const value = this.#data[0]!;
    if (value > 1)
      return {
        clause: this.#shapeClause(),
        message: 'a receive mode is switched by 0 or 1',
        about: this.#about('value', value),
      };
    this.#target.filter.setMode(mode, value === 1);
    return null;
  }

  #setVlan(on: boolean): Refusal | null {
    const id = this.#view.getUint16(0, this.#target.device.littleEndian);
    if (id >= VLAN_IDS)
      return {
        clause: this.#shapeClause(),
        message: 'no VLAN has such an id',
        about: this.#about('VLAN id', id),
      };
    this.#target.filter.setVlan(id, on);
    return null;
  }

  /** NET-CVQ-11: two tables, of unicast and of multicast addresses. Both are read before either is changed. */
  #setMacTable(length: number): Refusal | null {
    const { filter } = this.#target;
    const chain = this.#chain;
    const unicast = this.#readMacTable(0, length, this.#data, false);
    if (typeof unicast !== 'number') return unicast;
    const multicast = this.#readMacTable(
      MAC_TABLE_HEADER_BYTES + unicast * MAC_BYTES,
      length,
      this.#more,
      true,
    );
    if (typeof multicast !== 'number') return multicast;
    const first = MAC_TABLE_HEADER_BYTES + unicast * MAC_BYTES;
    if (strictFraming(this.#target.device) && (chain.readableCount !== 3 || chain.lengths[1] !== first))
      this.#reportFraming('LEG-NET-15', 'MAC tables that are not a descriptor each');
    if (2 * MAC_TABLE_HEADER_BYTES + (unicast + multicast) * MAC_BYTES !== length)
      return {
        clause: 'NET-CVQ-11',
        message: 'bytes left over after the MAC tables',
        about: this.#about('length in bytes', length),
      };
    filter.setTables(this.#data, unicast, this.#more, multicast);
    return null;
  }

  /** @returns the number of entries; those that a table has room for are in `into`. */
  #readMacTable(at: number, length: number, into: Uint8Array, group: boolean): number | Refusal {
    const chain = this.#chain;
    const clause = 'NET-CVQ-11';
    const entriesAt = at + MAC_TABLE_HEADER_BYTES;
    if (entriesAt > length || !chain.read(NETWORK_CONTROL_BYTES + at, into, 0, MAC_TABLE_HEADER_BYTES))
      return {
        clause,
        message: `MAC tables in ${length} bytes of data`,
        about: this.#about('length in bytes', length),
      };
    const view = into === this.#data ? this.#view : new DataView(into.buffer);
    const entries = view.getUint32(0, this.#target.device.littleEndian);
    if (entriesAt + entries * MAC_BYTES > length)
      return {
        clause,
        message: `a MAC table of more entries than there are`,
        about: this.#about('entries', entries),
      };
    // More than a table holds are not looked at.
    if (entries > MAC_TABLE_ENTRIES) return entries;
    if (!chain.read(NETWORK_CONTROL_BYTES + entriesAt, into, 0, entries * MAC_BYTES))
      return this.#outOfReach('a MAC table out of reach');
    for (let i = 0; i < entries; i++)
      if (isGroupAddress(into, i * MAC_BYTES) !== group)
        return {
          clause,
          message: `entry ${i} belongs into the other MAC table`,
          about: this.#about('entry', i),
        };
    return entries;
  }

  #setPairs(): Refusal | null {
    const { device, maxQueuePairs } = this.#target;
    const pairs = this.#view.getUint16(0, device.littleEndian);
    if (pairs < 1 || pairs > maxQueuePairs)
      return {
        clause: 'NET-CVQ-20',
        message: `pairs of queues: 1 to ${maxQueuePairs}`,
        about: this.#about('pairs of queues', pairs),
      };
    for (let queue = 0; queue < 2 * pairs; queue++)
      if (device.queue(queue)?.ready !== true)
        return {
          clause: 'NET-CVQ-19',
          message: `queue ${queue} was not set up`,
          about: this.#about('queue number', queue),
        };
    this.#target.setQueuePairs(pairs);
    return null;
  }

  #setOffloads(): Refusal | null {
    const { device } = this.#target;
    const little = device.littleEndian;
    const words = [
      this.#view.getUint32(little ? 0 : 4, little),
      this.#view.getUint32(little ? 4 : 0, little),
    ];
    const on = switchableOffloads.filter((bit) => ((words[bit >> 5]! >>> (bit & 31)) & 1) !== 0);
    for (const bit of on) words[bit >> 5]! &= ~(1 << (bit & 31));
    const extra = on.find((bit) => !device.has(bit));
    if (extra !== undefined || words[0] !== 0 || words[1] !== 0)
      return {
        clause: 'NET-CVQ-31',
        message: 'offloads that were not accepted',
        about:
          extra === undefined
            ? this.#about('offload bits', (words[0]! | words[1]!) >>> 0)
            : this.#about('feature bit', extra),
      };
    this.#target.setGuestOffloads(on);
    return null;
  }
}
