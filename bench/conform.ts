import { checks, conform, type Subject, type SubjectSource } from '../src/conformance/device/index.ts';
import { explorations } from '../src/conformance/explore/index.ts';
import { type Bus, type EventSink, sinkFor } from '../src/core/index.ts';
import { QemuUnavailableError, qemuSource, qemuSubjectNames } from '../src/hosts/qtest/index.ts';
import { barBits, type0Header } from '../src/pci/layout/index.ts';
import { ourSource } from '../src/testing/subjects.ts';
import { tap } from '../src/trace/index.ts';
import { legacyHeader } from '../src/virtio/layout/index.ts';
import { WorkloadError } from './workload.ts';

const TYPE = 'block';
const KIND = 'transitional';
/** Explorations as the command makes them where nobody says how many. */
const usual = [...checks, ...explorations({ seed: 1, runs: 20 })];

async function seconds(sources: readonly SubjectSource[]): Promise<number> {
  const start = performance.now();
  let made = 0;
  for (const source of sources)
    for await (const _ of conform(source, { checks: usual, witness: false })) made++;
  if (made === 0) throw new WorkloadError('conform: no check was made');
  return (performance.now() - start) / 1000;
}

/** The whole suite on one of our functions, in seconds. */
export const prepareSuite = () => ({ ours: () => seconds([ourSource(TYPE, KIND)]), baseline: () => 60 });

/** The whole suite on every function of a real QEMU's, in seconds; or why there is none. */
export async function prepareQemuSuite() {
  const sources = qemuSubjectNames.map(([type, kind]) => qemuSource(type, kind));
  try {
    (await sources[0]!.open()).target.close();
  } catch (error) {
    if (error instanceof QemuUnavailableError) return { skip: error.message };
    throw error;
  }
  return { ours: () => seconds(sources), baseline: () => 600 };
}

/** A source whose subjects count the accesses to them. */
function counted(): { readonly source: SubjectSource; accesses(): number } {
  let accesses = 0;
  const sink: EventSink = sinkFor(['access'], () => void accesses++);
  const source = ourSource(TYPE, KIND);
  const open = (): Subject => {
    const subject = source.open() as Subject;
    const bus: Bus = tap(subject.target.bus, sink);
    return { ...subject, target: { ...subject.target, bus } };
  };
  return { source: { ...source, open }, accesses: () => accesses };
}

/** Million accesses per second of the suite, its waiting and setting up included, and of a loop that only reads a register. */
export async function prepareSuiteAccesses() {
  const { source, accesses } = counted();
  for await (const _ of conform(source, { checks: usual, witness: false })) void _;
  const total = accesses();
  const { target } = (await ourSource(TYPE, 'legacy').open()) as Subject;
  const port = target.bus.configRead(target.fn, type0Header.bar.offset, 4) & barBits.ioAddressMask;
  return {
    ours: async () => total / 1e6 / (await seconds([ourSource(TYPE, KIND)])),
    baseline: () => {
      const count = 2_000_000;
      const start = performance.now();
      for (let i = 0; i < count; i++) target.bus.ioRead(port + legacyHeader.deviceStatus.offset, 1);
      return count / 1000 / (performance.now() - start);
    },
  };
}
