import { describe, expect, it } from 'vitest';
import { type FunctionWatcher, VirtiolabError } from '../../src/core/index.ts';
import { Msix } from '../../src/pci/index.ts';
import { addScratch, at, bareFunction, configOf, SLOT, smallMachine } from './support.ts';

/** A table of 40 vectors that masks everything until it is told otherwise. */
function table() {
  const sent: number[] = [];
  const switches = { enabled: true, masked: true, busMaster: true };
  const msix = new Msix(40, {
    enabled: () => switches.enabled,
    masked: () => switches.masked,
    busMaster: () => switches.busMaster,
    send: (_low, _high, data) => void sent.push(data),
  });
  for (let vector = 0; vector < 40; vector++) {
    msix.table.write(16 * vector + 8, 4, vector);
    msix.table.write(16 * vector + 12, 4, 0);
  }
  const release = () => {
    switches.masked = false;
    msix.flush();
    switches.masked = true;
    return sent.splice(0);
  };
  return { msix, switches, sent, release };
}

describe('PCI 3.0, 6.8.3: a pending bit', () => {
  it('is cleared when its cause is gone, and is not set by it any more', () => {
    const { msix, release } = table();
    msix.trigger(35, 7);
    msix.trigger(2, 8);
    expect([msix.isPending(35), msix.pendingBits.read(4, 4)]).toEqual([true, 8]);
    msix.withdraw(7);
    expect([msix.isPending(35), release()]).toEqual([false, [2]]);
  });

  it('stays while one of its causes is left, in whatever order they go', () => {
    for (const order of [
      [1, 2, 3],
      [3, 2, 1],
      [2, 3, 1],
    ]) {
      const { msix, release } = table();
      for (const cause of [1, 2, 3]) msix.trigger(0, cause);
      expect(
        order.map((cause) => {
          msix.withdraw(cause);
          return msix.isPending(0);
        }),
      ).toEqual([true, true, false]);
      expect(release()).toEqual([]);
    }
  });

  it('forgets its causes when its message is sent', () => {
    const { msix, release } = table();
    msix.trigger(0, 1);
    msix.trigger(0, 2);
    expect(release()).toEqual([0]);
    msix.trigger(0, 2);
    msix.withdraw(2);
    expect([msix.isPending(0), release()]).toEqual([false, []]);
  });

  it('moves with a cause that comes by another vector', () => {
    const { msix, release } = table();
    msix.trigger(0, 1);
    msix.trigger(1, 1);
    expect([msix.isPending(0), msix.isPending(1), release()]).toEqual([false, true, [1]]);
  });

  it('without a cause by name has one for itself', () => {
    const { msix, release } = table();
    msix.trigger(0);
    msix.trigger(1);
    msix.withdraw(0);
    msix.withdraw(1);
    expect(release()).toEqual([0, 1]);
  });

  it('is not cleared by a cause that nobody knows, nor twice', () => {
    const { msix, release } = table();
    msix.trigger(0, 1);
    msix.withdraw(5);
    msix.trigger(3, 2);
    msix.withdraw(2);
    msix.withdraw(2);
    expect(release()).toEqual([0]);
    msix.trigger(4, 2);
    expect(release()).toEqual([4]);
  });

  it('is gone with all the others at once', () => {
    const { msix, release } = table();
    for (const vector of [0, 7, 8, 39]) msix.trigger(vector, vector);
    msix.withdrawAll();
    expect([msix.pendingBits.read(0, 4), msix.pendingBits.read(4, 4), release()]).toEqual([0, 0, []]);
    msix.trigger(39, 1);
    expect(release()).toEqual([39]);
  });

  it('waits while the function is held, whatever else lets it go', () => {
    const { msix, sent, release } = table();
    msix.hold();
    msix.trigger(1, 1);
    expect(release()).toEqual([]);
    const loaded = table();
    loaded.msix.load(msix.save());
    // Whoever holds it says so again.
    loaded.msix.hold();
    for (const each of [msix, loaded.msix]) expect(each.isPending(1)).toBe(true);
    expect([loaded.release(), loaded.msix.isPending(1)]).toEqual([[], true]);
    loaded.switches.masked = false;
    loaded.msix.release();
    expect([loaded.sent, sent]).toEqual([[1], []]);
    loaded.msix.hold();
    loaded.msix.reset();
    loaded.msix.table.write(12, 4, 0);
    loaded.msix.trigger(0);
    expect(loaded.sent).toHaveLength(2);
  });

  it('is shown with those of the function that the messages come from, and masks reach that one', () => {
    const { msix, switches } = table();
    const log: string[] = [];
    msix.origin = {
      maskChanged: (vector, masked) => void log.push(`${vector} ${masked}`),
      pendingBits: (offset) => (offset === 0 ? 0x80000001 : 0x40),
    };
    msix.trigger(4);
    expect([0, 31, 4, 38, 5].map((vector) => msix.isPending(vector))).toEqual([
      true,
      true,
      true,
      true,
      false,
    ]);
    expect([msix.pendingBits.read(0, 1), msix.pendingBits.read(3, 1), msix.pendingBits.read(2, 4)]).toEqual([
      0x11, 0x80, 0x408000,
    ]);
    msix.table.write(16 * 3 + 12, 4, 1);
    expect(log).toEqual([]);
    switches.masked = false;
    msix.functionMaskChanged();
    expect([log.length, log.includes('3 false'), log.includes('4 false')]).toEqual([39, false, true]);
    log.length = 0;
    msix.table.write(16 * 3 + 12, 4, 1);
    msix.table.write(16 * 3 + 12, 4, 0);
    msix.table.write(16 * 3 + 12, 1, 0);
    msix.table.write(16 * 3 + 8, 4, 9);
    msix.table.write(16 * 5 + 12, 4, 1);
    expect(log).toEqual(['3 false', '5 true']);
    log.length = 0;
    msix.reset();
    expect([log.length, log.includes('5 true'), log.includes('39 true')]).toEqual([39, false, true]);
  });
});

it('a message that has arrived can be discarded before its handler runs, and the vector stays', () => {
  const held: (() => void)[] = [];
  const machine = smallMachine({
    interruptScheduler: { submit: (task) => void held.push(() => task.run()) },
  });
  let told = 0;
  const { data, discard } = machine.interrupts.allocateMessage(() => told++);
  machine.interrupts.message(null, data);
  discard();
  for (const run of held.splice(0)) run();
  expect(told).toBe(0);
  machine.interrupts.message(null, data);
  for (const run of held.splice(0)) run();
  expect(told).toBe(1);
});

describe('who watches a function', () => {
  function watched() {
    const machine = smallMachine();
    const fn = bareFunction();
    addScratch(fn, 0, 'memory32', 4096);
    machine.plug(fn, SLOT);
    const log: string[] = [];
    const watcher: FunctionWatcher = {
      moved: () => void log.push('moved'),
      removed: () => void log.push('removed'),
      loading: () => void log.push('loading'),
      loaded: () => void log.push('loaded'),
      resume: (go) => {
        log.push('resume');
        go();
      },
    };
    return {
      machine,
      fn,
      log,
      watcher,
      stop: machine.watchFunction(SLOT, watcher),
      config: configOf(machine),
    };
  }

  it('hears where its BARs are decoded, and of nothing else', () => {
    const { log, config } = watched();
    config.command(2);
    config.setBar(0, 0xc0000000);
    expect(log).toEqual(['moved']);
    config.setBar(0, 0xc0000000);
    config.command(6);
    config.write(at.line, 1, 3);
    expect(log).toEqual(['moved']);
    config.setBar(0, 0xc0001000);
    config.command(0);
    expect(log).toEqual(['moved', 'moved', 'moved']);
  });

  it('hears that it is taken away, once, and of its slot no more', () => {
    const { machine, fn, log } = watched();
    machine.unplug(SLOT);
    expect(log).toEqual(['removed']);
    machine.plug(fn, SLOT);
    machine.unplug(SLOT);
    expect(log).toEqual(['removed']);
  });

  it('hears of a load, and says when the function goes on', () => {
    const { machine, fn, log } = watched();
    fn.parts.set('part', {
      save: () => null,
      load: () => void log.push('part loaded'),
      resume: () => void log.push('part resumed'),
    });
    machine.load(machine.save());
    expect(log).toEqual(['loading', 'part loaded', 'loaded', 'resume', 'part resumed']);
  });

  it('is one at a time, and may leave', () => {
    const { machine, watcher, stop, log, config } = watched();
    expect(() => machine.watchFunction(SLOT, watcher)).toThrow(VirtiolabError);
    expect(() => machine.watchFunction(SLOT + 8, watcher)).toThrow(/00:05\.0: it is empty/);
    stop();
    const again = machine.watchFunction(SLOT, watcher);
    stop();
    config.setBar(0, 0xc0000000);
    config.command(2);
    expect(log).toEqual(['moved']);
    again();
    config.command(0);
    machine.unplug(SLOT);
    expect(log).toEqual(['moved']);
  });
});

describe('a table that somebody else keeps', () => {
  /** As the function comes out of a reset: its own table masks everything. */
  const elsewhere = () => {
    const told: string[] = [];
    const switches = { masked: false };
    const msix = new Msix(3, {
      enabled: () => true,
      masked: () => switches.masked,
      busMaster: () => false,
      send: () => void told.push('message'),
      elsewhere: () => true,
      sendVector: (vector) => void told.push(`vector ${vector}`),
    });
    msix.origin = {
      maskChanged: (vector, masked) => void told.push(`${vector} ${masked ? 'masked' : 'unmasked'}`),
      pendingBits: () => 0,
    };
    return { msix, switches, told };
  };

  it('masks nothing here: masks are applied where it is kept', () => {
    const { msix, switches, told } = elsewhere();
    expect([0, 1, 2].map((vector) => msix.isMasked(vector))).toEqual([false, false, false]);
    switches.masked = true;
    msix.functionMaskChanged();
    msix.table.write(12, 4, 0);
    msix.table.write(12, 4, 1);
    msix.reset();
    expect(msix.isMasked(0)).toBe(false);
    // A function behind this one would keep its messages back, and nobody would ever ask for them.
    expect(told).toEqual([]);
    msix.trigger(2);
    expect(told).toEqual(['vector 2']);
  });
});
