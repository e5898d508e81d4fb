import {
  type BusTarget,
  expectSame,
  type Handlers,
  list,
  optional,
  RegisterBlock,
  record,
  type State,
  type Stateful,
  u16,
  u32,
  type Width,
} from '../../core/index.ts';
import type { ResetListener } from '../behaviour.ts';
import type { VirtioDevice } from '../device.ts';
import {
  commonConfig,
  feature,
  NO_VECTOR,
  packedAlignment,
  type QueueState,
  queueTransitions,
  splitAlignment,
} from '../layout/index.ts';
import type { QueueArea, Virtqueue } from '../queue/virtqueue.ts';
import type { VirtioInterrupts } from './interrupts.ts';
import { notificationConfigData } from './notify.ts';
import { WidthCheck } from './widths.ts';

/** The structure may be said to be longer, as a place of its own in its BAR is; past its registers it reads 0. */
export const COMMON_BYTES = 0x1000;

/** Alignment of the areas, under the names that both kinds of rings share. */
const areaAlignment = {
  split: {
    descriptor: splitAlignment.descriptors,
    driver: splitAlignment.available,
    device: splitAlignment.used,
  },
  packed: {
    descriptor: packedAlignment.descriptors,
    driver: packedAlignment.event,
    device: packedAlignment.event,
  },
} as const;

/** One half of an address of the selected queue (PCI-LAY-03). */
const area = (area: QueueArea, half: 0 | 1) => ({
  read: ({ queue }: CommonConfigWindow) => queue?.addresses.half(area, half) ?? 0,
  write: (window: CommonConfigWindow, value: number) => window.setAddress(area, half, value),
});

const handlers: Handlers<typeof commonConfig, CommonConfigWindow> = {
  deviceFeatureSelect: {
    read: ({ deviceFeatureSelect }) => deviceFeatureSelect,
    write: (window, value) => {
      window.deviceFeatureSelect = value;
    },
  },
  deviceFeature: {
    read: ({ device, deviceFeatureSelect }) => device.features.offered[deviceFeatureSelect] ?? 0,
  },
  driverFeatureSelect: {
    read: ({ driverFeatureSelect }) => driverFeatureSelect,
    write: (window, value) => {
      window.driverFeatureSelect = value;
    },
  },
  driverFeature: {
    read: ({ device, driverFeatureSelect }) => device.features.accepted[driverFeatureSelect] ?? 0,
    write: ({ device, driverFeatureSelect }, value) =>
      device.bringUp.acceptFeatures(driverFeatureSelect, value),
  },
  configMsixVector: {
    read: ({ interrupts }) => interrupts.configVector,
    write: ({ interrupts }, value) => {
      interrupts.configVector = value;
    },
  },
  numQueues: { read: ({ device }) => device.queueCount },
  deviceStatus: {
    read: ({ device }) => device.statusRegister.readModern(),
    write: ({ device }, value) => device.statusRegister.writeModern(value),
  },
  configGeneration: { read: ({ device }) => device.config.readGeneration() },
  queueSelect: {
    read: ({ queueSelect }) => queueSelect,
    write: (window, value) => {
      window.queueSelect = value;
    },
  },
  queueSize: { read: ({ queue }) => queue?.size ?? 0, write: (window, value) => window.setSize(value) },
  queueMsixVector: {
    read: ({ interrupts, queueSelect }) => interrupts.queueVector(queueSelect),
    write: ({ interrupts, queue, queueSelect }, value) => {
      if (queue !== null) interrupts.setQueueVector(queueSelect, value);
    },
  },
  queueEnable: {
    read: ({ queue }) => (queue?.ready === true ? 1 : 0),
    write: (window, value) => window.enable(value),
  },
  queueNotifyOffset: {
    read: ({ queue, queueSelect, notifyOffsets }) =>
      queue === null ? NO_VECTOR : (notifyOffsets?.[queueSelect] ?? queueSelect),
  },
  queueDescriptorLow: area('descriptor', 0),
  queueDescriptorHigh: area('descriptor', 1),
  queueDriverLow: area('driver', 0),
  queueDriverHigh: area('driver', 1),
  queueDeviceLow: area('device', 0),
  queueDeviceHigh: area('device', 1),
  // The last fields exist where their features were accepted, and read 0 elsewhere.
  queueNotifConfigData: {
    read: ({ queue, device, queueSelect }) =>
      queue !== null && device.has(feature.notificationConfigData) ? notificationConfigData(queueSelect) : 0,
  },
  queueReset: {
    read: ({ device, queueSelect }) => (device.queueResetRuns(queueSelect) ? 1 : 0),
    write: (window, value) => window.resetQueue(value),
  },
  adminQueueIndex: { read: ({ device }) => (device.adminQueueCount > 0 ? device.queueCount : 0) },
  adminQueueNum: { read: ({ device }) => device.adminQueueCount },
};

const block = new RegisterBlock(commonConfig, handlers, COMMON_BYTES, 'zeros');

/** `notifyOffsets` is what the window was made with: drivers remember it. */
export const commonConfigState = record(
  'common-configuration',
  2,
  {
    deviceFeatureSelect: u32,
    driverFeatureSelect: u32,
    queueSelect: u16,
    notifyOffsets: optional(list(u16)),
  },
  { upgrades: { 1: (older) => ({ ...older, notifyOffsets: null }) } },
);

/** The common configuration structure: the modern window on a device. */
export class CommonConfigWindow implements BusTarget, ResetListener, Stateful {
  deviceFeatureSelect = 0;
  driverFeatureSelect = 0;
  queueSelect = 0;
  readonly record = commonConfigState;
  readonly device: VirtioDevice;
  readonly notifyOffsets: readonly number[] | null;
  readonly interrupts: VirtioInterrupts;
  readonly #widths: WidthCheck;

  /** @param notifyOffsets what queue_notify_off shows of each queue; null for its own number. */
  constructor(device: VirtioDevice, interrupts: VirtioInterrupts, notifyOffsets: readonly number[] | null) {
    this.device = device;
    this.interrupts = interrupts;
    this.notifyOffsets = notifyOffsets;
    this.#widths = new WidthCheck(device, commonConfig, 'the common configuration');
    device.onReset(this);
  }

  /** The selected queue, or null. */
  get queue(): Virtqueue | null {
    return this.device.queue(this.queueSelect);
  }

  deviceReset(): void {
    this.deviceFeatureSelect = this.driverFeatureSelect = this.queueSelect = 0;
  }

  /** One half of an address of the selected queue is written (PCI-LAY-03). */
  setAddress(area: QueueArea, half: 0 | 1, value: number): void {
    const { queue, device } = this;
    const what = `${half === 0 ? 'lower' : 'upper'} half of an address`;
    if (queue === null) {
      if (value !== 0) this.#reportAbsent('an address', what, value);
    } else if (queue.ready)
      device.report('driver', 'PCI-COM-21', 'an enabled queue was moved', this.#about(what, value));
    else {
      queue.addresses.setHalf(area, half, value);
      queue.relocate();
    }
  }

  /** PCI-COM-15, PCI-COM-19, PCI-COM-20: powers of two up to the size offered; a packed ring takes any size. */
  setSize(value: number): void {
    const queue = this.queue;
    const device = this.device;
    if (queue === null) this.#reportAbsent('a size', 'queue size', value);
    else if (queue.ready)
      device.report(
        'driver',
        'PCI-COM-21',
        'the size of an enabled queue was written',
        this.#about('queue size', value),
      );
    else if (queue.takesSize(value)) {
      queue.size = value;
      queue.relocate();
    } else {
      const packed = device.has(feature.ringPacked);
      const clause = value > queue.maxSize ? 'PCI-VQ-01' : packed ? 'PCI-COM-19' : 'PCI-COM-20';
      device.report('driver', clause, 'a queue size that cannot be taken', this.#about('queue size', value));
    }
  }

  /** A number that the driver wrote for the selected queue. */
  #about(what: string, value: number) {
    return { what, value, queue: this.queueSelect };
  }

  /** Where the selected queue is in its life. */
  #queueState(): QueueState {
    if (this.queue === null) return 'absent';
    if (this.device.queueResetRuns(this.queueSelect)) return 'resetting';
    return this.queue.ready ? 'ready' : 'unset';
  }

  enable(value: number): void {
    const { device, queue } = this;
    const about = this.#about('queue_enable', value);
    if (value !== 1) {
      device.report('driver', 'PCI-COM-23', 'queue_enable was written with other than 1', about);
      return;
    }
    const transition = queueTransitions.enable[this.#queueState()];
    if ('clause' in transition) device.report('driver', transition.clause, transition.message, about);
    if ('clause' in transition || queue === null) return;
    device.conduct.goesOn('a queue was enabled', 'queue_enable', value, this.queueSelect);
    if (!queue.ready) this.#checkAlignment(queue);
    queue.ready = transition.to === 'ready';
  }

  /** `what` names `value`. */
  #reportAbsent(written: string, what: string, value: number): void {
    const message = `${written} was written for a queue that does not exist`;
    this.device.report('driver', 'PCI-VQ-01', message, this.#about(what, value));
  }

  /** A ring that lies askew is said, and served. */
  #checkAlignment({ addresses }: Virtqueue): void {
    const device = this.device;
    const packed = device.has(feature.ringPacked);
    for (const area of ['descriptor', 'driver', 'device'] as const) {
      const alignment = areaAlignment[packed ? 'packed' : 'split'][area];
      if (addresses.half(area, 0) % alignment === 0) continue;
      device.report(
        'driver',
        packed ? 'PKD-LAY-03' : 'SPL-LAY-01',
        `the ring's ${area} area is not aligned to ${alignment} bytes`,
        this.#about('address', addresses.get(area)),
      );
    }
  }

  /** PCI-COM-11 */
  resetQueue(value: number): void {
    const device = this.device;
    if (!device.has(feature.ringReset) || value !== 1)
      device.report(
        'driver',
        value === 1 ? 'BF-FEAT-03' : 'PCI-COM-24',
        value === 1
          ? 'queue_reset was written without RING_RESET'
          : 'queue_reset was written with other than 1',
        this.#about('queue_reset', value),
      );
    else {
      const transition = queueTransitions.reset[this.#queueState()];
      if ('to' in transition && transition.to === 'resetting') device.startQueueReset(this.queueSelect);
    }
  }

  read(offset: number, width: Width): number {
    this.#widths.check(offset, width);
    return block.read(this, offset, width);
  }

  write(offset: number, width: Width, value: number): void {
    this.device.speak('modern');
    this.#widths.check(offset, width);
    block.write(this, offset, width, value);
  }

  widthAt(offset: number): Width {
    return block.widthAt(offset);
  }

  save() {
    return commonConfigState.save({
      deviceFeatureSelect: this.deviceFeatureSelect,
      driverFeatureSelect: this.driverFeatureSelect,
      queueSelect: this.queueSelect,
      notifyOffsets: this.notifyOffsets,
    });
  }

  check(state: State, path = 'common configuration') {
    const saved = commonConfigState.parse(state, path);
    const text = (offsets: readonly number[] | null) => offsets?.join(', ') ?? 'their own numbers';
    expectSame(`${path}.notifyOffsets`, text(saved.notifyOffsets), text(this.notifyOffsets));
    return saved;
  }

  load(state: State): void {
    const saved = this.check(state);
    this.deviceFeatureSelect = saved.deviceFeatureSelect;
    this.driverFeatureSelect = saved.driverFeatureSelect;
    this.queueSelect = saved.queueSelect;
  }
}
