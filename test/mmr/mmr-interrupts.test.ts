import { describe, expect, it } from 'vitest';
import { at } from '../pci/support.ts';
import { configProbe, DOWN, Pair, type PairOptions, UP } from './support.ts';

const pair = (options: PairOptions = {}) => new Pair(configProbe(), options);
/** Place of message control in the guest's function. */
const msixControl = (under: Pair) => under.found.capabilities.find(({ id }) => id === 0x11)!.offset + 2;

describe('a guest with MSI-X off', () => {
  it('has its interrupts by messages: a queue from one vector, the configuration from another', () => {
    const under = pair();
    under.setUp().offer(0);
    expect(under.function.pci.msixEnabled).toBe(true);
    expect([under.function.interrupts.configVector, under.function.interrupts.queueVector(0)]).toEqual([
      0, 1,
    ]);
    under.set('queueNotify', 0);
    under.probe.finish(1);
    expect([under.interrupts(), under.config.read(at.status, 2) & 8]).toEqual([[UP], 8]);
    expect([under.get('isrStatus'), under.get('isrStatus')]).toEqual([1, 0]);
    expect([under.interrupts(), under.config.read(at.status, 2) & 8]).toEqual([[DOWN], 0]);
    under.function.interrupts.config();
    expect([under.interrupts(), under.get('isrStatus'), under.interrupts()]).toEqual([[UP], 2, [DOWN]]);
  });

  it('collects both kinds in one ISR while it does not read', () => {
    const under = pair();
    under.setUp().offer(0, 1);
    under.set('queueNotify', 0);
    under.function.interrupts.config();
    under.probe.finish(1);
    under.probe.finish(1);
    expect([under.interrupts(), under.get('isrStatus')]).toEqual([[UP], 3]);
  });

  it('has the interrupts of every queue, whatever vectors it had set up before', () => {
    const under = pair();
    under.enableMsix();
    const rings = [under.setUp(0), under.setUp(1)];
    under.set('queueMsixVector', 2);
    under.disableMsix();
    for (const [queue, ring] of rings.entries()) {
      ring.offer(0);
      under.set('queueNotify', queue);
      under.interrupts();
      under.probe.finish(1);
      expect([under.interrupts(), under.get('isrStatus'), under.interrupts()]).toEqual([[UP], 1, [DOWN]]);
    }
  });

  it('works on a function with a single vector, whose own ISR then tells what it was for', () => {
    const under = pair({ vectors: 1 });
    expect(under.presented.backend.vectors).toBe(1);
    under.setUp().offer(0);
    under.set('queueNotify', 0);
    under.probe.finish(1);
    expect([under.interrupts(), under.get('isrStatus')]).toEqual([[UP], 1]);
    under.function.interrupts.config();
    under.function.interrupts.config();
    expect([under.interrupts(), under.get('isrStatus')]).toEqual([[DOWN, UP], 2]);
  });
});

describe('a guest with MSI-X on', () => {
  it('is sent the message of the vector that it chose', () => {
    const under = pair();
    under.enableMsix();
    const ring = under.setUp();
    under.set('configMsixVector', 2);
    under.set('queueMsixVector', 0);
    ring.offer(0);
    under.set('queueNotify', 0);
    under.interrupts();
    under.probe.finish(1);
    under.function.interrupts.config();
    expect(under.interrupts()).toEqual(['message 0', 'message 2']);
    under.set('queueMsixVector', 0xffff);
    ring.offer(0);
    under.set('queueNotify', 0);
    under.probe.finish(1);
    expect(under.interrupts()).toEqual([]);
    expect(under.get('isrStatus') & 1).toBe(1);
  });

  it('finds its vectors again after it had MSI-X off, those of every queue', () => {
    const under = pair();
    under.enableMsix();
    under.setUp(0);
    under.set('queueMsixVector', 1);
    under.setUp(1);
    under.set('queueMsixVector', 0);
    under.set('configMsixVector', 2);
    under.disableMsix();
    const { interrupts } = under.function;
    expect([interrupts.configVector, interrupts.queueVector(0), interrupts.queueVector(1)]).toEqual([
      0, 1, 1,
    ]);
    // The selector is the guest's, wherever the translator had been meanwhile.
    expect(under.get('queueSelect')).toBe(1);
    under.enableMsix();
    expect([under.get('configMsixVector'), under.get('queueMsixVector')]).toEqual([2, 0]);
    under.set('queueSelect', 0);
    expect(under.get('queueMsixVector')).toBe(1);
  });

  it('reads back NO_VECTOR for a vector beyond the table, and still does after a toggle', () => {
    const under = pair({ vectors: 2 });
    under.enableMsix();
    under.setUp();
    under.set('queueMsixVector', 2);
    under.set('configMsixVector', 7);
    for (const _ of [0, 1]) {
      expect([under.get('queueMsixVector'), under.get('configMsixVector')]).toEqual([0xffff, 0xffff]);
      under.disableMsix();
      under.enableMsix();
    }
  });

  it('keeps what ISR held when it switches', () => {
    const under = pair();
    under.function.interrupts.config();
    under.enableMsix();
    expect(under.get('isrStatus')).toBe(2);
    under.function.interrupts.config();
    under.disableMsix();
    expect([under.interrupts().at(-1), under.get('isrStatus')]).toEqual([UP, 2]);
  });

  it.each([
    ['bus mastering off', (under: Pair) => under.config.command(3)],
    ['its vectors masked', (under: Pair) => under.config.write(msixControl(under), 2, 0xc000)],
  ])('is told once of a change that waited when it switches MSI-X off, by ISR: %s', (_, keepBack) => {
    const under = pair();
    under.enableMsix();
    under.set('configMsixVector', 0);
    keepBack(under);
    under.interrupts();
    under.function.interrupts.config();
    expect([under.interrupts(), under.function.pci.msix!.isPending(0)]).toEqual([[], true]);
    under.disableMsix();
    expect([under.interrupts(), under.function.pci.msix!.isPending(0)]).toEqual([[UP], false]);
    expect([under.get('isrStatus'), under.interrupts()]).toEqual([2, [DOWN]]);
    under.config.command(7);
    expect([under.interrupts(), under.get('isrStatus')]).toEqual([[], 0]);
  });

  it('is sent nothing wrong by a message that arrives while it switches', () => {
    const under = pair();
    under.enableMsix();
    const ring = under.setUp();
    // The other way round than the translator's own: configuration 1, queue 0.
    under.set('configMsixVector', 1);
    under.set('queueMsixVector', 0);
    ring.offer(0);
    under.set('queueNotify', 0);
    under.interrupts();
    // The first write of the switch lets the queue's event happen, with the guest's vector still in force.
    let done = false;
    under.host.events = (event) => {
      if (done || event.kind !== 'access' || event.space !== 'memory' || event.operation !== 'write') return;
      done = true;
      under.probe.finish(1);
    };
    under.disableMsix();
    expect(done).toBe(true);
    expect(under.get('isrStatus') & 1).toBe(1);
  });

  it('is sent nothing wrong by it even if the function keeps no ISR with MSI-X on', () => {
    const under = pair();
    under.enableMsix();
    const ring = under.setUp();
    under.set('configMsixVector', 1);
    under.set('queueMsixVector', 0);
    ring.offer(0, 1);
    under.set('queueNotify', 0);
    const completeDuring = (change: () => void) => {
      let done = false;
      under.host.events = (event) => {
        if (done || event.kind !== 'access' || event.space !== 'memory' || event.operation !== 'write')
          return;
        done = true;
        under.probe.finish(1);
        under.function.interrupts.readIsr();
      };
      under.interrupts();
      change();
      under.host.events = null;
      return under.interrupts();
    };
    // Off: the message of the guest's vector 0 was for the queue. On: that of the translator's queue vector is for vector 0.
    expect(completeDuring(() => under.disableMsix())).toEqual([UP]);
    expect(under.get('isrStatus') & 1).toBe(1);
    expect(completeDuring(() => under.enableMsix())).toContain('message 0');
  });
});
