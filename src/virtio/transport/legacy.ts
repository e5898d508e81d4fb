import {
  type BusTarget,
  type Handlers,
  RegisterBlock,
  readPieces,
  record,
  type State,
  type Stateful,
  shape,
  u16,
  type Width,
  writePieces,
} from '../../core/index.ts';
import type { ResetListener } from '../behaviour.ts';
import type { ByteOrder } from '../config.ts';
import type { VirtioDevice } from '../device.ts';
import {
  LEGACY_CONFIG_OFFSET,
  LEGACY_CONFIG_OFFSET_MSIX,
  legacyHeader,
  legacyHeaderWithVectors,
  legacyRingLayout,
  NOTIFY_READS,
  QUEUE_ADDRESS_UNIT,
} from '../layout/index.ts';
import type { VirtioInterrupts } from './interrupts.ts';

export const legacyWindowState = record('legacy-window', 1, { shape, queueSelect: u16 });

/** When the two vector registers stand in the block: while MSI-X is enabled (LEG-LAY-07), or always. */
export type MsixShift = 'as-legacy' | 'fixed';

/** Queue address: the page where a ring of the size offered lies, or 0 to take the queue down (LEG-VQ-02). */
function setQueuePage(device: VirtioDevice, index: number, page: number): void {
  const queue = device.queue(index);
  if (queue === null) {
    if (page !== 0)
      device.report('driver', 'LEG-VQ-02', 'an address for a queue that does not exist', {
        what: 'page number',
        value: page,
        queue: index,
      });
    return;
  }
  device.resetQueue(index);
  if (page === 0) return;
  device.conduct.goesOn('a queue was given an address', 'page number', page, index);
  const base = page * QUEUE_ADDRESS_UNIT;
  const layout = legacyRingLayout(queue.size);
  queue.addresses.set('descriptor', base);
  queue.addresses.set('driver', base + layout.available);
  queue.addresses.set('device', base + layout.used);
  queue.relocate();
  queue.ready = true;
}

const handlers: Handlers<typeof legacyHeaderWithVectors, LegacyWindow> = {
  deviceFeatures: { read: ({ device }) => device.features.offeredLegacy },
  driverFeatures: {
    read: ({ device }) => device.features.accepted[0]!,
    write: ({ device }, value) => device.bringUp.acceptLegacyFeatures(value),
  },
  queueAddress: {
    read: ({ device, queueSelect }) => {
      const base = device.queue(queueSelect)?.addresses.get('descriptor') ?? 0;
      return Math.floor(base / QUEUE_ADDRESS_UNIT) % 2 ** 32;
    },
    write: ({ device, queueSelect }, value) => setQueuePage(device, queueSelect, value),
  },
  queueSize: { read: ({ device, queueSelect }) => device.queue(queueSelect)?.size ?? 0 },
  queueSelect: {
    read: ({ queueSelect }) => queueSelect,
    write: (window, value) => {
      window.queueSelect = value;
    },
  },
  queueNotify: { read: () => NOTIFY_READS, write: ({ device }, value) => device.notify(value) },
  deviceStatus: {
    read: ({ device }) => device.statusRegister.read(),
    write: ({ device }, value) => device.statusRegister.write(value),
  },
  isrStatus: { read: ({ interrupts }) => interrupts.readIsr() },
  configMsixVector: {
    read: ({ interrupts }) => interrupts.configVector,
    write: ({ interrupts }, value) => {
      interrupts.configVector = value;
    },
  },
  queueMsixVector: {
    read: ({ interrupts, queueSelect }) => interrupts.queueVector(queueSelect),
    write: ({ device, interrupts, queueSelect }, value) => {
      if (device.queue(queueSelect) !== null) interrupts.setQueueVector(queueSelect, value);
    },
  },
};

const plain = new RegisterBlock(legacyHeader, handlers, LEGACY_CONFIG_OFFSET, 'ones');
const withVectors = new RegisterBlock(legacyHeaderWithVectors, handlers, LEGACY_CONFIG_OFFSET_MSIX, 'ones');

/**
 * The legacy register block, to be put into an I/O BAR or anywhere else. Header registers are little-endian; device
 * configuration, right after the header in force (LEG-LAY-09), is in the guest's order. An unaligned access is carried out
 * as aligned pieces, so that one across the end of the header reaches both sides (LEG-LAY-03).
 */
export class LegacyWindow implements BusTarget, ResetListener, Stateful {
  /** The queue that the queue registers are about. */
  queueSelect = 0;
  readonly record = legacyWindowState;
  readonly device: VirtioDevice;
  readonly interrupts: VirtioInterrupts;
  readonly #shift: MsixShift;
  readonly #config: BusTarget;

  /** @param order of device configuration: by default that of the guest. */
  constructor(
    device: VirtioDevice,
    interrupts: VirtioInterrupts,
    shift: MsixShift = 'as-legacy',
    order: ByteOrder = device.options.guestEndian,
  ) {
    this.device = device;
    this.interrupts = interrupts;
    this.#shift = shift;
    this.#config = device.config[order];
    device.onReset(this);
  }

  deviceReset(): void {
    this.queueSelect = 0;
  }

  /** The two vector registers stand in the block (LEG-LAY-07). */
  vectorsShown(): boolean {
    return this.#shift === 'fixed' || this.interrupts.function.msixEnabled;
  }

  /** Where device configuration begins (LEG-LAY-09). */
  configOffset(): number {
    return this.vectorsShown() ? LEGACY_CONFIG_OFFSET_MSIX : LEGACY_CONFIG_OFFSET;
  }

  read(offset: number, width: Width): number {
    if ((offset & (width - 1)) !== 0) return readPieces(this, offset, width);
    if (this.vectorsShown())
      return offset < LEGACY_CONFIG_OFFSET_MSIX
        ? withVectors.read(this, offset, width)
        : this.#config.read(offset - LEGACY_CONFIG_OFFSET_MSIX, width);
    return offset < LEGACY_CONFIG_OFFSET
      ? plain.read(this, offset, width)
      : this.#config.read(offset - LEGACY_CONFIG_OFFSET, width);
  }

  write(offset: number, width: Width, value: number): void {
    this.device.speak('legacy');
    if ((offset & (width - 1)) !== 0) writePieces(this, offset, width, value);
    else if (this.vectorsShown()) {
      if (offset < LEGACY_CONFIG_OFFSET_MSIX) withVectors.write(this, offset, width, value);
      else this.#config.write(offset - LEGACY_CONFIG_OFFSET_MSIX, width, value);
    } else if (offset < LEGACY_CONFIG_OFFSET) plain.write(this, offset, width, value);
    else this.#config.write(offset - LEGACY_CONFIG_OFFSET, width, value);
  }

  widthAt(offset: number): Width {
    return (this.vectorsShown() ? withVectors : plain).widthAt(offset);
  }

  #shape() {
    return { vectorRegisters: this.#shift };
  }

  check(state: State, path = 'legacy block') {
    return legacyWindowState.parse(state, path, this.#shape());
  }

  save() {
    return legacyWindowState.save({ shape: this.#shape(), queueSelect: this.queueSelect });
  }

  load(state: State): void {
    this.queueSelect = this.check(state).queueSelect;
  }
}
