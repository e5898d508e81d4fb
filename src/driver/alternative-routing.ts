import type { Bus, FunctionAddress } from '../core/index.ts';
import {
  alternativeForwarding,
  capabilityId,
  express,
  expressCapabilities,
  extendedCapabilityId,
  portType,
} from '../pci/layout/index.ts';
import type { FoundBus } from './bus-numbers.ts';
import { FunctionConfig } from './function-config.ts';

/** Functions of a device, and what a bus has places for. */
const FUNCTIONS = 8;
const BUS_PLACES = 256;

/** A port that leads to a link: behind it is device 0 alone, but function numbers may go on where it forwards them (PCI Express 5.0, section 6.13). */
export class LinkPort {
  readonly config: FunctionConfig;
  readonly #at: number;

  private constructor(config: FunctionConfig, at: number) {
    this.config = config;
    this.#at = at;
  }

  /** @returns null for a function that is no such port. */
  static find(bus: Bus, fn: FunctionAddress): LinkPort | null {
    const config = new FunctionConfig(bus, fn);
    const at = config.isBridge ? config.findCapability(capabilityId.express) : 0;
    if (at === 0) return null;
    const type = config.read(express.capabilities, at) & expressCapabilities.typeMask;
    return type === portType.rootPort || type === portType.downstreamPort ? new LinkPort(config, at) : null;
  }

  /** It forwards accesses to device numbers other than 0. */
  get forwards(): boolean {
    return (this.config.read(express.deviceControl2, this.#at) & alternativeForwarding.enable) !== 0;
  }

  /** Has it do so, or no longer. @returns whether it does now: a port need not be able to. */
  forward(on: boolean): boolean {
    const { supported, enable } = alternativeForwarding;
    if ((this.config.read(express.deviceCapabilities2, this.#at) & supported) === 0) return false;
    const control = this.config.read(express.deviceControl2, this.#at);
    this.config.write(express.deviceControl2, on ? control | enable : control & ~enable, this.#at);
    return on;
  }
}

/** Has every port behind a bus forward alternative routing ids where the device behind it has such, and no other (section 6.13). */
export function followAlternativeRouting(bus: Bus, { bridges }: FoundBus): void {
  for (const { fn, behind } of bridges) {
    const [first] = behind.functions;
    if (first !== undefined && first.address % BUS_PLACES === 0) {
      const has = first.extended.some(({ id }) => id === extendedCapabilityId.alternativeRoutingId);
      LinkPort.find(bus, fn.address)?.forward(has);
    }
    followAlternativeRouting(bus, behind);
  }
}

/** Whether a routing id on a bus has a device number other than 0. */
export const needsForwarding = (routingId: number): boolean => routingId % BUS_PLACES >= FUNCTIONS;
