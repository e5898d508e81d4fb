import type { CapabilityList } from './capability-list.ts';
import { type ConfigListener, type ConfigSpace, reaches } from './config-space.ts';
import { ExpressRegisters } from './express.ts';
import {
  alternativeForwarding,
  express,
  expressCapabilities,
  expressLink,
  expressSlot,
  PORT_DEVICE_CAPABILITIES,
  type1Header,
} from './layout/index.ts';

/** What a port asks of its bridge. */
export interface PortOwner {
  setInterrupt(level: boolean): void;
}

/**
 * The Express capability of a bridge: a port with a link, and where it leads to a slot, whether there is anything in it
 * (PCI Express 5.0, section 6.7). Whoever wants to hear of it is told by the port's interrupt pin.
 */
export class BridgePort extends ExpressRegisters implements ConfigListener {
  readonly #owner: PortOwner;
  readonly #leadsToLink: boolean;
  readonly #slot: boolean;

  /** @param slotNumber null where it has no slot. */
  constructor(
    config: ConfigSpace,
    capabilities: CapabilityList,
    owner: PortOwner,
    port: { readonly type: number; readonly leadsToLink: boolean; readonly slotNumber: number | null },
  ) {
    super(config, capabilities);
    const { at } = this;
    this.#owner = owner;
    this.#leadsToLink = port.leadsToLink;
    this.#slot = port.slotNumber !== null;
    config.setMasks(type1Header.secondaryLatencyTimer.offset, 1, 0);
    config.wire(at + express.deviceCapabilities.offset, 4, PORT_DEVICE_CAPABILITIES);
    this.setType(port.type | (this.#slot ? expressCapabilities.slotImplemented : 0));
    this.setLink(true, port.leadsToLink ? expressLink.reportsActive : 0);
    if (port.leadsToLink) this.#offerForwarding();
    if (port.slotNumber === null) return;
    const { hotPlugSurprise, hotPlugCapable, noCommandCompleted, numberShift } = expressSlot;
    const abilities = hotPlugSurprise | hotPlugCapable | noCommandCompleted;
    config.wire(
      at + express.slotCapabilities.offset,
      4,
      (abilities | (port.slotNumber << numberShift)) >>> 0,
    );
    const { presenceChangedEnable, hotPlugInterruptEnable, linkChangedEnable } = expressSlot;
    const enables = presenceChangedEnable | hotPlugInterruptEnable | linkChangedEnable;
    config.setMasks(at + express.slotControl.offset, 2, enables);
    const changes = expressSlot.presenceChanged | expressSlot.linkChanged;
    config.setMasks(at + express.slotStatus.offset, 2, 0, changes);
    config.listen(this);
  }

  #offerForwarding(): void {
    const { config, at } = this;
    const { deviceCapabilities2, deviceControl2 } = express;
    const { supported, enable } = alternativeForwarding;
    config.wire(at + deviceCapabilities2.offset, 4, deviceCapabilities2.reset | supported);
    config.setMasks(at + deviceControl2.offset, 2, deviceControl2.writable | enable);
  }

  /** Accesses to device numbers other than 0 of its link pass. */
  get forwardsAlternative(): boolean {
    const control = this.config.get(this.at + express.deviceControl2.offset, 2);
    return (control & alternativeForwarding.enable) !== 0;
  }

  /** Something stands behind it from now on, or nothing any more. */
  set occupied(present: boolean) {
    if (!this.#leadsToLink) return;
    const { config, at } = this;
    const link = at + express.linkStatus.offset;
    config.wire(link, 2, present ? expressLink.status | expressLink.active : expressLink.status);
    if (!this.#slot) return;
    const status = at + express.slotStatus.offset;
    const changes = config.get(status, 2) & ~expressSlot.presence;
    const presence = present ? expressSlot.presence : 0;
    config.wire(status, 2, presence);
    config.set(status, 2, presence | changes | expressSlot.presenceChanged | expressSlot.linkChanged);
    this.follow();
  }

  afterWrite(start: number, end: number): void {
    if (reaches(start, end, this.at + express.slotControl.offset, 4)) this.follow();
  }

  /** Interrupts while something has changed that software wants to hear of, and has not taken note of. */
  follow(): void {
    if (!this.#slot) return;
    const control = this.config.get(this.at + express.slotControl.offset, 2);
    const status = this.config.get(this.at + express.slotStatus.offset, 2);
    const { presenceChanged, presenceChangedEnable, linkChanged, linkChangedEnable } = expressSlot;
    const told =
      ((status & presenceChanged) !== 0 && (control & presenceChangedEnable) !== 0) ||
      ((status & linkChanged) !== 0 && (control & linkChangedEnable) !== 0);
    this.#owner.setInterrupt(told && (control & expressSlot.hotPlugInterruptEnable) !== 0);
  }
}
