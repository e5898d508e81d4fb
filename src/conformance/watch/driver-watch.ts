import {
  type AccessEvent,
  type Bus,
  type EventSink,
  GuestMemory,
  type InterruptEvent,
  type LabEvent,
} from '../../core/index.ts';
import { type Draft, draft2023 } from '../../mmr/layout/index.ts';
import { type DeviceType, deviceTypes, legacyHeader } from '../../virtio/layout/index.ts';
import { type WatchFinding, WatchFindings } from './findings.ts';
import { FunctionModel } from './model/function-model.ts';
import type { QueueModel } from './model/queue-model.ts';
import type { Moment } from './moment.ts';
import { isBeginning } from './registers/beginning.ts';
import { followCommon } from './registers/common.ts';
import { followConfig, type Identities, readAll } from './registers/config-space.ts';
import { type Follower, speak, take, usedConfig } from './registers/follower.ts';
import { isrRead } from './registers/interrupts.ts';
import { followLegacy } from './registers/legacy.ts';
import { followNotify } from './registers/notify.ts';
import { Chain } from './rings/chain.ts';
import { WatchedMemory } from './rings/memory.ts';
import { openRing } from './rings/open-ring.ts';
import type { RingListener } from './rings/split.ts';
import type { MomentKind, WatchRule } from './rule.ts';
import { type RulesByKind, rulesFor } from './rules/index.ts';
import { entryAt } from './rules/msix.ts';
import { addressNamed, placeNamed } from './sites.ts';
import { adminFollower, isAdmin } from './types/admin.ts';
import type { TypeFollower } from './types/follower.ts';
import { followersOf } from './types/index.ts';

/** What a watch is told beside events. */
export interface WatchOptions {
  /** The driver's memory: without it, rings and requests are not judged. */
  readonly ram?: GuestMemory;
  /**
   * Where configuration space can be read without anybody noticing: the bus behind the tap. Without it, what a function is
   * has to be seen from what its driver reads.
   */
  readonly config?: Pick<Bus, 'configRead'>;
  /** The same of a recording: what was listed at some other time, of which only what never changes counts. */
  readonly dump?: Pick<Bus, 'configRead'>;
  /** By which MMR functions were made. */
  readonly draft?: Draft;
  /** Types that functions may be of. */
  readonly types?: readonly DeviceType[];
  /** The driver is that of a big-endian guest: what is in its own byte order has it. */
  readonly bigEndian?: boolean;
  /**
   * Where the events begin: at `power-on` no driver has touched anything yet; of an `unknown` beginning nobody is accused of
   * what may have happened before. By default a watch with memory takes a driver that it sees begin to begin there.
   */
  readonly start?: 'power-on' | 'unknown';
}

/** What a watch has seen. */
export interface WatchReport {
  readonly findings: readonly WatchFinding[];
  readonly accesses: number;
  /** The functions that were accessed, and which interface their drivers spoke. */
  readonly functions: readonly {
    readonly function: string;
    readonly type: string | null;
    readonly interface: 'legacy' | 'modern' | null;
  }[];
  /** What could not be judged, a line each. */
  readonly unseen: readonly string[];
}

/** A place that accesses go to. */
interface Site {
  readonly fn: FunctionModel;
  readonly structure: string;
}

const VIRTIO_STRUCTURES = new Set(['legacy', 'common', 'isr', 'device', 'notify']);

/**
 * Watches drivers: every access that it hears of is held to what the specification asks of a driver. It is heard of a tapped
 * bus ({@link sink}), or of a recording. What a driver did wrong is in {@link report}; {@link finish} says that nothing
 * follows.
 */
export class DriverWatch implements Follower, RingListener {
  readonly sink: EventSink;
  readonly now: Moment;
  readonly #options: WatchOptions;
  readonly #identities: Identities;
  readonly #memory: WatchedMemory | null;
  readonly #functions = new Map<string, FunctionModel>();
  readonly #sites = new Map<string, Site | null>();
  readonly #configSites = new Map<string, Site | null>();
  readonly #findings = new WatchFindings();
  readonly #chain: Chain;
  #rules: RulesByKind = rulesFor(null, null);
  #rulesOf: FunctionModel | null = null;
  #speaks: FunctionModel['speaks'] = null;
  #type: DeviceType | null = null;
  #accesses = 0;
  #interrupts = 0;
  /** The function whose ISR the last access read. */
  #isrOf: FunctionModel | null = null;
  /** A kick is under way: what the device has used by its end is known before the driver sees it. */
  #kicked: QueueModel | null = null;
  #kickedOf: FunctionModel | null = null;
  #depth = 0;
  #reading = false;
  #kickDepth = 0;

  constructor(options: WatchOptions = {}) {
    this.#options = options;
    this.#identities = { draft: options.draft ?? draft2023, types: options.types ?? deviceTypes };
    this.#memory = options.ram === undefined ? null : new WatchedMemory(options.ram);
    this.#chain = new Chain(this.#memory ?? new WatchedMemory(new GuestMemory([])));
    this.now = {
      fn: new FunctionModel('', null, false),
      queue: null,
      value: 0,
      width: 0,
      offset: 0,
      operation: 'read',
      register: '',
      chain: this.#chain,
    };
    const kinds = new Set<LabEvent['kind']>(['access', 'interrupt', 'enter', 'leave']);
    this.sink = Object.assign((event: LabEvent) => this.#event(event), { kinds });
  }

  #event(event: LabEvent): void {
    if (this.#reading) return;
    switch (event.kind) {
      case 'access':
        if (!event.posted) this.access(event);
        return;
      case 'enter':
        this.#depth++;
        return;
      case 'leave':
        if (this.#kicked !== null && this.#depth === this.#kickDepth) this.#afterKick();
        this.#depth--;
        return;
      case 'interrupt':
        this.#interrupt(event);
    }
  }

  /** Hears of an access; those of a recording come one after the other. */
  access(event: AccessEvent): void {
    this.#accesses++;
    const site = event.space === 'config' ? this.#configSite(event.target) : this.#site(event);
    if (site === null) return;
    const { fn, structure } = site;
    if (this.#isrOf !== null && !(this.#isrOf === fn && structure !== 'config')) {
      this.#isrOf.isr = -1;
      this.#isrOf = null;
    }
    if (!fn.touched && VIRTIO_STRUCTURES.has(structure)) this.#touch(fn, structure, event);
    this.now.fn = fn;
    switch (structure) {
      case 'config':
        followConfig(this, fn, event, this.#identities);
        return;
      case 'legacy':
        followLegacy(this, fn, event);
        this.#forgetIsr(fn, event.operation === 'read' && event.offset === legacyHeader.isrStatus.offset);
        return;
      case 'common':
        followCommon(this, fn, event);
        break;
      case 'notify':
        followNotify(this, fn, event);
        break;
      case 'isr':
        take(this.now, fn, event, event.offset, 'isr');
        if (event.operation === 'read') isrRead(this, fn, event.value);
        this.#forgetIsr(fn, event.operation === 'read');
        return;
      case 'device':
        if (event.operation === 'write') speak(fn, 'modern');
        take(this.now, fn, event, event.offset, '');
        this.judge(event.operation === 'write' ? 'config-write' : 'config-read');
        usedConfig(fn, event.offset, event);
        break;
      case 'msix-table':
        take(this.now, fn, event, event.offset, '');
        if (event.operation === 'write') {
          this.judge('msix');
          fn.tableWrites.add(entryAt(event.offset));
        }
        break;
    }
    this.#forgetIsr(fn, false);
  }

  #forgetIsr(fn: FunctionModel, read: boolean): void {
    if (read) this.#isrOf = fn;
    else fn.isr = -1;
    fn.afterVector = this.now.operation === 'write' && this.now.register.endsWith('MsixVector');
  }

  /** The first access to a register of the device. */
  #touch(fn: FunctionModel, structure: string, event: AccessEvent): void {
    fn.touched = true;
    const { start, ram } = this.#options;
    const begins =
      start === 'power-on' ||
      fn.decodedHere ||
      (start === undefined && ram !== undefined && isBeginning(structure, event));
    if (!begins || fn.whole) return;
    fn.begin();
    fn.resetSeen = false;
    fn.queueSelect = 0;
    // Nobody can have switched it on without being seen.
    if (start === 'power-on' || fn.decodedHere) fn.msix.enabled ??= false;
  }

  #site(event: AccessEvent): Site | null {
    const known = this.#sites.get(event.target);
    return known === undefined ? this.#newSite(this.#sites, event) : known;
  }

  #configSite(target: string): Site | null {
    const known = this.#configSites.get(target);
    return known === undefined ? this.#newSite(this.#configSites, { space: 'config', target }) : known;
  }

  #newSite(
    sites: Map<string, Site | null>,
    { space, target }: Pick<AccessEvent, 'space' | 'target'>,
  ): Site | null {
    const named = placeNamed(space, target);
    const site =
      named === null ? null : { fn: this.#function(named.fn, named.virtual), structure: named.structure };
    sites.set(target, site);
    return site;
  }

  #function(name: string, virtual: boolean): FunctionModel {
    let fn = this.#functions.get(name);
    if (fn === undefined) {
      fn = new FunctionModel(name, addressNamed(name), virtual);
      fn.bigEndianGuest = this.#options.bigEndian === true;
      this.#functions.set(name, fn);
      const config = this.#options.config ?? this.#options.dump;
      if (config === undefined) return fn;
      // It may be a bus that tells this watch what it does.
      this.#reading = true;
      try {
        readAll(fn, config, this.#identities, config === this.#options.config);
      } finally {
        this.#reading = false;
      }
    }
    return fn;
  }

  judge(kind: MomentKind, queue: QueueModel | null = null): void {
    const { now } = this;
    const { fn } = now;
    if (this.#rulesOf !== fn || this.#speaks !== fn.speaks || this.#type !== fn.type) {
      this.#rules = rulesFor(fn.speaks, fn.type?.name ?? null);
      this.#rulesOf = fn;
      this.#speaks = fn.speaks;
      this.#type = fn.type;
    }
    // What the device has used until now may be what counts at the end.
    if (kind === 'end') for (const each of fn.queues.values()) this.#lookUsed(fn, each);
    this.#judgeBy(this.#rules[kind], queue);
  }

  #judgeBy(rules: readonly WatchRule[], queue: QueueModel | null): void {
    const { now } = this;
    now.queue = queue;
    for (const rule of rules) {
      const found = rule.when(now);
      if (found !== null) this.#findings.add(rule, now.fn, queue?.index ?? null, found, this.#accesses);
    }
  }

  kick(fn: FunctionModel, queue: QueueModel): void {
    queue.kicks++;
    const ring = this.#ring(fn, queue);
    this.now.queue = queue;
    if (ring !== null) {
      ring.look(this.#chain, this);
      if (ring.missed) fn.missed = true;
      this.judge('look', queue);
    }
    this.judge('kick', queue);
    if (ring === null) return;
    this.#kicked = queue;
    this.#kickedOf = fn;
    this.#kickDepth = this.#depth;
  }

  /** The queue's ring, if it can be looked at. */
  #ring(fn: FunctionModel, queue: QueueModel) {
    if (queue.ring !== null || queue.blind !== '') return queue.ring;
    if (this.#memory === null) return null;
    const opened = openRing(fn, queue, this.#memory, this.#options.bigEndian !== true);
    if (typeof opened === 'string') queue.blind = opened;
    else {
      queue.ring = opened;
      this.judge('ring', queue);
    }
    return queue.ring;
  }

  chain(): void {
    const { fn, queue } = this.now;
    // What an administration queue carries is no request of the device's type.
    if (isAdmin(fn, queue!)) this.#judgeBy(rulesFor(fn.speaks, null).chain, queue);
    else this.judge('chain', queue);
    this.#follower(fn, queue!)?.chain?.(this.now, queue!);
  }

  used(head: number): void {
    const { fn, queue } = this.now;
    this.#follower(fn, queue!)?.used?.(this.now, queue!, head);
  }

  #follower(fn: FunctionModel, queue: QueueModel): TypeFollower | undefined {
    return isAdmin(fn, queue) ? adminFollower : followersOf(fn.type);
  }

  #afterKick(): void {
    const [queue, fn] = [this.#kicked!, this.#kickedOf!];
    this.#kicked = this.#kickedOf = null;
    this.#lookUsed(fn, queue);
  }

  #lookUsed(fn: FunctionModel, queue: QueueModel): void {
    if (queue.ring === null) return;
    this.now.fn = fn;
    this.now.queue = queue;
    queue.ring.lookUsed(this);
  }

  #interrupt({ source, asserted }: InterruptEvent): void {
    if (!asserted) return;
    this.#interrupts++;
    for (const fn of this.#functions.values()) {
      if (source !== null && fn.address !== source) continue;
      fn.interrupts++;
      fn.everInterrupted = true;
      for (const queue of fn.queues.values())
        if (queue.ring !== null && queue.ring.inFlight > 0) this.#lookUsed(fn, queue);
    }
  }

  /** Nothing follows: judges what is judged at the end. */
  finish(): WatchReport {
    for (const fn of this.#functions.values()) {
      if (!fn.touched) continue;
      take(this.now, fn, { value: 0, width: 1, operation: 'read' } as AccessEvent, 0, '');
      this.judge('end');
    }
    return this.report();
  }

  report(): WatchReport {
    const touched = [...this.#functions.values()].filter((fn) => fn.touched);
    return {
      findings: this.#findings.list,
      accesses: this.#accesses,
      functions: touched.map((fn) => ({
        function: fn.name,
        type: fn.type?.name ?? null,
        interface: fn.speaks,
      })),
      unseen: this.#unseen(touched),
    };
  }

  #unseen(touched: readonly FunctionModel[]): string[] {
    const lines: string[] = [];
    if (this.#memory === null && touched.length > 0)
      lines.push('no memory was given: rings and requests were not judged');
    if (this.#interrupts === 0 && touched.length > 0)
      lines.push('no interrupt was seen: what belongs to one was not judged');
    if (this.#accesses > 0 && touched.length === 0)
      lines.push('no access went to a virtio structure: what is behind addresses is not known');
    for (const fn of touched) {
      if (fn.type === null) lines.push(`${fn.name}: its device type is not known`);
      if (fn.missed)
        lines.push(`${fn.name}: chains were used before they were seen, so what they carried is not known`);
      if (!fn.whole) lines.push(`${fn.name}: no reset was seen, so its state at the beginning is not known`);
      if (fn.msix.enabled === null) lines.push(`${fn.name}: nobody knows whether MSI-X is enabled`);
      for (const queue of fn.queues.values())
        if (queue.blind !== '') lines.push(`${fn.name} queue ${queue.index}: ${queue.blind}`);
    }
    return lines;
  }
}
