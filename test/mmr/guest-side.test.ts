import { describe, expect, it, test } from 'vitest';
import {
  draft2023,
  type GuestSide,
  IoBarBackend,
  type LegacyBackend,
  MmrBackend,
} from '../../src/mmr/index.ts';
import { SLOT } from '../pci/support.ts';
import { type HandmadeOptions, handmade, handmadeWays, Stranger } from './support/handmade.ts';
import { configProbe, GUEST_SLOT, hostWith, Pair } from './support.ts';

const [CONFIG_VECTOR, QUEUE_VECTOR] = [20, 22];

/** A back end alone; `log` is what its guest's side is told, once there is one. */
function alone(options: HandmadeOptions = {}) {
  const { window = 'mmr' } = options;
  const { fn, block } = handmade({ ...options, window });
  const host = hostWith(fn);
  const backend: LegacyBackend =
    window === 'mmr' ? new MmrBackend(host, SLOT, draft2023) : new IoBarBackend(host, SLOT, 8);
  backend.setBusMaster(true);
  const log: string[] = [];
  const least: GuestSide = {
    setLine: (level) => void log.push(`line ${level ? 'up' : 'down'}`),
    trigger: (vector) => void log.push(`message ${vector}`),
    report: (clause) => void log.push(clause),
  };
  const forget = (vector?: number) => void log.push(vector === undefined ? 'forget' : `forget ${vector}`);
  const told = (act: () => void) => {
    log.length = 0;
    act();
    return [...log];
  };
  const setUp = (queue: number, vector: number) => {
    backend.write(14, 2, queue);
    backend.write(8, 4, 0x10 + queue);
    backend.write(QUEUE_VECTOR, 2, vector);
  };
  return { host, fn, block, backend, least, forget, told, setUp };
}

describe('BF-VQR-01, what waits behind the masks of a guest is forgotten where nothing is left to tell', () => {
  /** Queue 0 and 1, and the configuration, have these vectors; queue 0 is selected. */
  const choose = (queue0: number, queue1: number, config: number) => {
    const under = alone();
    under.backend.attach({ ...under.least, forget: under.forget });
    under.backend.setMsix(true);
    under.setUp(1, queue1);
    under.setUp(0, queue0);
    under.backend.write(CONFIG_VECTOR, 2, config);
    const write = (offset: number, value: number) =>
      under.told(() => under.backend.write(offset, offset === 8 || offset === 4 ? 4 : 2, value));
    return { ...under, write };
  };
  const NONE = 0xffff;

  test.each([
    ['to itself', [0, 1, 2], 1, ['forget 0']],
    ['with the configuration', [0, 1, 0], 1, []],
    ['with the other queue', [0, 0, 1], 1, []],
    ['none', [NONE, 0, 1], 2, []],
  ] as const)('of a queue that has its vector %s', (_, [queue0, queue1, config], other, forgotten) => {
    const again = () => choose(queue0, queue1, config);
    expect(again().write(8, 0)).toEqual(forgotten);
    expect(again().write(8, 0x30)).toEqual(forgotten);
    expect(again().write(QUEUE_VECTOR, NONE)).toEqual(forgotten);
    expect(again().write(QUEUE_VECTOR, other)).toEqual(forgotten);
    // The same once more takes nothing away.
    expect(again().write(QUEUE_VECTOR, queue0)).toEqual([]);
  });

  test.each([
    ['to itself', [0, 1, 2], 1, ['forget 2']],
    ['with a queue', [0, 1, 1], 2, []],
    ['none', [0, 1, NONE], 2, []],
  ] as const)(
    'of the configuration, which has its vector %s',
    (_, [queue0, queue1, config], other, forgotten) => {
      const again = () => choose(queue0, queue1, config);
      expect(again().write(CONFIG_VECTOR, NONE)).toEqual(forgotten);
      expect(again().write(CONFIG_VECTOR, other)).toEqual(forgotten);
      expect(again().write(CONFIG_VECTOR, config)).toEqual([]);
    },
  );

  it('not of a queue that has no vector, or that there is not, nor by other registers', () => {
    const under = choose(0, 1, 2);
    expect([under.write(4, 1), under.write(14, 5), under.write(QUEUE_VECTOR, 1), under.write(8, 3)]).toEqual([
      [],
      [],
      [],
      [],
    ]);
    under.write(14, 1);
    expect(under.write(8, 0)).toEqual(['forget 1']);
  });

  it('of all at a reset, and where MSI-X goes off', () => {
    expect(choose(0, 1, 2).write(18, 0)).toEqual(['forget', 'line down']);
    const off = choose(0, 1, 2);
    expect(off.told(() => off.backend.setMsix(false))).toEqual(['forget', 'line down']);
    expect(off.told(() => off.backend.setMsix(true))).toEqual(['line down']);
  });

  it('a vector that was chosen before the queue had an address stays', () => {
    const under = choose(0, 1, 2);
    under.write(18, 0);
    under.write(QUEUE_VECTOR, 2);
    under.write(8, 0x40);
    expect(under.backend.read(QUEUE_VECTOR, 2)).toBe(2);
    expect(under.told(() => under.block.use(0))).toEqual(['message 2']);
  });
});

describe('what a guest with MSI-X off writes to the first bytes of its configuration', () => {
  it('chooses no vectors', () => {
    const { backend } = alone();
    backend.write(8, 4, 0x10);
    backend.write(CONFIG_VECTOR, 2, 1);
    backend.write(QUEUE_VECTOR, 2, 2);
    backend.setMsix(true);
    expect([backend.read(CONFIG_VECTOR, 2), backend.read(QUEUE_VECTOR, 2)]).toEqual([0xffff, 0xffff]);
    expect([backend.read(24, 2), backend.read(26, 2)]).toEqual([1, 2]);
  });
});

describe.each(handmadeWays)("by way of %s, a guest's side", (window) => {
  /** All that a guest does and a function tells. */
  const life = ({ backend, block, host, setUp }: ReturnType<typeof alone>) => {
    for (const msix of [false, true, false]) {
      backend.setMsix(msix);
      for (const vector of [0, 1, 2]) backend.setMask!(vector, false);
      setUp(0, 1);
      backend.write(CONFIG_VECTOR, 2, 0);
      block.use(0);
      block.changeConfig();
      backend.read(19, 1);
      backend.write(CONFIG_VECTOR, 2, 2);
      backend.write(8, 4, 0);
      backend.write(18, 1, 0);
    }
    host.unplug(SLOT);
    backend.read(18, 1);
  };

  it('that keeps no messages back, nor masks any, is told the same', () => {
    const [with_, without] = [alone({ window }), alone({ window })];
    with_.backend.attach({ ...with_.least, forget: () => {}, masked: () => false });
    without.backend.attach(without.least);
    const told = [with_, without].map((each) => each.told(() => life(each)));
    expect(told[1]).toEqual(told[0]);
    expect(told[0]).toContain('message 1');
    expect(told[0]).toContain('line up');
    expect(told[0]!.at(-1)).toBe('PCI-BUS-01');
  });

  it('may come later: until then nobody is told, and nothing breaks', () => {
    const under = alone({ window });
    expect(() => life(under)).not.toThrow();
    expect(() => alone({ window, slowReset: 1e9, status: 7 })).not.toThrow();
  });

  it('that comes after the first event finds it in ISR', () => {
    const under = alone({ window });
    under.block.changeConfig();
    under.backend.attach(under.least);
    expect([under.backend.read(19, 1), under.backend.read(19, 1)]).toEqual([2, 0]);
  });

  it('has every vector unmasked once its function is reset, or has MSI-X off', () => {
    for (const end of ['reset', 'off'] as const) {
      const under = new Stranger({ window });
      under.messages(true);
      if (end === 'reset') under.presented.pci.reset();
      else under.noMessages();
      const { backend } = under.presented;
      backend.setBusMaster(true);
      backend.write(8, 4, 0x10);
      under.interrupts();
      under.block.use(0);
      under.block.changeConfig();
      expect([end, backend.read(19, 1)]).toEqual([end, 3]);
    }
  });
});

describe('by way of io-bar', () => {
  it('a status that is not 0 withdraws nothing that waits, and 0 in other registers neither', () => {
    const under = alone({ window: 'io-bar' });
    under.backend.attach({ ...under.least, forget: under.forget });
    under.backend.setMsix(true);
    under.setUp(0, 1);
    expect(under.told(() => under.backend.write(18, 1, 7))).toEqual([]);
    expect(under.told(() => under.backend.write(14, 2, 0))).toEqual([]);
    expect(under.told(() => under.backend.write(18, 1, 0))).toEqual(['forget']);
  });

  it("the handler of the host's line says whether the interrupt was its function's", () => {
    const { fn, block } = handmade({ window: 'io-bar' });
    const host = hostWith(fn);
    const handlers: (() => boolean)[] = [];
    host.interrupts.connectLine = (_line, handler) => {
      handlers.push(handler);
      return () => {};
    };
    new IoBarBackend(host, SLOT, 8);
    const [handler] = handlers;
    expect(handler!()).toBe(false);
    block.changeConfig();
    expect([handler!(), handler!()]).toEqual([true, false]);
  });
});

describe('an event that a switch of MSI-X cannot tell apart', () => {
  it('is signalled once, and not again at the next switch', () => {
    const under = new Pair(configProbe());
    under.enableMsix();
    under.setUp();
    under.set('configMsixVector', 1);
    under.set('queueMsixVector', 0);
    let done = false;
    under.host.events = (event) => {
      if (done || event.kind !== 'access' || event.space !== 'memory' || event.operation !== 'write') return;
      done = true;
      under.function.interrupts.queue(0);
    };
    under.disableMsix();
    under.host.events = null;
    expect([done, under.get('isrStatus')]).toEqual([true, 3]);
    under.interrupts();
    under.enableMsix();
    under.disableMsix();
    expect([under.interrupts(), under.get('isrStatus')]).toEqual([[], 0]);
  });
});

describe('pending bits', () => {
  it('are none while the guest has MSI-X off, whatever waits in the function', () => {
    const under = new Stranger();
    under.setUp();
    under.guest.configWrite(GUEST_SLOT, 4, 2, 3);
    under.block.use(0);
    expect(under.fn.msix!.isPending(1)).toBe(true);
    expect([under.pendingBits, under.presented.backend.pendingBits!(0)]).toEqual([0, 0]);
  });
});
