import { type Bus, DmaDomain } from '../core/index.ts';
import { DmaMemory, type FoundFunction, findFunction } from '../driver/index.ts';
import type { Machine, Place } from '../pci/index.ts';
import { type VirtioFunction, withType } from '../virtio/index.ts';
import { OwnedFunction } from './owned-function.ts';
import { type PresentedFunction, type PresentOptions, presentLegacy } from './virtual-function.ts';
import type { HostFunction } from './ways.ts';

/** A host's RAM with room for the administration queue of one owner. */
export const OWNER_MEMORY_BYTES = 0x10000;

/** What a way was built for, plugged into a host: the function itself, or the owner of a virtual one. */
export class HostedFunction {
  readonly host: Machine;
  readonly made: HostFunction;
  /** What the function's DMA reaches. */
  readonly domain: DmaDomain;

  /** @param owners what the DMA of a virtual function's owner reaches: its driver's memory, by default all RAM. @throws as Machine.plug */
  constructor(
    host: Machine,
    made: HostFunction,
    place: Place,
    domain: DmaDomain,
    owners = new DmaDomain(host.ram),
  ) {
    this.host = host;
    this.made = made;
    this.domain = domain;
    host.plug(made.pci, place, made instanceof OwnedFunction ? owners : domain);
  }

  /** The function that the device stands behind. @throws OwnedFunctionError for a virtual one that was not presented yet. */
  get fn(): VirtioFunction {
    return this.made instanceof OwnedFunction ? this.made.fn : this.made;
  }

  /** The same as software finds it now. */
  get found(): FoundFunction {
    const { made, host } = this;
    return made instanceof OwnedFunction
      ? made.enabled!.owner.functions.find(1)!
      : findFunction(host, made.pci.slot.address)!;
  }

  /** The owner of a virtual one, once it was presented; else null. */
  get owner(): FoundFunction | null {
    return (this.made instanceof OwnedFunction && this.made.enabled?.owner.found) || null;
  }

  /** Commands that a driver has sent to the function's owner. */
  get adminCommands(): number {
    const enabled = this.made instanceof OwnedFunction ? this.made.enabled : null;
    return enabled?.owner.admin?.queues.reduce((sum, { sent }) => sum + sent, 0) ?? 0;
  }

  /**
   * Presents it, once the host's firmware has run: a virtual one is enabled first.
   * @param memory of the host, for the driver of its owner. @param through what the translator works on, by default the host
   * itself. @throws as {@link presentLegacy}, {@link OwnedFunction.enable}
   */
  present(
    options: PresentOptions = {},
    memory = new DmaMemory(this.host.ram, 0),
    through: (fn: HostedFunction) => Bus = ({ host }) => host,
  ): PresentedFunction {
    const { made, host, domain } = this;
    if (!(made instanceof OwnedFunction)) {
      const { behaviour, config } = made.device;
      const known = { types: withType(behaviour.type), configBytes: config.length };
      return presentLegacy(through(this), made.pci.slot.address, { ...known, ...options });
    }
    const { member } = made.enabled ?? made.enable(host, domain, memory);
    const by = member === null ? {} : { member };
    return presentLegacy(through(this), this.found, { types: withType(made.type), ...by, ...options });
  }
}
