import type { State, Stateful } from '../../core/index.ts';
import { MAC_BYTES } from '../layout/network.ts';
import { get16, get32, put16, put32 } from './ethernet.ts';
import { IPV4_BROADCAST, netmaskOf } from './ip-address.ts';
import { dhcpState } from './responder-state.ts';

/** A DHCP message (RFC 2131), byte offsets. */
export const dhcp = {
  operation: 0,
  hardwareType: 1,
  hardwareLength: 2,
  transaction: 4,
  flags: 10,
  clientAddress: 12,
  yourAddress: 16,
  serverAddress: 20,
  relayAddress: 24,
  clientHardware: 28,
  cookie: 236,
  options: 240,
} as const;
export const DHCP_COOKIE = 0x63825363;
export const dhcpPort = { server: 67, client: 68 } as const;
export const dhcpOperation = { request: 1, reply: 2 } as const;
export const DHCP_BROADCAST_FLAG = 0x8000;

/** Options (RFC 2132). */
export const dhcpOption = {
  pad: 0,
  subnetMask: 1,
  router: 3,
  nameServer: 6,
  requestedAddress: 50,
  leaseTime: 51,
  messageType: 53,
  serverIdentifier: 54,
  end: 255,
} as const;
export const dhcpMessage = {
  discover: 1,
  offer: 2,
  request: 3,
  decline: 4,
  acknowledge: 5,
  negativeAcknowledge: 6,
  release: 7,
  inform: 8,
} as const;

/** Relays and old clients want no less (RFC 1542). */
const SHORTEST_REPLY = 300;

export interface DhcpOptions {
  /** The server's own address, which is the router's too. */
  readonly address: number;
  readonly prefixLength: number;
  /** Addresses that are given out. */
  readonly first: number;
  readonly count: number;
  readonly leaseSeconds: number;
}

/** What a client asked. */
interface Question {
  type: number;
  /** 0 where there is none. */
  requested: number;
  server: number;
}

/** Where a reply goes. */
export interface DhcpAnswer {
  /** Bytes of the reply. */
  readonly length: number;
  readonly destination: number;
}

/**
 * A small DHCP server: the same client always gets the same address, the first that is free when it first asks; there are
 * no clocks, so a lease ends only when it is given back. Pure: what it gives out depends on nothing but what it was asked.
 */
export class DhcpServer implements Stateful {
  readonly record = dhcpState;
  readonly options: DhcpOptions;
  /** Who has an address, by its place in the pool: a hardware address as a Number; -1 where somebody else sits on it. */
  readonly #leases = new Map<number, number>();
  readonly #question: Question = { type: 0, requested: 0, server: 0 };

  constructor(options: DhcpOptions) {
    this.options = options;
  }

  /** Addresses that are given out, with the hardware address of their holder as a Number. */
  get leases(): ReadonlyMap<number, number> {
    return this.#leases;
  }

  /**
   * Answers a message of a client.
   * @param reply is given the answer, from offset `to`; it has room for 300 bytes.
   * @returns null for what is no question, or none for us.
   */
  answer(
    bytes: Uint8Array,
    offset: number,
    length: number,
    reply: Uint8Array,
    to: number,
  ): DhcpAnswer | null {
    const question = this.#read(bytes, offset, length);
    if (question === null) return null;
    const client =
      get16(bytes, offset + dhcp.clientHardware) * 2 ** 32 + get32(bytes, offset + dhcp.clientHardware + 2);
    const current = get32(bytes, offset + dhcp.clientAddress);
    const { type, requested, server } = question;
    const own = this.options.address;
    if (type === dhcpMessage.discover) {
      const address = this.#find(client, requested);
      return address === null ? null : this.#reply(bytes, offset, reply, to, dhcpMessage.offer, address);
    }
    if (type === dhcpMessage.request) {
      // Another server's offer was taken.
      if (server !== 0 && server !== own) return null;
      const wanted = requested !== 0 ? requested : current;
      const lease = this.#leaseOf(client);
      // Of a client that we know nothing of, another server may know more (RFC 2131, 4.3.2).
      if (lease === null && server === 0 && this.#inSubnet(wanted)) return null;
      const granted = lease !== null && lease === wanted;
      const answer = granted ? dhcpMessage.acknowledge : dhcpMessage.negativeAcknowledge;
      return this.#reply(bytes, offset, reply, to, answer, granted ? wanted : 0);
    }
    if (type === dhcpMessage.inform) return this.#reply(bytes, offset, reply, to, dhcpMessage.acknowledge, 0);
    const given = type === dhcpMessage.release ? current : requested;
    if (server === own && this.#leases.get(given) === client) {
      if (type === dhcpMessage.release) this.#leases.delete(given);
      else if (type === dhcpMessage.decline) this.#leases.set(given, -1);
    }
    return null;
  }

  /** The question in a message: one of Ethernet, not relayed, with options that end within it. */
  #read(bytes: Uint8Array, offset: number, length: number): Question | null {
    const question = this.#question;
    if (
      length < dhcp.options ||
      bytes[offset + dhcp.operation] !== dhcpOperation.request ||
      bytes[offset + dhcp.hardwareType] !== 1 ||
      bytes[offset + dhcp.hardwareLength] !== MAC_BYTES ||
      get32(bytes, offset + dhcp.relayAddress) !== 0 ||
      get32(bytes, offset + dhcp.cookie) !== DHCP_COOKIE
    )
      return null;
    question.type = question.requested = question.server = 0;
    const end = offset + length;
    for (let at = offset + dhcp.options; at < end; ) {
      const code = bytes[at]!;
      if (code === dhcpOption.end) break;
      if (code === dhcpOption.pad) {
        at++;
        continue;
      }
      if (at + 1 >= end) return null;
      const size = bytes[at + 1]!;
      const value = at + 2;
      at = value + size;
      if (at > end) return null;
      if (code === dhcpOption.messageType && size === 1) question.type = bytes[value]!;
      if (code === dhcpOption.requestedAddress && size === 4) question.requested = get32(bytes, value);
      if (code === dhcpOption.serverIdentifier && size === 4) question.server = get32(bytes, value);
    }
    return question.type === 0 ? null : question;
  }

  #leaseOf(client: number): number | null {
    for (const [address, holder] of this.#leases) if (holder === client) return address;
    return null;
  }

  #inPool(address: number): boolean {
    const { first, count } = this.options;
    return address >= first && address < first + count;
  }

  #inSubnet(address: number): boolean {
    const mask = netmaskOf(this.options.prefixLength);
    return (address & mask) === (this.options.address & mask);
  }

  /** The client's address, or the one it would like, or the first that is free. */
  #find(client: number, requested: number): number | null {
    const lease = this.#leaseOf(client);
    if (lease !== null) return lease;
    const { first, count } = this.options;
    let address = this.#inPool(requested) && !this.#leases.has(requested) ? requested : first;
    while (this.#leases.has(address)) address++;
    if (address >= first + count) return null;
    this.#leases.set(address, client);
    return address;
  }

  /** @param address 0 for none. */
  #reply(
    bytes: Uint8Array,
    offset: number,
    reply: Uint8Array,
    to: number,
    type: number,
    address: number,
  ): DhcpAnswer {
    reply.fill(0, to, to + SHORTEST_REPLY);
    reply[to + dhcp.operation] = dhcpOperation.reply;
    reply[to + dhcp.hardwareType] = 1;
    reply[to + dhcp.hardwareLength] = MAC_BYTES;
    put32(reply, to + dhcp.transaction, get32(bytes, offset + dhcp.transaction));
    const flags = get16(bytes, offset + dhcp.flags);
    put16(reply, to + dhcp.flags, flags);
    const current = get32(bytes, offset + dhcp.clientAddress);
    const refused = type === dhcpMessage.negativeAcknowledge;
    if (type === dhcpMessage.acknowledge) put32(reply, to + dhcp.clientAddress, current);
    put32(reply, to + dhcp.yourAddress, address);
    put32(reply, to + dhcp.cookie, DHCP_COOKIE);
    for (let i = 0; i < MAC_BYTES; i++)
      reply[to + dhcp.clientHardware + i] = bytes[offset + dhcp.clientHardware + i]!;
    let at = to + dhcp.options;
    const add = (code: number, size: 1 | 4, value: number) => {
      reply[at] = code;
      reply[at + 1] = size;
      if (size === 1) reply[at + 2] = value;
      else put32(reply, at + 2, value);
      at += 2 + size;
    };
    const { options } = this;
    add(dhcpOption.messageType, 1, type);
    add(dhcpOption.serverIdentifier, 4, options.address);
    if (!refused) {
      // One who only informs himself has no lease.
      if (address !== 0) add(dhcpOption.leaseTime, 4, options.leaseSeconds);
      add(dhcpOption.subnetMask, 4, netmaskOf(options.prefixLength));
      add(dhcpOption.router, 4, options.address);
    }
    reply[at] = dhcpOption.end;
    // RFC 2131, 4.1: to the address that the client has; else to all, or to the one it gets.
    const everybody = refused || ((flags & DHCP_BROADCAST_FLAG) !== 0 && current === 0);
    const destination = everybody ? IPV4_BROADCAST : current !== 0 ? current : address;
    return { length: SHORTEST_REPLY, destination };
  }

  #shape() {
    return { first: this.options.first, count: this.options.count };
  }

  save() {
    const leases = [...this.#leases].map(([address, client]) => ({ address, client }));
    return dhcpState.save({ shape: this.#shape(), leases });
  }

  check(state: State, path = 'DHCP server') {
    return dhcpState.parse(state, path, this.#shape());
  }

  load(state: State): void {
    const { leases } = this.check(state);
    this.#leases.clear();
    for (const { address, client } of leases) this.#leases.set(address, client);
  }
}
