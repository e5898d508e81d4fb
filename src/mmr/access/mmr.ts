import { type Bus, record, type State, type Width } from '../../core/index.ts';
import type { FunctionReference } from '../../driver/index.ts';
import { MAX_IO_BYTES } from '../../pci/layout/index.ts';
import { LEGACY_CONFIG_OFFSET_MSIX, legacyHeader } from '../../virtio/layout/index.ts';
import type { Draft } from '../layout/index.ts';
import { TranslatorError } from './backend.ts';
import { BlockBackend, blockBackendFields } from './block-backend.ts';
import { findBlock } from './find-block.ts';
import type { HeldFunction, WindowPlace } from './held-function.ts';
import type { HostBlock } from './host-block.ts';

const { queueNotify } = legacyHeader;

export const mmrState = record('mmr-backend', 1, blockBackendFields);

/** The block that a draft's capability names, in a memory BAR. */
class MmrBlock implements HostBlock {
  readonly place: WindowPlace;
  readonly configBytes: number;
  readonly shape: { readonly draft: string };
  readonly readsBack: boolean;
  readonly posted = true;
  readonly #bus: Bus;
  readonly #held: HeldFunction;

  /** @throws TranslatorError when the capability is missing or leads nowhere. */
  constructor(held: HeldFunction, draft: Draft) {
    const { host } = held;
    const place = findBlock(host, host.extendedCapabilities(), draft, (bar) => host.barBytes(bar, 'memory'));
    if (place === null)
      throw new TranslatorError(`the function has no ${draft.name} capability for a legacy block`);
    if (place.length > MAX_IO_BYTES)
      throw new TranslatorError(
        `a legacy block of ${place.length} bytes: a guest's I/O BAR holds ${MAX_IO_BYTES}`,
      );
    this.place = { ...place, kind: 'memory' };
    this.configBytes = place.length - LEGACY_CONFIG_OFFSET_MSIX;
    this.shape = { draft: draft.name };
    this.readsBack = draft.resetHandshake === 'read-back';
    this.#bus = host.bus;
    this.#held = held;
  }

  read(offset: number, width: Width): number {
    return this.#bus.memoryRead(this.#held.base + offset, width);
  }

  write(offset: number, width: Width, value: number): void {
    this.#bus.memoryWrite(this.#held.base + offset, width, value);
  }

  kick(width: Width, value: number): void {
    this.write(queueNotify.offset, width, value);
  }
}

/** Legacy register accesses as memory accesses to the block that the draft's capability names. */
export class MmrBackend extends BlockBackend<MmrBlock> {
  readonly record = mmrState;
  readonly name = 'mmr';

  /**
   * @throws AlreadyPresentedError, and TranslatorError when the draft's capability is missing or leads nowhere, or there is
   * no MSI-X.
   */
  constructor(bus: Bus, fn: FunctionReference, draft: Draft) {
    super(bus, fn, (held) => new MmrBlock(held, draft));
  }

  check(state: State, path = 'back end') {
    return this.checkFields(mmrState.parse(state, path, this.shape()), path);
  }

  save() {
    return mmrState.save(this.saveFields());
  }

  load(state: State): void {
    this.loadFields(this.check(state));
  }
}
