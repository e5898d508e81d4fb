import type { CapabilityList } from './capability-list.ts';
import { type ConfigListener, type ConfigSpace, reaches } from './config-space.ts';
import {
  capabilityId,
  express,
  expressCapabilities,
  INITIATE_FUNCTION_RESET,
  legacyEndpoint,
  type0Header,
} from './layout/index.ts';

/**
 * The Express capability of a function, and what Express changes in its header.
 *
 * A function on the root bus is a root complex integrated endpoint, and such a one claims no I/O space (PCI Express 5.0,
 * section 1.3.2.3). The one endpoint that may is the Legacy Endpoint (1.3.2.1): with an I/O BAR the function says that it
 * is one. It would stand below a root port; here the root bus stands for that, so it has a link, of the least speed and
 * width.
 */
export class ExpressCapability implements ConfigListener {
  readonly #config: ConfigSpace;
  readonly #at: number;
  readonly #function: { reset(): void };

  /** `fn` is reset when software asks for a function-level reset. */
  constructor(config: ConfigSpace, capabilities: CapabilityList, fn: { reset(): void }) {
    this.#config = config;
    this.#function = fn;
    this.#at = capabilities.add(capabilityId.express, express, {});
    // Hardwired to 0 on PCI Express (section 7.5.1.1.4).
    config.setMasks(type0Header.latencyTimer.offset, 1, 0);
    const control = this.#at + express.deviceControl.offset;
    config.setMasks(control, 2, express.deviceControl.writable | INITIATE_FUNCTION_RESET);
    config.listen(this);
  }

  afterWrite(start: number, end: number): void {
    const control = this.#at + express.deviceControl.offset;
    if (!reaches(start, end, control, 2)) return;
    if ((this.#config.get(control, 2) & INITIATE_FUNCTION_RESET) !== 0) this.#function.reset();
  }

  /** The function has an I/O BAR. */
  claimsIo(): void {
    const { linkCapabilities, linkControlWritable, linkStatus } = legacyEndpoint;
    const config = this.#config;
    const at = this.#at + express.capabilities.offset;
    const others = config.get(at, 2) & ~expressCapabilities.typeMask;
    config.wire(at, 2, others | expressCapabilities.legacyEndpoint);
    config.wire(this.#at + express.linkCapabilities.offset, 4, linkCapabilities);
    config.setMasks(this.#at + express.linkControl.offset, 2, linkControlWritable);
    config.wire(this.#at + express.linkStatus.offset, 2, linkStatus);
  }
}
