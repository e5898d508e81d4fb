import {
  MAC_BYTES,
  MAC_TABLE_HEADER_BYTES,
  type NetworkReceiveMode,
  networkAck,
  networkAnnounceCommand,
  networkControlClass,
  networkGuestOffloadsCommand,
  networkMacCommand,
  networkMultiQueueCommand,
  networkReceiveMode,
  networkVlanCommand,
} from '../../virtio/layout/index.ts';
import { RequestFailedError } from '../errors.ts';
import { RequestQueue } from '../request-queue.ts';
import type { VirtioDriver } from '../virtio-driver.ts';

/** Room for a command's data: two tables of a hundred addresses. */
const OUT_BYTES = 2048;

/** The control queue's commands. Each is cut into descriptors as drivers without ANY_LAYOUT do (LEG-NET-13..16). */
export class NetworkCommands {
  readonly #queue: RequestQueue;
  readonly #little: boolean;

  /** To be made after bring-up. @param index of the control queue. @throws ResourceError */
  constructor(driver: VirtioDriver, index: number) {
    this.#little = driver.transport.littleEndian;
    this.#queue = new RequestQueue(driver, index, { outBytes: OUT_BYTES, inBytes: 1, depth: 4 });
  }

  /** Sends a command as it is. @returns the ack. @throws UnansweredError, DeviceFailedError, ResourceError */
  async request(commandClass: number, command: number, data: readonly Uint8Array[] = []): Promise<number> {
    const reply = await this.#queue.send([Uint8Array.of(commandClass, command), ...data], [1], 1);
    return reply.bytes[0]!;
  }

  /** @throws RequestFailedError for any other ack than OK. */
  async #do(what: string, commandClass: number, command: number, ...data: Uint8Array[]): Promise<void> {
    const ack = await this.request(commandClass, command, data);
    if (ack !== networkAck.ok) throw new RequestFailedError(`${what}: the device answered ${ack}`, ack);
  }

  #number(bytes: 2 | 4 | 8, value: bigint): Uint8Array {
    const view = new DataView(new ArrayBuffer(8));
    view.setBigUint64(0, this.#little ? value : value << BigInt(64 - 8 * bytes), this.#little);
    return new Uint8Array(view.buffer, 0, bytes);
  }

  setMode(mode: NetworkReceiveMode, on: boolean): Promise<void> {
    const value = Uint8Array.of(on ? 1 : 0);
    return this.#do(mode, networkControlClass.receive, networkReceiveMode[mode], value);
  }

  setMacTable(unicast: readonly Uint8Array[], multicast: readonly Uint8Array[]): Promise<void> {
    const table = (addresses: readonly Uint8Array[]) => {
      const bytes = new Uint8Array(MAC_TABLE_HEADER_BYTES + addresses.length * MAC_BYTES);
      bytes.set(this.#number(4, BigInt(addresses.length)));
      for (const [i, address] of addresses.entries())
        bytes.set(address, MAC_TABLE_HEADER_BYTES + i * MAC_BYTES);
      return bytes;
    };
    const { mac } = networkControlClass;
    return this.#do('the MAC tables', mac, networkMacCommand.tableSet, table(unicast), table(multicast));
  }

  setMacAddress(address: Uint8Array): Promise<void> {
    return this.#do('the MAC address', networkControlClass.mac, networkMacCommand.addressSet, address);
  }

  setVlan(id: number, on: boolean): Promise<void> {
    const command = on ? networkVlanCommand.add : networkVlanCommand.delete;
    return this.#do(`VLAN ${id}`, networkControlClass.vlan, command, this.#number(2, BigInt(id)));
  }

  acknowledgeAnnounce(): Promise<void> {
    const { announce } = networkControlClass;
    return this.#do('the announcement', announce, networkAnnounceCommand.acknowledge);
  }

  setQueuePairs(pairs: number): Promise<void> {
    const { multiQueue } = networkControlClass;
    const data = this.#number(2, BigInt(pairs));
    return this.#do(`${pairs} pairs of queues`, multiQueue, networkMultiQueueCommand.pairsSet, data);
  }

  /** @param features bits of the offloads that stay on. */
  setGuestOffloads(features: readonly number[]): Promise<void> {
    const mask = features.reduce((sum, bit) => sum | (1n << BigInt(bit)), 0n);
    const { guestOffloads } = networkControlClass;
    return this.#do('offloads', guestOffloads, networkGuestOffloadsCommand.set, this.#number(8, mask));
  }

  /** To be called by the interrupt handler. */
  poll(): void {
    this.#queue.poll();
  }
}
