import { Bench, type Hands, type Setting, type Subject } from '../conformance/device/index.ts';
import { type Explanation, explain, formatExplanation } from '../conformance/explain/index.ts';
import { evidenceLine } from '../conformance/report/index.ts';
import { DriverWatch, type WatchFinding } from '../conformance/watch/index.ts';
import { type Bus, type LabEvent, OptionError, VirtiolabError } from '../core/index.ts';
import type { DmaMemory, FoundFunction, Transport, TransportOptions } from '../driver/index.ts';
import type { TranslatedWayName, TwoMachines } from '../mmr/index.ts';
import type { Machine } from '../pci/index.ts';
import { Decoder, Recorder, tap, walk } from '../trace/index.ts';
import type { DeviceBehaviour, VirtioFunction } from '../virtio/index.ts';
import { UnknownSubjectError } from './devices.ts';
import { lyingDevices, UnknownLieError } from './lying-devices.ts';
import { kindsOf, knownKind, type OpenedSubject, openWhole, type SubjectKind } from './subjects.ts';

const listeners = new Set<(world: Lab) => void>();

/** Hears of each lab that is made from now on. @returns what ends that */
export function hearLabs(hear: (world: Lab) => void): () => void {
  listeners.add(hear);
  return () => void listeners.delete(hear);
}

/** What world {@link lab} sets up. */
export interface LabOptions {
  /** One of `sampleNames`: a device type, as a rule. */
  readonly type: string;
  /** How the function is built; by default `transitional`, of a type that has none `modern`. */
  readonly kind?: SubjectKind;
  /** A guest, its host and the translator between them: by which way. In place of `kind`. */
  readonly way?: TranslatedWayName;
  /** The interface and ring that {@link Lab.transport} is for; by default the first that the function has. */
  readonly setting?: Setting;
  /** What the device lies about: the name of one of {@link lyingDevices}. */
  readonly lie?: string;
  /** The driver is watched, and {@link Lab.findings} says what it did wrong. Accesses take twice as long. */
  readonly watch?: boolean;
}

/** The lab was made without a watch. */
export class NotWatchedError extends VirtiolabError {}

/** A world with one function, where firmware has run: all that a driver needs, and what became of it. */
export class Lab {
  /** What the driver uses: it is recorded, and watched where that was asked for. */
  readonly bus: Bus;
  /** The function as software found it: its BARs have addresses and are decoded. */
  readonly found: FoundFunction;
  /** For `runCheck`, on its own bus. */
  readonly subject: Subject;
  /** The machine that the driver is in. */
  readonly machine: Machine;
  /** The guest, the host, and what the translator presents; null where the driver has the function itself. */
  readonly machines: TwoMachines | null;
  /** The device's own side, past the bus. */
  readonly fn: VirtioFunction;
  readonly behaviour: DeviceBehaviour;
  readonly hands: Hands;
  /** The interface and ring that {@link transport} is for. */
  readonly setting: Setting;
  /** What checks work with: `bench.start()` brings the device up, `bench.ask()` gives it a chain and waits. */
  readonly bench: Bench;
  readonly #recorder = new Recorder();
  readonly #decoder = new Decoder();
  readonly #watch: DriverWatch | null;
  readonly #lines: string[] = [];
  /** Nodes of the recorder that are lines, and how far the watch has been ended. */
  #walked = 0;
  #finished = false;

  constructor({ subject, ...rest }: OpenedSubject, setting: Setting, watched: boolean) {
    const { target, draft } = subject;
    this.subject = subject;
    this.machine = rest.machine;
    this.machines = rest.machines;
    this.fn = rest.fn;
    this.behaviour = rest.behaviour;
    this.hands = subject.hands;
    this.setting = setting;
    this.#watch = watched
      ? new DriverWatch({
          ram: target.bus.ram,
          config: target.bus,
          start: 'power-on',
          types: [subject.type],
          ...(draft === undefined ? {} : { draft }),
        })
      : null;
    const record = this.#recorder.sink('driver');
    let ready = false;
    const sink = (event: LabEvent) => {
      if (!ready) return;
      record(event);
      this.#watch?.sink(event);
    };
    this.bus = tap(target.bus, sink, draft);
    this.bench = new Bench(subject, setting, this.bus);
    this.found = this.bench.found;
    this.#decoder.add(target.bus, this.found, draft, [subject.type]);
    ready = true;
  }

  /** A transport for drivers, not connected; the one before is disconnected. @throws NoDeviceError, NoStructureError */
  transport(options: TransportOptions = {}): Transport {
    return this.bench.open(options);
  }

  /** Memory for rings and buffers: the same each time. */
  memory(): DmaMemory {
    return this.bench.memory;
  }

  /**
   * What the driver did wrong so far. The first call takes the driver to be done, and judges that too.
   * @throws NotWatchedError
   */
  findings(): readonly WatchFinding[] {
    if (this.#watch === null)
      throw new NotWatchedError('this lab has no watch: make it with { watch: true }');
    if (this.#finished) return this.#watch.report().findings;
    this.#finished = true;
    return this.#watch.finish().findings;
  }

  /** What happened on the driver's bus since the lab was made, decoded, a line each: `write legacy deviceStatus 0x01  ACKNOWLEDGE`. */
  trace(): readonly string[] {
    let at = 0;
    for (const { node } of walk(this.#recorder.roots)) {
      if (at++ < this.#walked) continue;
      this.#walked++;
      const { event } = node;
      if (event?.kind === 'access')
        this.#lines.push(evidenceLine({ ...event, fn: null, decoded: this.#decoder.decode(event) }));
      else if (event?.kind === 'interrupt') this.#lines.push(evidenceLine(event));
    }
    const { dropped } = this.#recorder;
    return dropped === 0 ? this.#lines : [...this.#lines, `and ${dropped} more events, which were not kept`];
  }

  /** Why nothing happens. Not recorded; `formatExplanation` makes text of it. */
  explain(): Explanation {
    const { target, type, draft } = this.subject;
    return explain(target.bus, target.fn, { types: [type], ...(draft === undefined ? {} : { draft }) });
  }

  /** Both as text, for the message of a test that fails: the last `lines` of the trace, and why nothing happens. */
  story(lines = 60): string {
    const trace = this.trace();
    const left = trace.length - lines;
    const before = left > 0 ? [`  (${left} lines before)`] : [];
    const shown = trace.slice(-lines).map((line) => `  ${line}`);
    return ['what happened last:', ...before, ...shown, formatExplanation(this.explain())].join('\n');
  }
}

function kindOf({ type, kind, way }: LabOptions): SubjectKind {
  if (way !== undefined && kind !== undefined)
    throw new OptionError('way', way, `no kind beside it, and kind is '${kind}'`);
  if (way !== undefined) return knownKind(type, `via-${way}`);
  if (kind !== undefined) return knownKind(type, kind);
  return kindsOf(type).includes('transitional') ? 'transitional' : 'modern';
}

/**
 * A world that is ready for a driver: a machine with one function of ours in it, or a guest, its host and the translator.
 * @throws UnknownSubjectError for a type, kind, way or setting that there is none of; UnknownLieError; OptionError for a kind
 * beside a way
 */
export function lab(options: LabOptions): Lab {
  const { lie, setting, watch = false } = options;
  const kind = kindOf(options);
  const row = lyingDevices.find(({ name }) => name === lie);
  if (lie !== undefined && row === undefined) throw new UnknownLieError(lie);
  const opened = openWhole(options.type, kind, row?.make());
  const { settings } = opened.subject;
  if (setting !== undefined && !settings.includes(setting))
    throw new UnknownSubjectError(
      `unknown setting '${setting}' of ${options.type}:${kind}; settings are ${settings.join(', ')}`,
    );
  const world = new Lab(opened, setting ?? settings[0]!, watch);
  for (const hear of listeners) hear(world);
  return world;
}
