import { type Bus, record, type State } from '../../core/index.ts';
import type { FunctionReference } from '../../driver/index.ts';
import type { DeviceType } from '../../virtio/layout/index.ts';
import { BlockBackend, blockBackendFields } from './block-backend.ts';
import { ModernBlock, modernBlockState } from './modern-block.ts';

export const modernShimState = record('modern-shim-backend', 1, {
  ...blockBackendFields,
  block: modernBlockState,
});

/**
 * Legacy registers over a modern function that has none. A guest can tell, and some cannot live with it: docs/ways-to-legacy.md
 * says what breaks.
 */
export class ModernShimBackend extends BlockBackend<ModernBlock> {
  readonly record = modernShimState;
  readonly name = 'modern-shim';

  /**
   * @param type of the function, whose features and configuration have to be known.
   * @throws AlreadyPresentedError, and TranslatorError when there are no structures in memory, or there is no MSI-X.
   */
  constructor(bus: Bus, fn: FunctionReference, type: DeviceType) {
    super(bus, fn, (held, holder) => new ModernBlock(held, holder, fn, type));
  }

  check(state: State, path = 'back end') {
    return this.checkFields(modernShimState.parse(state, path, this.shape()), path);
  }

  save() {
    return modernShimState.save({ ...this.saveFields(), block: this.block.save() });
  }

  load(state: State): void {
    const saved = this.check(state);
    this.loadFields(saved);
    this.block.load(saved.block);
  }
}
