import { describe, expect, it, test } from 'vitest';
import { BalloonDevice, BalloonTargetError } from '../../../src/virtio/index.ts';
import { ALL, F, legacy, modern, move, type Setup } from '../support/balloon.ts';
import { ModernGuest } from '../support/guests.ts';

describe('configuration of the balloon', () => {
  const at = (setup: Setup) =>
    setup.guest instanceof ModernGuest
      ? { bus: 'memory' as const, base: setup.guest.structure(4) }
      : { bus: 'io' as const, base: setup.guest.bar(0) + 0x14 };
  const put = (setup: Setup, offset: number, width: 1 | 2 | 4, value: number) => {
    const { bus, base } = at(setup);
    if (bus === 'memory') setup.guest.machine.memoryWrite(base + offset, width, value);
    else setup.guest.machine.ioWrite(base + offset, width, value);
  };
  const get = (setup: Setup, offset: number) => {
    const { bus, base } = at(setup);
    return bus === 'memory'
      ? setup.guest.machine.memoryRead(base + offset, 4)
      : setup.guest.machine.ioRead(base + offset, 4);
  };

  test.each([
    ['modern', () => modern()],
    ['legacy', () => legacy(false)],
    ['big-endian legacy', () => legacy(true)],
  ] as const)('LEG-BAL-03: is little-endian for a %s driver', (_, make) => {
    const setup = make();
    setup.guest.interrupts();
    setup.device.setTarget(0x01020304);
    expect(get(setup, 0)).toBe(0x01020304);
    // A change is told (OPER-01); the same target again is none.
    expect(setup.guest.interrupts()).toHaveLength(1);
    setup.device.setTarget(0x01020304);
    expect(setup.guest.interrupts()).toEqual([]);
    put(setup, 4, 4, 0x0a0b0c0d);
    expect([setup.device.actual, setup.events]).toEqual([
      0x0a0b0c0d,
      [{ kind: 'actual', pages: 0x0a0b0c0d }],
    ]);
  });

  it('LEG-BAL-06: takes a count that is written byte by byte when its last byte is there', () => {
    const setup = legacy(false);
    const seen: number[] = [];
    for (const [i, byte] of [4, 3, 2, 1].entries()) {
      put(setup, 4 + i, 1, byte);
      seen.push(setup.device.actual);
    }
    expect([seen, setup.events, setup.guest.clauses()]).toEqual([
      [0, 0, 0, 0x01020304],
      [{ kind: 'actual', pages: 0x01020304 }],
      [],
    ]);
    put(setup, 4, 2, 0x9999);
    expect(setup.device.actual).toBe(0x01020304);
    put(setup, 6, 2, 0);
    expect(setup.device.actual).toBe(0x9999);
  });

  it('LEG-BAL-05: reports a count that is not written whole', () => {
    const setup = legacy(false);
    put(setup, 7, 1, 1);
    expect([setup.guest.clauses(), setup.device.actual]).toEqual([['LEG-BAL-05'], 0x01000000]);
  });

  it('lets a driver write neither its target nor its command id', () => {
    const setup = modern();
    put(setup, 0, 4, 7);
    put(setup, 8, 4, 7);
    expect([setup.device.target, setup.device.hints.commandId, get(setup, 8)]).toEqual([0, 0, 0]);
  });

  it('BAL-FPH-07: takes a poison before DRIVER_OK, and reports one after it', () => {
    const device = new BalloonDevice(ALL);
    const guest = new ModernGuest(device);
    guest.negotiate([F.pagePoison]);
    guest.machine.memoryWrite(guest.structure(4) + 12, 4, 0xaaaaaaaa);
    guest.block.set('deviceStatus', guest.block.get('deviceStatus') | 4);
    expect([device.poison, guest.clauses()]).toEqual([0xaaaaaaaa, []]);
    guest.machine.memoryWrite(guest.structure(4) + 12, 4, 1);
    expect([device.poison, guest.clauses()]).toEqual([1, ['BAL-FPH-07']]);
  });

  test.each([-1, 1.5, 2 ** 32, Number.NaN])('refuses a target of %d pages', (pages) => {
    const device = new BalloonDevice();
    expect(() => device.setTarget(pages)).toThrow(BalloonTargetError);
  });

  test.each([
    // Features, queue sizes and length as QEMU 7.2 has them, and then with everything.
    [{}, [1, 4], [128, 128, 128], 16],
    [{ pagePoison: false }, [1], [128, 128, 128], 8],
    [{ pagePoison: false, freePageHints: true }, [1, 3], [128, 128, 128, 128], 12],
    [{ freePageReports: true }, [1, 4, 5], [128, 128, 128, 0, 128], 16],
    [{ freePageReports: true, numbering: 'contiguous' }, [1, 4, 5], [128, 128, 128, 128], 16],
    [{ statistics: false, freePageHints: true, queueSize: 8 }, [3, 4], [8, 8, 0, 8], 16],
    [{ ...ALL, deflateOnOutOfMemory: true }, [0, 1, 2, 3, 4, 5], [128, 128, 128, 128, 128], 16],
  ] as const)('%j offers features %j and queues %j', (options, features, queueSizes, length) => {
    const device = new BalloonDevice(options);
    expect([device.features, device.queueSizes, device.config.length]).toEqual([
      features,
      queueSizes,
      length,
    ]);
  });

  it('BAL-FEAT-04, LEG-BAL-01: may insist on MUST_TELL_HOST, but not towards a legacy driver', () => {
    const insisting = () => new ModernGuest(new BalloonDevice({ mustTellHost: 'required' }));
    const guest = insisting();
    expect([guest.negotiate([]) & 8, guest.clauses()]).toEqual([0, ['BAL-FEAT-01']]);
    expect(insisting().negotiate([F.mustTellHost]) & 8).toBe(8);
    expect(modern({ mustTellHost: 'offered' }, [], [0]).guest.block.get('deviceStatus') & 8).toBe(8);
    const setup = legacy(false, 0, { mustTellHost: 'required', freePageHints: true, freePageReports: true });
    expect(move(setup, 0, [0x20])).toEqual([]);
    expect(setup.device.inflated.size).toBe(1);
  });
});
