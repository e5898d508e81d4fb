import { expectSame, type RegisterMap } from '../core/index.ts';
import type { CapabilityList } from './capability-list.ts';
import { type ConfigListener, type ConfigSpace, reaches } from './config-space.ts';
import {
  capabilityId,
  express,
  expressCapabilities,
  expressLink,
  INITIATE_FUNCTION_RESET,
  portType,
  type0Header,
  virtualHeader,
} from './layout/index.ts';

/** What every kind of Express capability is made of: a device/port type, and a link where the function has one. */
export class ExpressRegisters {
  readonly at: number;
  protected readonly config: ConfigSpace;

  constructor(config: ConfigSpace, capabilities: CapabilityList) {
    this.config = config;
    this.at = capabilities.add(capabilityId.express, express, {});
    // Hardwired to 0 on PCI Express (section 7.5.1.1.4).
    config.setMasks(type0Header.latencyTimer.offset, 1, 0);
  }

  protected setType(type: number): void {
    const at = this.at + express.capabilities.offset;
    this.config.wire(at, 2, (this.config.get(at, 2) & ~expressCapabilities.typeMask) | type);
  }

  /** @param capabilities what the link can do besides. @param own the function says how it is used, and shows how it is. */
  protected setLink(on: boolean, capabilities = 0, own = true): void {
    const { config, at } = this;
    config.wire(at + express.linkCapabilities.offset, 4, on ? expressLink.capabilities | capabilities : 0);
    config.setMasks(at + express.linkControl.offset, 2, on && own ? expressLink.controlWritable : 0);
    config.wire(at + express.linkStatus.offset, 2, on && own ? expressLink.status : 0);
  }
}

/**
 * The Express capability of a function, and what Express changes in its header.
 *
 * A function on a root bus is a root complex integrated endpoint, and such a one claims no I/O space (PCI Express 5.0,
 * section 1.3.2.3). Behind a port it is an endpoint with a link. The one endpoint that may claim I/O is the Legacy Endpoint
 * (1.3.2.1): with an I/O BAR the function says that it is one, on a root bus too, and has a link, of the least speed and
 * width.
 *
 * How a virtual function uses its link is for its physical function to say: its own controls are reserved and its link's status reads
 * 0, whatever its link can do (sections 9.3.5.4, 9.3.5.7, 9.3.5.8, 9.3.5.10).
 */
export class ExpressCapability extends ExpressRegisters implements ConfigListener {
  readonly #function: { reset(): void };
  readonly #virtual: boolean;
  #io = false;
  #behindPort = false;

  /** `fn` is reset when software asks for a function-level reset; its header tells whether it is a virtual one. */
  constructor(config: ConfigSpace, capabilities: CapabilityList, fn: { reset(): void }, header: RegisterMap) {
    super(config, capabilities);
    const virtual = header === virtualHeader;
    this.#function = fn;
    this.#virtual = virtual;
    const control = this.at + express.deviceControl.offset;
    config.setMasks(control, 2, (virtual ? 0 : express.deviceControl.writable) | INITIATE_FUNCTION_RESET);
    if (virtual) {
      config.wire(control, 2, 0);
      config.setMasks(this.at + express.deviceControl2.offset, 2, 0);
    }
    config.listen(this);
  }

  afterWrite(start: number, end: number): void {
    const control = this.at + express.deviceControl.offset;
    if (!reaches(start, end, control, 2)) return;
    if ((this.config.get(control, 2) & INITIATE_FUNCTION_RESET) !== 0) this.#function.reset();
  }

  /** The bit that resets the function reads 0. @throws StateMismatchError for a configuration space in which it does not. */
  check(config: Uint8Array, path: string): void {
    const at = this.at + express.deviceControl.offset + 1;
    const bit = INITIATE_FUNCTION_RESET >> 8;
    expectSame(`${path}[${at}] & ${bit}`, config[at]! & bit, 0);
  }

  /** The function has an I/O BAR. */
  claimsIo(): void {
    this.#io = true;
    this.#follow();
  }

  /** It stands behind a port from now on, or no longer. */
  set behindPort(behind: boolean) {
    if (this.#behindPort === behind) return;
    this.#behindPort = behind;
    this.#follow();
  }

  #follow(): void {
    const { legacyEndpoint, endpoint, integratedEndpoint } = portType;
    this.setType(this.#io ? legacyEndpoint : this.#behindPort ? endpoint : integratedEndpoint);
    this.setLink(this.#io || this.#behindPort, 0, !this.#virtual);
  }
}
