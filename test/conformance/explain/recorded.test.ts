import { describe, expect, it } from 'vitest';
import { Bench } from '../../../src/conformance/device/index.ts';
import { explain, explainSeen, RecordedFunction } from '../../../src/conformance/explain/index.ts';
import type { AccessEvent, LabEvent } from '../../../src/core/index.ts';
import { openSubject } from '../../../src/testing/subjects.ts';
import { tap } from '../../../src/trace/index.ts';

/** A driver of a block function whose accesses are recorded, and who kicks or not. */
function recorded(setting: 'legacy' | 'modern', kick: boolean) {
  const subject = openSubject('block', 'transitional');
  const { bus, fn } = subject.target;
  const recording = new RecordedFunction(bus, fn);
  const tapped = tap(bus, (event: LabEvent) => {
    if (event.kind === 'access') recording.take(event as AccessEvent);
  });
  const bench = new Bench(subject, setting, tapped);
  const running = bench.start({ ringFeatures: [], maxQueueSize: 8, transportFeatures: [] });
  const { driver, request } = running;
  driver.add(request.queue, bench.buffers(request.out, request.inBytes));
  if (kick) driver.kick(request.queue);
  else driver.rings.get(request.queue)!.publish();
  return { bus, fn, recording };
}

describe.each(['legacy', 'modern'] as const)('a recording of a %s driver', (setting) => {
  it('tells as much of its queue as the registers do', () => {
    const { bus, fn, recording } = recorded(setting, false);
    const live = explain(bus, fn);
    const told = explainSeen(recording.seen(), { ram: bus.ram });
    expect(told.interface).toBe(live.interface);
    expect(told.status).toBe(live.status);
    expect(told.accepted).toEqual(live.accepted);
    const { kicks, ...queue } = told.queues[0]!;
    const { kicks: unknown, ...same } = live.queues[0]!;
    expect({ ...queue, resetting: null }).toEqual({ ...same, resetting: null });
    expect([kicks, unknown]).toEqual([0, null]);
  });

  it('knows that nobody kicked, which registers do not tell', () => {
    const { bus, recording } = recorded(setting, false);
    const [first] = explainSeen(recording.seen(), { ram: bus.ram }).reasons;
    expect(first).toMatchObject({ id: 'never-kicked', kind: 'stops', clause: 'SPL-ANS-04', queue: 0 });
  });

  it('knows that somebody did', () => {
    const { bus, recording } = recorded(setting, true);
    const { reasons, queues } = explainSeen(recording.seen(), { ram: bus.ram });
    expect(queues[0]!.kicks).toBe(1);
    expect(reasons.map(({ id }) => id)).not.toContain('never-kicked');
  });

  it('says without memory what is known without', () => {
    const { recording } = recorded(setting, true);
    const { queues, reasons } = explainSeen(recording.seen(), { ram: null });
    expect(queues[0]).toMatchObject({ enabled: true, ring: null });
    expect(reasons.filter(({ kind }) => kind === 'stops')).toEqual([]);
  });
});
