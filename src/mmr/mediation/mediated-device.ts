import {
  anyState,
  type Finding,
  flag,
  list,
  record,
  type State,
  u16,
  VirtiolabError,
} from '../../core/index.ts';
import {
  type ByteOrder,
  type Chain,
  type DeviceBehaviour,
  type DevicePort,
  type DeviceType,
  type FeatureObjection,
  VdpaParent,
  type VdpaParentOptions,
} from '../../virtio/index.ts';
import { deviceStatus, feature } from '../../virtio/layout/index.ts';
import { LegacyMac } from './legacy-mac.ts';
import { type ConfigSource, MediatedConfig } from './mediated-config.ts';
import { featuresForParent, mediatedTypeFeatures } from './mediated-features.ts';
import { fullMediation, type Mediation } from './mediation.ts';
import { ProcessMemory } from './process-memory.ts';
import { RefusedGuestError } from './refusals.ts';
import { noShadowCounts, type ShadowCounts } from './shadow-counts.ts';
import { ShadowQueue } from './shadow-queue.ts';
import { type ShadowWorld, shadowWorld } from './shadow-world.ts';
import { bringUpParent } from './telling.ts';

const { needsReset, driverOk } = deviceStatus;

export interface MediatedDeviceOptions extends Omit<VdpaParentOptions, 'report'> {
  /** By default everything is done that can be. */
  readonly mediation?: Mediation;
  /** Byte order of a legacy guest; by default little-endian. */
  readonly guestOrder?: ByteOrder;
  /** The mediator's own rings are packed ones, where the parent has such. */
  readonly packed?: boolean;
}

export const mediatedDeviceState = record('mediated-device', 1, {
  started: flag,
  /** Of the guest's rings, where those are the parent's. */
  positions: list(u16),
  config: anyState,
  behaviour: anyState,
});

/**
 * A vDPA parent as the device behind a function: the mediator of the debates, as QEMU is one. It shows the guest what the parent has,
 * through whatever windows the function around it has, and gives the parent what the guest does: the guest's own rings, or rings of the
 * mediator's that shadow them. What of that it does is a {@link Mediation}.
 */
export class MediatedDevice implements DeviceBehaviour, ConfigSource {
  readonly type: DeviceType;
  readonly record = mediatedDeviceState;
  readonly features: readonly number[];
  readonly legacyFeatures: readonly number[];
  readonly modernFeatures: readonly number[];
  readonly brokenDriverFeatures: readonly number[];
  readonly config: MediatedConfig;
  readonly queueSizes: readonly number[];
  readonly parent: VdpaParent;
  readonly mediation: Mediation;
  readonly guestOrder: ByteOrder;
  readonly counts: ShadowCounts = noShadowCounts();
  /** Why the guest is not served, or null. */
  refusal: VirtiolabError | null = null;
  readonly #memory = new ProcessMemory();
  readonly #packed: boolean;
  readonly #shadows = new Map<number, ShadowQueue>();
  /** The guest's rings that the parent has. */
  readonly #given = new Set<number>();
  readonly #mac: LegacyMac;
  #port!: DevicePort;
  #phase: 'nothing' | 'told' | 'started' | 'refused' = 'nothing';
  #told: readonly number[] = [];
  #world: ShadowWorld | null = null;
  #loaded: ReturnType<typeof mediatedDeviceState.parse> | null = null;
  /** What the parent's device said last of its driver: the reason, where it asks to be reset. */
  #last: Finding | null = null;

  /** @throws as `VdpaParent` */
  constructor(behaviour: DeviceBehaviour, options: MediatedDeviceOptions = {}) {
    const { mediation = fullMediation, guestOrder = 'little', packed = false } = options;
    this.mediation = mediation;
    this.guestOrder = guestOrder;
    this.#packed = packed;
    this.parent = new VdpaParent(behaviour, this.#memory.memory, {
      ...options,
      report: (finding) => {
        this.#last = finding;
      },
    });
    this.parent.onConfig(() => this.#configChanged());
    this.type = behaviour.type;
    this.queueSizes = behaviour.queueSizes;
    this.brokenDriverFeatures = behaviour.brokenDriverFeatures ?? [];
    const pretends = mediation.legacyFeatures === 'with VERSION_1';
    const { shared, modernOnly, legacyOnly } = mediatedTypeFeatures(this.parent, pretends);
    this.features = shared;
    this.modernFeatures = modernOnly;
    this.legacyFeatures = legacyOnly;
    const { config } = this.parent.device;
    this.config = new MediatedConfig(
      this,
      config.map,
      config.big !== config.little,
      mediation.config === 'turned',
    );
    this.#mac = new LegacyMac(this.parent);
  }

  /** Features of rings and transport that a function around it may offer: those that it has itself, or those of the parent. */
  get transportFeatures(): readonly number[] {
    const { ringIndirectDescriptors, ringEventIndex, ringReset, ringPacked, inOrder } = feature;
    const own = [ringIndirectDescriptors, ringEventIndex, ringReset];
    const { rings, addsPlatform } = this.mediation;
    const of = this.parent.device.options.transportFeatures.filter((bit) => bit !== feature.suspend);
    const needed =
      this.parent.policy.accessPlatform === 'required' && !addsPlatform ? [feature.accessPlatform] : [];
    return [...new Set([...(rings === "the mediator's" ? [...own, ringPacked, inOrder] : of), ...needed])];
  }

  attach(port: DevicePort): void {
    this.#port = port;
  }

  /** The guest's rings are shadowed: legacy ones, or all. */
  get #shadowed(): boolean {
    const { rings } = this.mediation;
    return rings === "the mediator's" || (rings !== "the guest's" && this.#port.legacyDriver);
  }

  /** The parent is spoken to as by a driver of virtio 1.x. */
  get #modern(): boolean {
    return !this.#port.legacyDriver || this.mediation.legacyFeatures === 'with VERSION_1';
  }

  objection(accepts: (bit: number) => boolean): FeatureObjection | null {
    if (this.mediation.tells === 'at the start' || this.#tell(accepts)) return null;
    return {
      party: 'device',
      clause: 'BF-FEAT-10',
      message: "the device's vDPA parent takes no such features",
    };
  }

  /** Brings the parent up to FEATURES_OK. @returns whether it is. */
  #tell(accepts: (bit: number) => boolean): boolean {
    return this.#try(() => {
      const { parent, mediation } = this;
      const [shadow, modern, legacy] = [this.#shadowed, this.#modern, this.#port.legacyDriver];
      const big = this.guestOrder === 'big' && legacy;
      if (mediation.refuses === 'legacy guests' && legacy) throw new RefusedGuestError('legacy guests');
      if (mediation.refuses === 'big-endian guests' && big) throw new RefusedGuestError('big-endian guests');
      const wanted = { mediation, shadow, modern, packed: this.#packed };
      const words = featuresForParent(parent, accepts, wanted);
      this.#release();
      const dma = this.#port.dma;
      if (dma !== null) this.#memory.mapFor(parent, dma);
      const order = big && !modern ? 'big' : 'little';
      bringUpParent(parent, words, modern, order);
      this.#told = words;
      this.#phase = 'told';
      this.#world = shadow
        ? shadowWorld(
            { parent, port: this.#port, own: this.#memory.own(), counts: this.counts },
            accepts,
            words,
          )
        : null;
    });
  }

  /** @returns false where the parent, or the mediator, refuses: the guest is not served then. */
  #try(what: () => void): boolean {
    try {
      what();
      return true;
    } catch (error) {
      if (!(error instanceof VirtiolabError)) throw error;
      this.refusal = error;
      this.#phase = 'refused';
      return false;
    }
  }

  started(): void {
    if (this.#start()) return;
    const clause = this.#port.legacyDriver ? 'LEG-FEAT-04' : 'CONF-02';
    this.#port.report('device', clause, "the device's vDPA parent does not serve its driver");
  }

  /** DRIVER_OK, or a kick before it (LEG-INIT-03). */
  #start(): boolean {
    return this.#phase === 'started' || this.#bringUp();
  }

  #bringUp(): boolean {
    const accepts = (bit: number) => this.#port.has(bit);
    if (this.#phase === 'told' && this.#port.legacyDriver && this.#changed(accepts)) this.#phase = 'nothing';
    if (this.#phase === 'refused' || (this.#phase === 'nothing' && !this.#tell(accepts))) return false;
    return this.#try(() => {
      const { parent } = this;
      if (this.#world === null) for (let index = 0; index < parent.rings.count; index++) this.#give(index);
      parent.setStatus(parent.status | driverOk);
      this.#phase = 'started';
      const { control } = this.#world ?? { control: 0 };
      if (this.#mac.pending) this.#mac.send(this.#shadow(control));
    });
  }

  /** A legacy guest goes on accepting features as it likes. */
  #changed(accepts: (bit: number) => boolean): boolean {
    const wanted = {
      mediation: this.mediation,
      shadow: this.#shadowed,
      modern: this.#modern,
      packed: this.#packed,
    };
    return featuresForParent(this.parent, accepts, wanted).some((word, i) => word !== this.#told[i]);
  }

  /** The parent gets a ring of the guest's, once that is ready. */
  #give(index: number): void {
    const ring = this.#port.queue(index);
    if (ring === null || !ring.ready || this.#given.has(index)) return;
    const { parent } = this;
    const { addresses } = ring;
    parent.rings.setSize(index, ring.size);
    parent.rings.setAddress(index, {
      descriptor: addresses.get('descriptor'),
      driver: addresses.get('driver'),
      device: addresses.get('device'),
    });
    const position = this.#loaded?.positions[index];
    if (position !== undefined) parent.rings.setPosition(index, position);
    parent.onQueue(index, () => this.#port.interrupt(index));
    parent.rings.setReady(index, true);
    this.#given.add(index);
  }

  #shadow(index: number): ShadowQueue {
    let shadow = this.#shadows.get(index);
    if (shadow === undefined) this.#shadows.set(index, (shadow = new ShadowQueue(this.#world!, index)));
    return shadow;
  }

  /** Kicks of the guest's own rings are the parent's; those that are shadowed are served here. */
  kicked(index: number): boolean {
    if (!this.#start()) return true;
    if (this.#world !== null) return false;
    if (this.#given.has(index) || this.#giveNow(index)) this.parent.kick(index);
    return true;
  }

  /** A legacy guest sets queues up whenever it likes. @returns whether the parent has the ring. */
  #giveNow(index: number): boolean {
    return this.#try(() => this.#give(index)) && this.#given.has(index);
  }

  handle(chain: Chain): void {
    if (!this.#start() || this.#world === null) return;
    const shadow = this.#shadows.get(chain.queue) ?? this.#newShadow(chain.queue);
    if (shadow !== null) shadow.take(chain);
  }

  #newShadow(index: number): ShadowQueue | null {
    return this.#try(() => this.#shadow(index)) ? this.#shadow(index) : null;
  }

  #configChanged(): void {
    if ((this.parent.status & needsReset) === 0) this.#port.configChanged();
    else this.#fail(this.#last);
  }

  /** What the parent's device said last of its driver, in a line; null where it said nothing. */
  get parentSays(): string | null {
    const last = this.#last;
    if (last === null) return null;
    return last.value === null ? last.message : `${last.message} (${last.what} ${last.value})`;
  }

  /** The guest's device is as broken as the parent. */
  #fail(last: Finding | null): void {
    if (last === null) return;
    const { clause, message, what, value, queue, descriptor } = last;
    const where = { ...(queue === null ? {} : { queue }), ...(descriptor === null ? {} : { descriptor }) };
    this.#port.fail(clause, message, what === null || value === null ? undefined : { what, value, ...where });
  }

  get configLength(): number {
    return this.parent.configLength;
  }

  get configGeneration(): number {
    return this.parent.configGeneration;
  }

  get configOrder(): ByteOrder {
    return this.parent.configOrder;
  }

  /** A legacy guest has no FEATURES_OK: the first look tells what it is, where the parent is to know. */
  readConfig(offset: number, length: number): Uint8Array {
    this.#tellEarly();
    return this.#mac.over(this.parent.readConfig(offset, length), offset);
  }

  #tellEarly(): void {
    if (this.mediation.tells !== 'at once' || this.#phase !== 'nothing') return;
    if (this.#port?.legacyDriver === true && this.#port.dma !== null)
      this.#tell((bit) => this.#port.has(bit));
  }

  writeConfig(offset: number, bytes: Uint8Array): void {
    this.#tellEarly();
    this.parent.writeConfig(offset, bytes);
  }

  /** LEG-NET-03: an address that a legacy guest writes becomes a command, where the parent takes it by no register. */
  written(offset: number, bytes: Uint8Array): boolean {
    if (!this.#port.legacyDriver || !this.#modern || !this.#shadowed) return false;
    if (!this.#mac.write(offset, bytes)) return false;
    if (this.#phase === 'started') this.#mac.send(this.#shadow(this.#world!.control));
    return true;
  }

  queueReset(index: number): void {
    this.#shadows.get(index)?.close();
    this.#shadows.delete(index);
    if (!this.#given.delete(index)) return;
    this.parent.onQueue(index, null);
    this.parent.rings.setReady(index, false);
  }

  #release(): void {
    for (const shadow of this.#shadows.values()) shadow.close();
    this.#shadows.clear();
    this.#given.clear();
    this.#world = null;
    this.parent.reset();
  }

  reset(): void {
    this.#release();
    this.#mac.forget();
    this.#phase = 'nothing';
    this.#loaded = null;
  }

  check(state: State, path = 'mediated device') {
    return mediatedDeviceState.parse(state, path);
  }

  save() {
    const { parent } = this;
    const position = (index: number) => (this.#given.has(index) ? parent.rings.position(index) : 0);
    return mediatedDeviceState.save({
      started: this.#phase === 'started',
      positions: this.queueSizes.map((_, index) => position(index)),
      config: parent.device.config.save(),
      behaviour: parent.device.behaviour.save(),
    });
  }

  load(state: State): void {
    this.reset();
    this.#loaded = this.check(state);
  }

  /** The parent is brought up anew as the guest had it; what was in flight there is taken from the guest's rings again. */
  goOn(): void {
    const loaded = this.#loaded;
    if (loaded === null) return;
    if (loaded.started && this.#start()) {
      const { device } = this.parent;
      device.config.load(loaded.config);
      device.behaviour.load(loaded.behaviour);
      for (const index of this.#given) this.parent.kick(index);
    }
    this.#loaded = null;
  }
}
