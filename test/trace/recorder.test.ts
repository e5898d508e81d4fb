import { describe, expect, it } from 'vitest';
import { type AccessEvent, findingOf, type LabEvent } from '../../src/core/index.ts';
import { Recorder, type TraceNode, walk } from '../../src/trace/index.ts';

const access = (operation: 'read' | 'write', offset: number): AccessEvent => ({
  kind: 'access',
  space: 'io',
  operation,
  address: 0xc000 + offset,
  width: 1,
  value: 0,
  target: '00:04.0 BAR0 legacy',
  offset,
  posted: false,
});
const enter: LabEvent = { kind: 'enter' };
const leave: LabEvent = { kind: 'leave' };
const message: LabEvent = { kind: 'interrupt', signal: 'message', vector: 1, asserted: true, source: 0 };

/** A tree as machine names and offsets, with what is below in brackets. */
const shape = (nodes: readonly TraceNode[]): unknown =>
  nodes.map(({ machine, event, children }) => {
    const own =
      event === null ? `${machine} -` : `${machine} ${event.kind === 'access' ? event.offset : event.kind}`;
    return children.length === 0 ? own : [own, shape(children)];
  });

describe('recorder', () => {
  it('puts what happened within an access below it, for writes and for reads', () => {
    const recorder = new Recorder();
    const [guest, host] = [recorder.sink('guest'), recorder.sink('host')];
    for (const event of [enter, access('write', 1)]) guest(event);
    for (const event of [enter, access('write', 2), message, leave]) host(event);
    guest(leave);
    guest(enter);
    for (const event of [enter, access('read', 3), leave]) host(event);
    for (const event of [access('read', 4), leave]) guest(event);
    expect(shape(recorder.roots)).toEqual([
      ['guest 1', [['host 2', ['host interrupt']]]],
      ['guest 4', ['host 3']],
    ]);
  });

  it('keeps accesses of a machine that tells no bounds', () => {
    const recorder = new Recorder();
    const [guest, host] = [recorder.sink('guest'), recorder.sink('host')];
    guest(access('write', 1));
    for (const event of [enter, access('write', 2)]) host(event);
    guest(access('read', 3));
    host(access('read', 4));
    host(leave);
    expect(shape(recorder.roots)).toEqual(['guest 1', ['host 2', ['guest 3', 'host 4']]]);
  });

  it('keeps so many events and counts the rest', () => {
    const recorder = new Recorder(2);
    const sink = recorder.sink('guest');
    for (let i = 0; i < 5; i++) for (const event of [enter, access('read', i), leave]) sink(event);
    sink(message);
    expect(shape(recorder.roots)).toEqual(['guest 0', 'guest 1']);
    expect(recorder.dropped).toBe(4);
    expect(recorder.counts('guest')).toEqual({ config: 0, io: 5, memory: 0, interrupts: 1, findings: 0 });
  });

  it('counts only, while it is told not to keep', () => {
    const recorder = new Recorder();
    const sink = recorder.sink('guest');
    recorder.keeping = false;
    for (const event of [enter, access('read', 0), leave]) sink(event);
    recorder.keeping = true;
    for (const event of [enter, access('read', 1), leave]) sink(event);
    expect(shape(recorder.roots)).toEqual(['guest 1']);
    expect(recorder.counts('guest').io).toBe(2);
    expect(recorder.dropped).toBe(0);
  });

  it('puts an interrupt that comes during an access below it, not in its place', () => {
    const recorder = new Recorder();
    const sink = recorder.sink('guest');
    for (const event of [enter, message, access('read', 1), leave]) sink(event);
    expect(shape(recorder.roots)).toEqual([['guest 1', ['guest interrupt']]]);
  });

  it('keeps a finding, and counts it', () => {
    const recorder = new Recorder();
    const sink = recorder.sink('guest');
    const finding = findingOf({ address: 0x20, subject: 'virtio-blk' }, 'driver', 'SPL-FRM-03', 'a finding');
    for (const event of [enter, access('write', 1), finding, finding, leave]) sink(event);
    expect(shape(recorder.roots)).toEqual([['guest 1', ['guest finding', 'guest finding']]]);
    expect(recorder.counts('guest')).toEqual({ config: 0, io: 1, memory: 0, interrupts: 0, findings: 2 });
  });

  it('counts a line when it rises', () => {
    const recorder = new Recorder();
    const sink = recorder.sink('guest');
    for (const asserted of [true, false, true, false])
      sink({ kind: 'interrupt', signal: 'line', vector: 11, asserted, source: 0 });
    expect(recorder.counts('guest').interrupts).toBe(2);
  });

  it('walks a tree in the order of beginning', () => {
    const recorder = new Recorder();
    const sink = recorder.sink('guest');
    for (const event of [enter, enter, access('read', 1), leave, access('read', 0), leave]) sink(event);
    const visited = [...walk(recorder.roots)].map(({ node, depth }) => [
      depth,
      node.event?.kind === 'access' ? node.event.offset : null,
    ]);
    expect(visited).toEqual([
      [0, 0],
      [1, 1],
    ]);
  });
});
