import { type Explanation, explain } from '../conformance/explain/index.ts';
import { DriverWatch, type WatchReport } from '../conformance/watch/index.ts';
import { type Finding, VirtiolabError } from '../core/index.ts';
import { DmaMemory } from '../driver/index.ts';
import { draft2023, type WayName } from '../mmr/index.ts';
import {
  Decoder,
  describeFunction,
  type EventCounts,
  type FunctionDescription,
  Recorder,
  type TraceNode,
} from '../trace/index.ts';
import { withType } from '../virtio/index.ts';
import { CommandError } from './command.ts';
import { type Stage, setUp } from './demo-windows.ts';
import type { DemoFact, DeviceVisit } from './demos/device-demo.ts';
import { isClean } from './watch-view.ts';

export interface ShownStage {
  readonly name: Stage['name'];
  readonly description: FunctionDescription;
  readonly decoder: Decoder;
  readonly counts: EventCounts;
}

/** What a demonstration saw. Times in milliseconds. */
export interface DemoResult {
  readonly device: string;
  readonly window: WayName;
  readonly subject: string | null;
  /** The driver's machine first. */
  readonly stages: readonly ShownStage[];
  readonly bringUp: {
    readonly trace: readonly TraceNode[];
    readonly ms: number;
    readonly adminCommands: number;
  };
  /** What the first exchange is called. */
  readonly first: string;
  /** From the first kick to its interrupt, or to the end of an exchange. */
  readonly firstRequest: readonly TraceNode[];
  readonly facts: readonly DemoFact[];
  /** Clauses that were broken, on any machine. */
  readonly findings: readonly Finding[];
  /** Where the driver's function stood after the first exchange, and what it waited for; null where nobody asked. */
  readonly explanation: Explanation | null;
  /** What the driver did wrong; null where it was not watched. */
  readonly watched: WatchReport | null;
  /** Every fact is as it should be, and no duty of a watched driver was broken. */
  readonly good: boolean;
}

export interface DemoOptions {
  /** No MSI-X for the driver. */
  readonly intx: boolean;
  /** What the first exchange is called. */
  readonly first?: string;
  /** The driver is watched. */
  readonly watch?: boolean;
  /** It is said where the function stands after the first exchange. */
  readonly explain?: boolean;
}

const DRIVER_MEMORY = 0x100000;

/**
 * Lets a driver visit a device behind a window.
 * @throws CommandError when the device fails.
 */
export async function runDemo(
  window: WayName,
  visit: DeviceVisit,
  options: DemoOptions,
): Promise<DemoResult> {
  try {
    return await drive(window, visit, options);
  } catch (error) {
    if (!(error instanceof VirtiolabError)) throw error;
    throw new CommandError(`window ${window}: the device failed: ${error.message}`);
  }
}

async function drive(
  window: WayName,
  visit: DeviceVisit,
  { intx, first = 'The first request', watch: watching = false, explain: explained = false }: DemoOptions,
): Promise<DemoResult> {
  const { stages, connect, adminCommands } = setUp(window, visit.behaviour, intx);
  const types = withType(visit.behaviour.type);
  const recorder = new Recorder();
  const findings: Finding[] = [];
  const { machine: own } = stages[0];
  const watch = watching ? new DriverWatch({ ram: own.ram, config: own, types, start: 'power-on' }) : null;
  let looking = false;
  const shown = stages.map(({ name, machine, function: fn, owner }) => {
    const description = describeFunction(machine, fn, draft2023, types);
    const decoder = new Decoder();
    decoder.add(machine, fn, draft2023, types);
    if (owner !== null) decoder.add(machine, owner, draft2023, types);
    const record = recorder.sink(name);
    machine.events = (event) => {
      if (looking) return;
      if (event.kind === 'finding') findings.push(event);
      if (machine === own) watch?.sink(event);
      record(event);
    };
    return { name, description, decoder, counts: recorder.counts(name) };
  });
  const memory = new DmaMemory(stages[0].machine.ram, DRIVER_MEMORY);
  const started = performance.now();
  const before = adminCommands();
  let broughtUp = { roots: 0, ms: 0, adminCommands: 0 };
  let explanation: Explanation | null = null;
  const facts = await visit.drive(connect(), memory, {
    markBroughtUp: () => {
      const ms = performance.now() - started;
      broughtUp = { roots: recorder.roots.length, ms, adminCommands: adminCommands() - before };
    },
    markFirst: () => {
      recorder.keeping = false;
      if (!explained) return;
      // What looking takes is none of the driver's accesses.
      looking = true;
      explanation = explain(own, stages[0].function, { types });
      looking = false;
    },
  });
  for (const { machine } of stages) machine.events = null;
  const watched = watch?.finish() ?? null;
  return {
    device: visit.behaviour.type.name,
    window,
    subject: visit.subject ?? null,
    stages: shown,
    bringUp: {
      trace: recorder.roots.slice(0, broughtUp.roots),
      ms: broughtUp.ms,
      adminCommands: broughtUp.adminCommands,
    },
    first,
    firstRequest: recorder.roots.slice(broughtUp.roots),
    facts,
    findings,
    watched,
    explanation,
    good: facts.every(({ good }) => good) && (watched === null || isClean(watched, visit.breaks)),
  };
}
