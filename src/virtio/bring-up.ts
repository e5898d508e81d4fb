import type { FindingAbout, Party } from '../core/index.ts';
import type { DeviceBehaviour, InterruptPort } from './behaviour.ts';
import { ringIsLittle, type ToldOrder } from './byte-order.ts';
import { reachClause, type Speaker } from './clauses.ts';
import type { DriverConduct } from './conduct.ts';
import type { ByteOrder } from './config.ts';
import { feature } from './layout/index.ts';
import { type FeatureNegotiation, STRAY_ADDRESSES } from './negotiation.ts';
import type { QueueService } from './queue/service.ts';
import type { RingMode } from './queue/virtqueue.ts';

/** The device that is brought up. */
interface BringUpOwner extends Speaker {
  readonly behaviour: DeviceBehaviour;
  readonly features: FeatureNegotiation;
  readonly conduct: DriverConduct;
  readonly told: ToldOrder | null;
  readonly options: { readonly guestEndian: ByteOrder };
  readonly statusRegister: { fail(): void };
  report(party: Party, clause: string, message: string, about?: FindingAbout): void;
  fail(clause: string, message: string): void;
  /** The driver can know of a queue of that number. */
  shows(queue: number): boolean;
  readonly interrupts: InterruptPort;
  resetQueue(queue: number): void;
  /** The chains of a queue are dead. */
  queueDropped(queue: number): void;
}

/** Modes that devices have had: few, and alike for most. The latest is the likeliest. */
const modes: RingMode[] = [];
let names: readonly (keyof RingMode)[] = [];

const isAs = (a: RingMode, b: RingMode) => names.every((name) => a[name] === b[name]);

function shareMode(mode: RingMode): RingMode {
  const at = modes.findIndex((known) => isAs(known, mode));
  if (at >= 0) return modes[at]!;
  names = Object.keys(mode) as (keyof RingMode)[];
  modes.unshift(mode);
  return mode;
}

/** How a driver brings a device up: the features that it accepts, what queues make of them, and DRIVER_OK. */
export class BringUp {
  readonly #device: BringUpOwner;
  readonly #queues: readonly QueueService[];

  constructor(device: BringUpOwner, queues: readonly QueueService[]) {
    this.#device = device;
    this.#queues = queues;
  }

  acceptFeatures(word: number, value: number): void {
    const { features, conduct } = this.#device;
    if (word >= features.accepted.length) return;
    conduct.goesOn('features were written', 'feature bits', value);
    if (features.accept(word, value)) this.updateMode();
    else
      this.#device.report('driver', 'INIT-04', 'features were written after FEATURES_OK', {
        what: 'feature bits',
        value,
      });
  }

  acceptLegacyFeatures(value: number): void {
    const { features, conduct } = this.#device;
    conduct.goesOn('features were written', 'feature bits', value);
    features.acceptLegacy(value);
    this.updateMode();
  }

  /** BF-FEAT-11: what cannot stand is refused, and said. */
  settleFeatures(): boolean {
    const device = this.#device;
    if (device.features.agreed) return true;
    const objection = device.features.settle();
    this.updateMode();
    if (objection !== null) {
      device.report(objection.party ?? 'driver', objection.clause, objection.message, objection.about);
      return false;
    }
    device.behaviour.negotiated?.();
    return true;
  }

  /** DRIVER_OK was set without an agreement on features. */
  refuse(): void {
    this.#device.features.refuse();
    this.updateMode();
  }

  /** DRIVER_OK was set, and the device is live. */
  started(): void {
    const { features, behaviour } = this.#device;
    if (features.strayAddresses) this.#failAstray();
    behaviour.started?.();
  }

  /** RF-17: what the driver may refuse. A legacy one is never asked for its consent (LEG-LAY-10): the device gives up. */
  #failAstray(): void {
    const device = this.#device;
    if (!device.legacyDriver) device.fail('RF-03', STRAY_ADDRESSES);
    else {
      device.report('device', 'RF-17', STRAY_ADDRESSES);
      device.statusRegister.fail();
    }
  }

  /** Queues follow the features that are in force, and the interface that the driver speaks. */
  updateMode(): void {
    const device = this.#device;
    const addressClause = reachClause(device);
    const usual = {
      indirect: device.has(feature.ringIndirectDescriptors),
      eventIndex: device.has(feature.ringEventIndex),
      notifyOnEmpty: device.legacyDriver && device.has(feature.notifyOnEmpty),
      inOrder: device.has(feature.inOrder),
      packed: device.has(feature.ringPacked),
      ringClause: device.legacyDriver ? 'LEG-VQ-02' : addressClause,
      addressClause,
    };
    const modeOf = (littleEndian: boolean) => shareMode({ littleEndian, ...usual });
    const first = ringIsLittle(device, 0);
    const shared = modeOf(first);
    for (const queue of this.#queues) {
      const order = ringIsLittle(device, queue.index);
      if (queue.setMode(order === first ? shared : modeOf(order))) device.queueDropped(queue.index);
      // A driver that gave ADMIN_VQ up again may have set up queues that are not there.
      if (device.shows(queue.index)) continue;
      device.resetQueue(queue.index);
      device.interrupts.queueReset(queue.index);
    }
  }
}
