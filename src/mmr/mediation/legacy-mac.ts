import type { VdpaParent } from '../../virtio/index.ts';
import {
  MAC_BYTES,
  NETWORK_CONTROL_BYTES,
  networkConfig,
  networkControlClass,
  networkDeviceType,
  networkMacCommand,
} from '../../virtio/layout/index.ts';
import type { ShadowQueue } from './shadow-queue.ts';

/** The address of a legacy network guest, which writes it into a register, for a parent that takes it by a command. */
export class LegacyMac {
  readonly #parent: VdpaParent;
  #address: Uint8Array | null = null;
  /** It was written and not sent. */
  pending = false;

  constructor(parent: VdpaParent) {
    this.#parent = parent;
  }

  /** The guest writes configuration. @returns whether it was of the address. */
  write(offset: number, bytes: Uint8Array): boolean {
    const network = this.#parent.device.behaviour.type.name === networkDeviceType.name;
    if (!network || offset >= networkConfig.mac.offset + MAC_BYTES) return false;
    this.#address ??= this.#parent.readConfig(networkConfig.mac.offset, MAC_BYTES);
    for (const [i, byte] of bytes.entries()) if (offset + i < MAC_BYTES) this.#address[offset + i] = byte;
    this.pending = true;
    return true;
  }

  /** What the guest reads, with the address that it wrote. */
  over(bytes: Uint8Array, offset: number): Uint8Array {
    if (this.#address !== null)
      for (let i = 0; i < bytes.length && offset + i < MAC_BYTES; i++) bytes[i] = this.#address[offset + i]!;
    return bytes;
  }

  /** Tells the parent, by its queue for commands. */
  send(control: ShadowQueue): void {
    if (this.#address === null) return;
    const command = new Uint8Array(NETWORK_CONTROL_BYTES + MAC_BYTES);
    command[0] = networkControlClass.mac;
    command[1] = networkMacCommand.addressSet;
    command.set(this.#address, NETWORK_CONTROL_BYTES);
    this.pending = !control.command(command);
  }

  forget(): void {
    this.#address = null;
    this.pending = false;
  }
}
