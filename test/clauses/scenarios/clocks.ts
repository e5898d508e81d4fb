import { SteppedClock } from '../../../src/virtio/index.ts';
import { BUFFERS } from '../../virtio/support/guests.ts';
import { about, RawRtc, request } from '../../virtio/support/rtc.ts';
import { during, type Scenario, scenario } from './scenario.ts';

const OUTSIDE = 0x8000_0000;
const [READ, READ_CROSS, CROSS_CAP, SET_ALARM_ENABLED] = [1, 2, 0x1002, 0x1005];

function rtc(name: string, wrong: (rtc: RawRtc, clock: SteppedClock) => void, alarms = true): Scenario {
  return scenario(`rtc: ${name}`, () => {
    const clock = new SteppedClock();
    const lab = new RawRtc({ clocks: [clock] }, alarms);
    return during(lab.guest, () => wrong(lab, clock));
  });
}

const sends = (name: string, bytes: readonly number[], room: number, ...places: readonly number[]) =>
  rtc(name, (lab) => void lab.send(bytes, room, ...places));

const read = request(READ, ...about(0));

export const clocks: readonly Scenario[] = [
  sends('no room for a status', read, 0),
  sends('no room for an answer', read, 15),
  sends('less than a head', [1, 0], 16),
  sends('less than its type', request(READ), 16),
  sends('a request out of reach', read, 16, OUTSIDE),
  sends('a request that leads out of reach', read, 16, 0x100000 - 8),
  sends('an answer out of reach', read, 16, BUFFERS, OUTSIDE),
  sends('a reserved byte', request(READ, ...about(0, 7)), 16),
  sends('a flag', request(SET_ALARM_ENABLED, ...about(0, 3)), 8),
  sends('a counter that is none', request(READ_CROSS, ...about(0, 3)), 24),
  sends('a counter that is none, to ask for', request(CROSS_CAP, ...about(0, 3)), 16),
  rtc('an alarm buffer that is too short', (lab) => lab.buffer(8)),
  rtc('an alarm buffer out of reach', (lab) => {
    lab.buffer(16, 0, OUTSIDE);
    lab.send(request(SET_ALARM_ENABLED, ...about(0, 1)), 8);
  }),
  rtc(
    'an alarm buffer without ALARM',
    (lab) => {
      lab.buffer();
    },
    false,
  ),
];
