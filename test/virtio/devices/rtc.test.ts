import { describe, expect, it, test } from 'vitest';
import { StateMismatchError } from '../../../src/core/index.ts';
import {
  ClockStepError,
  type RtcClock,
  RtcDevice,
  RtcOptionError,
  rtcClockType,
  rtcSmearing,
  SteppedClock,
} from '../../../src/virtio/index.ts';
import { about, le, RawRtc, request } from '../support/rtc.ts';

/* Message types, status values and layouts are the specification's, written out here. */
const [READ, READ_CROSS, CFG, CLOCK_CAP, CROSS_CAP] = [1, 2, 0x1000, 0x1001, 0x1002];
const [READ_ALARM, SET_ALARM, SET_ALARM_ENABLED] = [0x1003, 0x1004, 0x1005];
const [OK, EOPNOTSUPP, ENODEV, EINVAL, EIO] = [0, 2, 3, 4, 5];
const TSC = 1;

const head = (status: number) => [status, 0, 0, 0, 0, 0, 0, 0];
const ok = (...rest: readonly number[]) => [...head(OK), ...rest];
const setAlarm = (clock: number, time: bigint, flags: number) =>
  request(SET_ALARM, ...le(time, 8), ...le(clock, 2), flags, 0, 0, 0, 0, 0);
const notification = (clock: number) => [0, 0x20, 0, 0, 0, 0, 0, 0, ...le(clock, 2), 0, 0, 0, 0, 0, 0];

/** Cannot be told, nor watched. */
const broken: RtcClock = { type: rtcClockType.tai, counters: [TSC], read: () => null, readCross: () => null };
const utc = (time = 0n) => new SteppedClock({ time, counters: { [TSC]: 2_000_000_000n } });

describe('the RTC device', () => {
  it('says how many clocks there are, and what they are', () => {
    const smeared = new SteppedClock({ type: rtcClockType.utcSmeared, smearing: rtcSmearing.utcSls });
    const rtc = new RawRtc({ clocks: [utc(), broken, smeared] });
    expect(rtc.send(request(CFG), 16)).toEqual(ok(3, 0, 0, 0, 0, 0, 0, 0));
    const capabilities = [0, 1, 2].map((clock) => rtc.send(request(CLOCK_CAP, ...about(clock)), 16));
    // RTC-CTL-22, RTC-CTL-23, RTC-ALM-06: type, smearing, alarm.
    expect(capabilities).toEqual([
      ok(0, 0, 1, 0, 0, 0, 0, 0),
      ok(1, 0, 0, 0, 0, 0, 0, 0),
      ok(3, 2, 1, 0, 0, 0, 0, 0),
    ]);
    expect(rtc.guest.clauses()).toEqual([]);
  });

  it('RTC-READ-07, RTC-READ-08: reads a clock in nanoseconds, all 64 bits of them', () => {
    const clock = utc(0xfedcba9876543210n);
    const rtc = new RawRtc({ clocks: [clock] });
    const read = () => rtc.send(request(READ, ...about(0)), 16);
    expect(read()).toEqual(ok(0x10, 0x32, 0x54, 0x76, 0x98, 0xba, 0xdc, 0xfe));
    clock.advance(1n);
    expect(read()).toEqual(ok(0x11, 0x32, 0x54, 0x76, 0x98, 0xba, 0xdc, 0xfe));
  });

  it('RTC-READ-09, RTC-CTL-24: reads a clock beside a counter, where it says that it can', () => {
    const clock = utc(1000n);
    const rtc = new RawRtc({ clocks: [clock, new SteppedClock()] });
    const can = (id: number, counter: number) => rtc.send(request(CROSS_CAP, ...about(id, counter)), 16);
    const cross = (id: number, counter: number) => rtc.send(request(READ_CROSS, ...about(id, counter)), 24);
    clock.advance(7n);
    expect([can(0, TSC)[8], can(0, 0)[8], can(0, 0xff)[8], can(1, TSC)[8]]).toEqual([1, 0, 0, 0]);
    expect(cross(0, TSC)).toEqual(ok(...le(1007, 8), ...le(14, 8)));
    for (const [id, counter] of [
      [0, 0],
      [0, 0xff],
      [1, TSC],
    ] as const)
      expect(cross(id, counter)).toEqual(head(EOPNOTSUPP));
    expect(rtc.guest.clauses()).toEqual([]);
    // A step of the clock is none of the counter (RTC-READ-12).
    clock.set(5n);
    expect(cross(0, TSC)).toEqual(ok(...le(5, 8), ...le(14, 8)));
  });

  it('RTC-READ-05: never lets a monotonic clock go back', () => {
    let time = 100n;
    const clock: RtcClock = { type: rtcClockType.monotonic, read: () => time };
    const rtc = new RawRtc({ clocks: [clock] }, false);
    const read = () => rtc.send(request(READ, ...about(0)), 16).slice(8, 10);
    expect(read()).toEqual([100, 0]);
    time = 90n;
    expect(read()).toEqual([100, 0]);
    time = 300n;
    expect(read()).toEqual([44, 1]);
  });

  test.each([
    ['RTC-OP-10: of no known type', request(0x1006, ...about(0)), 24, EOPNOTSUPP, []],
    [
      'RTC-OP-11: for a counter that is none',
      request(CROSS_CAP, ...about(0, 2)),
      16,
      EOPNOTSUPP,
      ['RTC-CTL-01'],
    ],
    [
      'RTC-OP-11: for a counter that is none',
      request(READ_CROSS, ...about(0, 9)),
      24,
      EOPNOTSUPP,
      ['RTC-READ-01'],
    ],
    ['RTC-OP-11: for a counter of somebody else', request(CROSS_CAP, ...about(0, 0xf3)), 16, EOPNOTSUPP, []],
    ['RTC-OP-12: of a clock that there is not', request(READ, ...about(2)), 16, ENODEV, []],
    ['RTC-OP-12: of a clock that there is not', request(CLOCK_CAP, ...about(0xffff)), 16, ENODEV, []],
    ['RTC-OP-14: shorter than its head', [1, 0, 0, 0, 0, 0, 0], 16, EINVAL, ['CONF-01']],
    ['RTC-OP-14: shorter than its type', request(READ, 0, 0), 16, EINVAL, ['CONF-01']],
    ['RTC-OP-15: with too little room', request(READ, ...about(0)), 15, EINVAL, ['RTC-OP-06']],
    ['RTC-OP-13: with something reserved', [1, 0, 0, 0, 0, 0, 0, 1, ...about(0)], 16, EINVAL, ['RTC-OP-02']],
    ['RTC-OP-13: with something reserved', request(READ, ...about(0, 1)), 16, EINVAL, ['RTC-OP-02']],
    [
      'RTC-OP-13: with a flag that is none',
      request(SET_ALARM_ENABLED, ...about(0, 2)),
      8,
      EINVAL,
      ['RTC-OP-03'],
    ],
    ['RTC-OP-17: of a clock that cannot be told', request(READ, ...about(1)), 16, EIO, []],
    ['RTC-READ-11: of a clock that cannot be told', request(READ_CROSS, ...about(1, TSC)), 24, EIO, []],
    ['RTC-ALC-03: for an alarm where there is none', request(READ_ALARM, ...about(1)), 24, ENODEV, []],
    ['RTC-ALC-03: for an alarm where there is none', setAlarm(1, 0n, 1), 8, ENODEV, []],
  ] as const)('%s, a request is refused', (_, bytes, room, status, clauses) => {
    const rtc = new RawRtc({ clocks: [utc(), broken] });
    expect(rtc.send(bytes, room)).toEqual(head(status));
    expect(rtc.guest.clauses()).toEqual(clauses);
  });

  it('RTC-OP-16: writes as much of a refusal as there is room for', () => {
    const rtc = new RawRtc();
    expect(rtc.send(request(READ, ...about(0)), 3)).toEqual([EINVAL, 0, 0]);
    expect(rtc.send(request(READ, ...about(0)), 0)).toEqual([]);
    expect(rtc.guest.clauses()).toEqual(['RTC-OP-06', 'RTC-OP-06']);
  });

  it('RTC-OP-18, RTC-OP-19: takes no notice of more than there has to be', () => {
    const rtc = new RawRtc({ clocks: [utc(9n)] });
    expect(rtc.send(request(READ, ...about(0), 1, 2, 3), 40)).toEqual(ok(...le(9, 8)));
    expect(rtc.guest.clauses()).toEqual([]);
  });

  it('RTC-OP-22, RTC-OP-23: says the same of itself again, and after a reset', () => {
    const rtc = new RawRtc({ clocks: [utc()] });
    const ask = () => [
      rtc.send(request(CFG), 16),
      rtc.send(request(CLOCK_CAP, ...about(0)), 16),
      rtc.send(request(CROSS_CAP, ...about(0, TSC)), 16),
    ];
    expect(ask()).toEqual(ask());
  });
});

describe('an alarm', () => {
  const alarm = (rtc: RawRtc, clock = 0) => rtc.send(request(READ_ALARM, ...about(clock)), 24);

  it('RTC-ALC-07, RTC-ALC-08: is at first 0 and off, and takes any time', () => {
    const rtc = new RawRtc({ clocks: [utc()] });
    expect(alarm(rtc)).toEqual(ok(...le(0, 8), 0, 0, 0, 0, 0, 0, 0, 0));
    const time = 0xffffffffffffffffn;
    expect(rtc.send(setAlarm(0, time, 1), 8)).toEqual(head(OK));
    expect(alarm(rtc)).toEqual(ok(...le(time, 8), 1, 0, 0, 0, 0, 0, 0, 0));
    // RTC-ALC-13.
    expect(rtc.send(request(SET_ALARM_ENABLED, ...about(0, 0)), 8)).toEqual(head(OK));
    expect(alarm(rtc)).toEqual(ok(...le(time, 8), 0, 0, 0, 0, 0, 0, 0, 0));
    // RTC-ALM-02, RTC-ALM-03.
    rtc.send(setAlarm(0, time, 1), 8);
    rtc.guest.device.reset();
    expect(rtc.device.save()).toEqual(new RtcDevice({ clocks: [utc()] }).save());
  });

  it('RTC-ALM-07, RTC-ALM-12: is told once, when the clock gets there', () => {
    const clock = utc(50n);
    const rtc = new RawRtc({ clocks: [new SteppedClock(), clock] });
    rtc.buffer();
    rtc.send(setAlarm(1, 100n, 1), 8);
    clock.advance(49n);
    expect(rtc.told()).toEqual([]);
    clock.advance(1n);
    expect(rtc.told()).toEqual([notification(1)]);
    rtc.buffer(16, 1);
    clock.advance(1000n);
    expect(rtc.told()).toHaveLength(1);
    // Whoever goes back and gets there again expires again.
    clock.set(99n);
    clock.set(500n);
    expect(rtc.told()).toHaveLength(2);
  });

  it.each([
    ['RTC-ALM-08: set to a time that has come', [setAlarm(0, 10n, 1)]],
    ['RTC-ALM-09: switched on late', [setAlarm(0, 10n, 0), request(SET_ALARM_ENABLED, ...about(0, 1))]],
  ])('%s expires at once', (_, sent) => {
    const rtc = new RawRtc({ clocks: [utc(10n)] });
    rtc.buffer();
    for (const [i, bytes] of sent.entries()) {
      expect(rtc.told()).toHaveLength(0);
      expect(rtc.send(bytes, 8), String(i)).toEqual(head(OK));
    }
    expect(rtc.told()).toEqual([notification(0)]);
  });

  it('RTC-ALM-11: waits for a buffer, and RTC-ALM-16: not when it was switched off meanwhile', () => {
    const clock = utc();
    const rtc = new RawRtc({ clocks: [clock] });
    rtc.send(setAlarm(0, 5n, 1), 8);
    clock.advance(5n);
    rtc.buffer();
    expect(rtc.told()).toEqual([notification(0)]);
    rtc.send(setAlarm(0, 6n, 1), 8);
    clock.advance(5n);
    rtc.send(request(SET_ALARM_ENABLED, ...about(0, 0)), 8);
    rtc.buffer(16, 1);
    expect(rtc.told()).toHaveLength(1);
  });

  it('RTC-ALM-18: that nobody was told of is over when the clock goes back', () => {
    const clock = utc();
    const rtc = new RawRtc({ clocks: [clock] });
    rtc.send(setAlarm(0, 5n, 1), 8);
    clock.advance(5n);
    clock.set(0n);
    rtc.buffer();
    expect(rtc.told()).toEqual([]);
  });

  it('RTC-ALM-11: is told by the first buffer that can be written', () => {
    const clock = utc();
    const rtc = new RawRtc({ clocks: [clock] });
    rtc.buffer(16, 0, 0x8000_0000);
    rtc.buffer(16, 1);
    rtc.send(setAlarm(0, 5n, 1), 8);
    clock.advance(5n);
    expect([rtc.told(), rtc.guest.clauses()]).toEqual([[[], notification(0)], ['RF-05']]);
  });

  it('RTC-ALN-02: wants a buffer that holds it', () => {
    const clock = utc();
    const rtc = new RawRtc({ clocks: [clock] });
    rtc.buffer(15);
    expect([rtc.told(), rtc.guest.clauses()]).toEqual([[[]], ['RTC-ALN-02']]);
  });

  it('RTC-ALC-02: is no matter of a driver without the feature, nor is its queue', () => {
    const rtc = new RawRtc({ clocks: [utc()] }, false);
    expect(rtc.send(setAlarm(0, 0n, 1), 8)).toEqual(head(ENODEV));
    // RTC-OP-21.
    expect(rtc.send(request(CLOCK_CAP, ...about(0)), 16)).toEqual(ok(0, 0, 0, 0, 0, 0, 0, 0));
  });

  it('is woken for by a clock that does not move in steps', () => {
    const woken: (bigint | null)[] = [];
    let [time, moved] = [0n, () => {}];
    const clock: RtcClock = {
      type: rtcClockType.utc,
      read: (): bigint => time,
      watch: (told) => {
        moved = told;
      },
      wakeAt: (at) => woken.push(at),
    };
    const rtc = new RawRtc({ clocks: [clock] });
    woken.length = 0;
    rtc.buffer();
    rtc.send(setAlarm(0, 70n, 1), 8);
    expect(woken).toEqual([70n]);
    time = 71n;
    moved();
    expect([woken, rtc.told()]).toEqual([[70n, null], [notification(0)]]);
  });

  it('that expires while a machine is saved is told where it goes on', () => {
    const [one, other] = [utc(), utc()];
    const rtc = new RawRtc({ clocks: [one] });
    rtc.send(setAlarm(0, 5n, 1), 8);
    rtc.buffer();
    const twin = new RawRtc({ clocks: [other] });
    other.advance(6n);
    twin.guest.machine.load(rtc.guest.machine.save());
    expect(twin.told()).toEqual([notification(0)]);
  });
});

describe('misuse', () => {
  const read = (): bigint => 0n;
  test.each([
    ['type', { type: 256, read }],
    ['smearing', { type: rtcClockType.utc, smearing: 1, read }],
    ['smearing', { type: rtcClockType.utcSmeared, smearing: 300, read }],
    ['counters', { type: rtcClockType.utc, counters: [0xff], read }],
  ] as const)('a clock with a wrong %s is none', (option, clock) => {
    expect(() => new RtcDevice({ clocks: [clock] })).toThrow(RtcOptionError);
    expect(() => new RtcDevice({ clocks: [clock] })).toThrow(expect.objectContaining({ option }));
  });

  it('more clocks than have numbers are none', () => {
    const clocks = new Array(0x10000).fill(broken);
    expect(() => new RtcDevice({ clocks })).toThrow('clocks 65536: wants at most 65535 of them');
  });

  it('a clock that is set to what it cannot show', () => {
    const clock = new SteppedClock({ type: rtcClockType.monotonic, time: 5n });
    expect(() => clock.set(4n)).toThrow(ClockStepError);
    expect(() => clock.advance(-1n)).toThrow('a clock cannot be set to 4 ns: wants time that passes');
    expect(() => new SteppedClock({ time: 2n ** 64n })).toThrow(ClockStepError);
    expect(clock.read()).toBe(5n);
  });

  it('a state of another set of clocks, or one that cannot be', () => {
    const device = new RtcDevice({ clocks: [utc(), broken] });
    const saved = device.save();
    expect(() => new RtcDevice({ clocks: [utc()] }).load(saved)).toThrow(StateMismatchError);
    const [first, second] = saved.clocks;
    const load = (clocks: typeof saved.clocks) => () => device.load({ ...saved, clocks });
    expect(load([{ ...first!, expired: true }, second!])).toThrow(/rtc\.clocks\[0\]\.expired/);
    expect(load([first!, { ...second!, enabled: true }])).toThrow(/rtc\.clocks\[1\]\.enabled/);
    expect(load([first!])).toThrow(/rtc\.clocks\.length/);
    expect(device.check(saved)).toEqual(saved);
  });
});
