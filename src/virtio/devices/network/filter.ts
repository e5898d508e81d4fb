import type { State, Stateful } from '../../../core/index.ts';
import { ethernet, etherType, get16 } from '../../backends/ethernet.ts';
import {
  ETHERNET_HEADER_BYTES,
  MAC_BYTES,
  type NetworkReceiveMode,
  networkReceiveMode,
  VLAN_IDS,
  VLAN_TAG_BYTES,
} from '../../layout/index.ts';
import { isBroadcast, isGroupAddress, MAC_TABLE_ENTRIES, sameAddress } from './addresses.ts';
import { receiveFilterState } from './state.ts';

const modeMask = (mode: NetworkReceiveMode) => 1 << networkReceiveMode[mode];
const PROMISCUOUS = modeMask('promiscuous');
const ALL_MULTICAST = modeMask('allMulticast');
const ALL_UNICAST = modeMask('allUnicast');
const NO_MULTICAST = modeMask('noMulticast');
const NO_UNICAST = modeMask('noUnicast');
const NO_BROADCAST = modeMask('noBroadcast');

/** One table of MAC addresses. */
export class MacTable {
  readonly #bytes = new Uint8Array(MAC_TABLE_ENTRIES * MAC_BYTES);
  #count = 0;
  #overflow = false;

  /** @param count may be larger than the table; then `bytes` are not looked at, and every address matches. */
  set(bytes: Uint8Array, count: number): void {
    this.#overflow = count > MAC_TABLE_ENTRIES;
    this.#count = this.#overflow ? 0 : count;
    for (let i = 0; i < this.#count * MAC_BYTES; i++) this.#bytes[i] = bytes[i]!;
  }

  matches(frame: Uint8Array, at: number): boolean {
    for (let i = 0; i < this.#count; i++) if (sameAddress(this.#bytes, i * MAC_BYTES, frame, at)) return true;
    return this.#overflow;
  }

  /** All addresses in a row; null for too many. */
  save(): Uint8Array | null {
    return this.#overflow ? null : this.#bytes.slice(0, this.#count * MAC_BYTES);
  }

  load(saved: Uint8Array | null): void {
    if (saved === null) this.set(this.#bytes, MAC_TABLE_ENTRIES + 1);
    else this.set(saved, saved.length / MAC_BYTES);
  }
}

/**
 * Which frames a driver wants to receive: modes, MAC addresses, VLANs (NET-CVQ-01, NET-CVQ-02, NET-CVQ-08, NET-CVQ-13).
 * `at` is where a frame begins in `bytes`; `length` its bytes, 14 at least.
 */
export class ReceiveFilter implements Stateful {
  readonly macAddress = new Uint8Array(MAC_BYTES);
  readonly unicast = new MacTable();
  readonly multicast = new MacTable();
  #modes = 0;
  /** The driver has not said yet which addresses it wants. */
  #open = true;
  readonly #vlans = new Uint32Array(VLAN_IDS / 32);

  setMode(mode: NetworkReceiveMode, on: boolean): void {
    this.#open = false;
    this.#modes = on ? this.#modes | modeMask(mode) : this.#modes & ~modeMask(mode);
  }

  /** Both tables; as in {@link MacTable.set}. */
  setTables(unicast: Uint8Array, unicasts: number, multicast: Uint8Array, multicasts: number): void {
    this.#open = false;
    this.unicast.set(unicast, unicasts);
    this.multicast.set(multicast, multicasts);
  }

  /** `id` below 4096. */
  setVlan(id: number, on: boolean): void {
    const bit = 1 << (id & 31);
    if (on) this.#vlans[id >> 5]! |= bit;
    else this.#vlans[id >> 5]! &= ~bit;
  }

  /**
   * @param addresses a driver without CTRL_RX has no say in addresses, and gets all that come: it may use one that the
   * device does not know of (NET-CFG-18). One with CTRL_RX gets them too until it has set a mode or the tables: the text
   * names no mode to begin with, and who never sets one still has to receive.
   * @param vlans a driver without CTRL_VLAN gets every tagged frame (NET-CVQ-12).
   */
  passes(bytes: Uint8Array, at: number, length: number, addresses: boolean, vlans: boolean): boolean {
    const modes = this.#modes;
    if (addresses && (modes & PROMISCUOUS) !== 0) return true;
    if (vlans && !this.#vlanPasses(bytes, at, length)) return false;
    if (!addresses || this.#open) return true;
    if (!isGroupAddress(bytes, at))
      return (
        (modes & NO_UNICAST) === 0 &&
        ((modes & ALL_UNICAST) !== 0 ||
          sameAddress(this.macAddress, 0, bytes, at) ||
          this.unicast.matches(bytes, at))
      );
    if (isBroadcast(bytes, at)) return (modes & NO_BROADCAST) === 0;
    return (
      (modes & NO_MULTICAST) === 0 && ((modes & ALL_MULTICAST) !== 0 || this.multicast.matches(bytes, at))
    );
  }

  #vlanPasses(bytes: Uint8Array, at: number, length: number): boolean {
    const type = at + ethernet.type;
    if (get16(bytes, type) !== etherType.vlan) return true;
    if (length < ETHERNET_HEADER_BYTES + VLAN_TAG_BYTES) return false;
    return this.#takesVlan(get16(bytes, type + 2) & (VLAN_IDS - 1));
  }

  #takesVlan(id: number): boolean {
    return ((this.#vlans[id >> 5]! >>> (id & 31)) & 1) !== 0;
  }

  /** Back to the modes, tables and address of power-on (NET-CVQ-05). */
  reset(macAddress: Uint8Array): void {
    this.macAddress.set(macAddress);
    this.unicast.set(macAddress, 0);
    this.multicast.set(macAddress, 0);
    this.#modes = 0;
    this.#open = true;
    this.#vlans.fill(0);
  }

  save() {
    const ids = Array.from({ length: VLAN_IDS }, (_, id) => id);
    return receiveFilterState.save({
      macAddress: this.macAddress.slice(),
      unicast: this.unicast.save(),
      multicast: this.multicast.save(),
      modes: this.#modes,
      open: this.#open,
      vlans: ids.filter((id) => this.#takesVlan(id)),
    });
  }

  load(state: State): void {
    const saved = receiveFilterState.parse(state);
    this.macAddress.set(saved.macAddress);
    this.unicast.load(saved.unicast);
    this.multicast.load(saved.multicast);
    this.#modes = saved.modes;
    this.#open = saved.open;
    this.#vlans.fill(0);
    for (const id of saved.vlans) this.#vlans[id >> 5]! |= 1 << (id & 31);
  }
}
