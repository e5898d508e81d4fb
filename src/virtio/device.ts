import {
  type DmaDomain,
  type FindingAbout,
  findingOf,
  immediate,
  type Party,
  type Scheduler,
  type State,
  type Stateful,
  type Task,
} from '../core/index.ts';
import {
  type AnyConfig,
  type DeviceAdministration,
  type DeviceBehaviour,
  type DevicePlace,
  type InterruptPort,
  noInterrupts,
  type ResetListener,
  type VirtioDeviceOptions,
} from './behaviour.ts';
import { BringUp } from './bring-up.ts';
import { requestsAreLittle, type ToldOrder } from './byte-order.ts';
import { claimUsers } from './claim.ts';
import { DriverConduct } from './conduct.ts';
import type { DevicePort } from './device-port.ts';
import { DeviceQueues } from './device-queues.ts';
import { completed } from './device-shape.ts';
import { checkDevice, deviceManifest, type SavedVirtioDevice, saveDevice } from './device-state.ts';
import { DmaGate } from './dma-gate.ts';
import { explainAbsent, explainKick } from './idle-kick.ts';
import { deviceStatus, feature } from './layout/index.ts';
import { DeviceMode } from './mode.ts';
import { type DriverInterface, FeatureNegotiation } from './negotiation.ts';
import type { Chain } from './queue/chain.ts';
import type { QueueOwner } from './queue/owner.ts';
import type { QueueService } from './queue/service.ts';
import type { Virtqueue } from './queue/virtqueue.ts';
import { type StatusOwner, StatusRegister } from './status.ts';

const NO_LISTENERS: readonly ResetListener[] = [];

/**
 * A virtio device: status, features, configuration, queues, reset. It knows nothing of PCI; windows and the interrupt
 * port stand between it and a bus.
 */
export class VirtioDevice implements DevicePort, QueueOwner, StatusOwner, Stateful {
  readonly behaviour: DeviceBehaviour;
  readonly options: Required<VirtioDeviceOptions>;
  readonly features: FeatureNegotiation;
  readonly statusRegister: StatusRegister;
  readonly conduct = new DriverConduct(this);
  /** What the owner of its group makes of it. */
  readonly mode: DeviceMode;
  interrupts: InterruptPort = noInterrupts;
  #resetListeners = NO_LISTENERS;
  /** Of a group's owner. */
  readonly administration: DeviceAdministration | null;
  /** Queues follow it at the next `bringUp.updateMode()`. */
  told: ToldOrder | null = null;
  /** Queues of the device type: num_queues. Those of the administration follow. */
  readonly queueCount: number;
  readonly queues: DeviceQueues;
  readonly #queues: readonly QueueService[];
  /** How windows pass features on. */
  readonly bringUp: BringUp;
  #place: DevicePlace | null = null;
  readonly #gate = new DmaGate();

  /**
   * @throws QueueSizeError, QueueCountError, FeatureBitError, UnsupportedFeatureError, UnmetDependencyError,
   * BehaviourInUseError, AdministrationInUseError; the behaviour is then free for another try.
   */
  constructor(behaviour: DeviceBehaviour, options: VirtioDeviceOptions) {
    const { administration = null } = options;
    this.queues = new DeviceQueues(behaviour, administration, this);
    this.#queues = this.queues.services;
    this.mode = new DeviceMode(this, this.queues.batch);
    this.behaviour = behaviour;
    this.administration = administration;
    this.queueCount = this.queues.typeCount;
    this.options = completed(options);
    this.statusRegister = new StatusRegister(this, this.options.resetReads);
    const { transportFeatures, legacy } = this.options;
    const own = administration === null ? [] : [feature.adminQueue];
    this.features = new FeatureNegotiation(behaviour, transportFeatures, legacy, this, own);
    claimUsers(behaviour, administration);
    this.bringUp = new BringUp(this, this.#queues);
    this.bringUp.updateMode();
    behaviour.attach(this);
    administration?.attach(this);
  }

  /** Tells a window of resets from now on. */
  onReset(listener: ResetListener): void {
    this.#resetListeners = this.#resetListeners.concat(listener);
  }

  get name(): string {
    return this.behaviour.type.functionName;
  }

  get config(): AnyConfig {
    return this.behaviour.config;
  }

  get status(): number {
    return this.statusRegister.value;
  }

  /** Queues of the administration, which follow those of the type; they exist where ADMIN_VQ was accepted (PCI-COM-16). */
  get adminQueueCount(): number {
    return this.has(feature.adminQueue) ? this.#queues.length - this.queueCount : 0;
  }

  /** The ring of a queue that exists, or null. */
  queue(index: number): Virtqueue | null {
    const ring = this.#queues[index]?.ring;
    return ring === undefined || ring.maxSize === 0 || !this.shows(index) ? null : ring;
  }

  /** The driver can know of a queue of that number. */
  shows(index: number): boolean {
    return index < this.queueCount || this.has(feature.adminQueue);
  }

  /** The driver speaks by a legacy window (LEG-FEAT-04). */
  get legacyDriver(): boolean {
    return this.features.legacyDriver;
  }

  /** The driver wrote through a window of that interface. Where none has written since the reset, it is that one's now. */
  speak(by: DriverInterface): void {
    if (this.features.spoken !== null) return;
    this.features.speak(by);
    this.bringUp.updateMode();
  }

  /** Byte order of requests as the driver in charge sees them. Each window has its own for configuration. */
  get littleEndian(): boolean {
    return requestsAreLittle(this);
  }

  has(bit: number): boolean {
    return this.features.has(bit);
  }

  /** Memory that the device reaches; null while it is plugged nowhere. */
  get dma(): DmaDomain | null {
    return this.#place?.dma ?? null;
  }

  get scheduler(): Scheduler {
    return this.#place?.scheduler ?? immediate;
  }

  /** Plugs the device in. */
  connect(place: DevicePlace): void {
    this.#place = place;
    this.features.placed(place.dma);
    this.queues.connect(place);
  }

  disconnect(): void {
    this.resetFunction();
    this.#place = null;
  }

  /** Says that somebody breaks a clause, to whoever listens; to nobody while the device is plugged nowhere. */
  report(party: Party, clause: string, message: string, about?: FindingAbout): void {
    const place = this.#place;
    if (place !== null) place.report(findingOf(place, party, clause, message, about));
  }

  /**
   * Bus mastering went on or off. Kicks and completions that came in between are served when it comes back, but not where a
   * state is about to be loaded in which it is on.
   */
  setDmaEnabled(on: boolean, loading = false): void {
    this.#gate.enabled = on;
    if (!loading) this.#catchUp();
  }

  #catchUp(): void {
    if (!this.dmaEnabled) return;
    // What these lead to may bring the driver to switch bus mastering off again.
    for (const task of this.#gate.take()) this.whenDma(task);
    for (const queue of this.#queues) if (this.dmaEnabled) queue.dmaEnabled();
  }

  /** Runs a task that touches guest memory: now, or when DMA is possible again. */
  whenDma(task: Task): void {
    if (this.dmaEnabled) task.run();
    else this.#gate.wait(task);
  }

  /** Tasks wait until guest memory may be touched. */
  get waitsForDma(): boolean {
    return !this.#gate.idle;
  }

  /** The driver has seen that the device is suspended: it does nothing, and its configuration stays as it is (SUSP-09). */
  get suspended(): boolean {
    return this.statusRegister.suspension.suspended;
  }

  get idle(): boolean {
    return this.queues.idle;
  }

  settleFeatures(): boolean {
    return this.bringUp.settleFeatures();
  }

  started(): void {
    this.conduct.starts();
    if (!this.#live()) this.bringUp.refuse();
    else {
      this.bringUp.started();
      this.queues.kickAll();
    }
  }

  resumed(): void {
    if (this.mode.stopped) return;
    this.interrupts.release();
    this.#catchUp();
    this.queues.kickAll();
  }

  /** Stops one queue: nothing of it is executed or reported any more (BF-VQR-01, BF-VQR-02). */
  resetQueue(index: number): void {
    this.#queues[index]!.reset();
    this.interrupts.queueStopped(index);
    this.queueDropped(index);
    this.mode.settle();
  }

  /** The chains of a queue are dead. */
  queueDropped(index: number): void {
    this.queues.userOf(index).queueReset?.(index);
  }

  /** The driver resets one queue by its register (PCI-COM-11). */
  startQueueReset(index: number): void {
    this.resetQueue(index);
    this.interrupts.queueReset(index);
    this.queues.resets.start(index);
  }

  /** The reset of a queue is not finished (PCI-COM-12). */
  queueResetRuns(index: number): boolean {
    return this.queues.resets.running(index);
  }

  /** A kick. Spurious ones, and those of absent queues, are taken without effect (SPL-ANS-12). */
  notify(index: number): void {
    const queue = this.#queues[index];
    if (queue === undefined || queue.ring.maxSize === 0 || !this.shows(index)) {
      explainAbsent(this, index);
      return;
    }
    if (!this.conduct.kicks(index) && !this.mode.halted) explainKick(this, queue);
    queue.kick();
  }

  /** The driver is there, and both agree on what they speak. */
  #live(): boolean {
    return this.features.agreed && (this.status & deviceStatus.driverOk) !== 0;
  }

  /** LEG-INIT-03: a legacy driver's queues work before DRIVER_OK; BF-STAT-05: nobody else's do. */
  get served(): boolean {
    return this.legacyDriver || this.#live();
  }

  get stopping(): boolean {
    return this.statusRegister.suspension.stopped;
  }

  /** Chains are taken. */
  get mayRun(): boolean {
    const halted = this.mode.halted || this.statusRegister.broken || this.stopping;
    return this.served && !halted && !this.features.strayAddresses;
  }

  get dmaEnabled(): boolean {
    return this.#gate.enabled && !this.suspended && !this.mode.stopped;
  }

  handle(chain: Chain): void {
    if (chain.queue < this.queueCount) this.behaviour.handle(chain);
    else this.administration!.handle(chain);
  }

  resumeChain(chain: Chain, request: State): void {
    this.queues.resumeChain(chain, request);
  }

  interrupt(index: number): void {
    this.interrupts.queue(index);
  }

  /**
   * The behaviour is done with a chain: `length` bytes were written, from the first writable byte on (SPL-USED-02). What a
   * behaviour gets wrong here is reported against the device: a chain that it was never given or has completed before, which
   * is left alone, and more bytes than the chain has room for, which are cut.
   * @param lingers a back end goes on with the request all the same: {@link letGo} follows.
   */
  complete(chain: Chain, length: number, lingers = false): void {
    this.queues.complete(this, chain, length, lingers);
  }

  /** No back end works any more on a request whose chain was `held`, and died or was completed before. */
  letGo(chain: Chain): void {
    this.#queues[chain.queue]!.letGo(chain);
  }

  /** Whatever `body` completes, in whichever queues, is published at its end, with one interrupt a queue. */
  batch(body: () => void): void {
    this.queues.batch.run(body);
  }

  /** Publishes what was completed so far before anything that is completed from now on, batch or not (SCSI-OP-08). */
  publish(): void {
    this.queues.batch.publish();
  }

  /**
   * The configuration changed by itself: the driver is told (OPER-01). Before DRIVER_OK, and after a reset, there is nobody
   * to be told, by whatever interface (BF-RST-02): the fields and the generation say what there is to say, and nothing is
   * made up for later.
   */
  configChanged(): void {
    if (this.statusRegister.suspension.mayTell() && this.#live()) this.interrupts.config();
  }

  /** An error that only a reset mends (BF-STAT-06, BF-STAT-07). */
  fail(clause: string, message: string, about?: FindingAbout): void {
    this.report('driver', clause, message, about);
    this.statusRegister.fail();
  }

  /** Back to the state after power-on; done when this returns (BF-RST-01, BF-RST-02). */
  reset(): void {
    this.statusRegister.reset();
    this.features.reset();
    this.queues.reset();
    this.#gate.open();
    this.bringUp.updateMode();
    this.behaviour.reset();
    this.administration?.reset();
    this.interrupts.reset();
    this.mode.reset();
    for (const listener of this.#resetListeners) listener.deviceReset();
  }

  /** The function is reset, or unplugged: no owner has stopped it any more (ADP-04). */
  resetFunction(): void {
    this.mode.resetFunction();
    this.reset();
  }

  check(state: State, path: string = `device ${this.name}`) {
    return checkDevice(this, this.queues, state, path);
  }

  manifest() {
    return deviceManifest(this);
  }

  save() {
    return saveDevice(this, this.queues);
  }

  load(state: State): void {
    this.restore(this.check(state));
  }

  /** Loads a state that is known to be right. */
  restore(saved: SavedVirtioDevice): void {
    this.statusRegister.load(saved.status);
    if (this.suspended) this.interrupts.hold();
    this.mode.load(saved.mode);
    this.features.restore(saved.features);
    this.bringUp.updateMode();
    this.config.restore(saved.config);
    this.behaviour.load(saved.behaviour);
    this.administration?.load(saved.administration);
    this.queues.restore(saved.queues, saved.queueResets);
    this.#gate.open();
  }

  /** Goes on with what was in flight when the state was saved. */
  resume(): void {
    this.behaviour.goOn?.();
    this.queues.resume();
    this.mode.settle();
  }
}
