import { type RegisterMap, registers, ro } from '../../core/index.ts';
import { defineDeviceType } from './device-type.ts';

/** Feature bits of the RTC device. */
export const rtcFeature = { alarm: 0 } as const;

/** Queues; that of the alarms exists with ALARM only. */
export const rtcQueue = { request: 0, alarm: 1 } as const;

/** The device type. It has no configuration, and no function of it is transitional. */
export const rtcDeviceType = defineDeviceType({
  name: 'rtc',
  functionName: 'virtio-rtc',
  typeNumber: 17,
  classCode: 0x080300,
  features: rtcFeature,
});

/** Kinds of clocks. What is smeared does not step at a leap second, but runs slower or faster around it. */
export const rtcClockType = { utc: 0, tai: 1, monotonic: 2, utcSmeared: 3, utcMaybeSmeared: 4 } as const;

/** How a clock of type `utcSmeared` is smeared. */
export const rtcSmearing = { unspecified: 0, noonLinear: 1, utcSls: 2 } as const;

/** Hardware counters of the driver's processor. */
export const rtcCounter = { armVirtualCount: 0, x86TimeStamp: 1, invalid: 0xff } as const;

/** What implementations may define for themselves: types of clocks, ways of smearing, counters (these but for the last). */
export const RTC_OWN_RANGE = { first: 0xf0, last: 0xff } as const;

/** What became of a request. */
export const rtcStatus = { ok: 0, notSupported: 2, noDevice: 3, invalid: 4, ioError: 5 } as const;

/** Bits of the various fields of flags. */
export const rtcFlag = { alarmCapable: 1, crossCapable: 1, alarmEnabled: 1 } as const;

const requestHead = { messageType: ro(0, 2), headReserved: ro(2, 1, 'RTC-OP-02', { count: 6 }) };
const responseHead = {
  status: ro(0, 1, 'RTC-OP-07 RTC-OP-08'),
  headReserved: ro(1, 1, 'RTC-OP-20', { count: 7 }),
};
export const RTC_HEAD_BYTES = 8;
/** No request and no response is longer. */
export const RTC_MOST_BYTES = 24;

const ofClock = registers({
  ...requestHead,
  clockId: ro(8, 2, 'RTC-OP-12'),
  reserved: ro(10, 1, 'RTC-OP-02', { count: 6 }),
});
const ofCounter = registers({
  ...requestHead,
  clockId: ro(8, 2, 'RTC-OP-12'),
  hardwareCounter: ro(10, 1, 'RTC-OP-11'),
  reserved: ro(11, 1, 'RTC-OP-02', { count: 5 }),
});
const ofFlags = registers({
  ...requestHead,
  clockId: ro(8, 2, 'RTC-OP-12'),
  flags: ro(10, 1, 'RTC-OP-03'),
  reserved: ro(11, 1, 'RTC-OP-02', { count: 5 }),
});

/** A request by its message type, and how request and response are laid out. */
export interface RtcRequestRow {
  readonly message: number;
  readonly request: RegisterMap;
  readonly response: RegisterMap;
}

/** Every request there is. Times are in nanoseconds. */
export const rtcRequests = {
  read: {
    message: 0x0001,
    request: ofClock,
    response: registers({ ...responseHead, clockReading: ro(8, 8, 'RTC-READ-07') }),
  },
  readCross: {
    message: 0x0002,
    request: ofCounter,
    response: registers({
      ...responseHead,
      clockReading: ro(8, 8, 'RTC-READ-13'),
      counterCycles: ro(16, 8, 'RTC-READ-09'),
    }),
  },
  config: {
    message: 0x1000,
    request: registers(requestHead),
    response: registers({
      ...responseHead,
      numClocks: ro(8, 2, 'RTC-OP-24'),
      reserved: ro(10, 1, 'RTC-OP-20', { count: 6 }),
    }),
  },
  clockCapabilities: {
    message: 0x1001,
    request: ofClock,
    response: registers({
      ...responseHead,
      type: ro(8, 1),
      leapSecondSmearing: ro(9, 1, 'RTC-CTL-22 RTC-CTL-23'),
      flags: ro(10, 1, 'RTC-ALM-06'),
      reserved: ro(11, 1, 'RTC-OP-20', { count: 5 }),
    }),
  },
  crossCapabilities: {
    message: 0x1002,
    request: ofCounter,
    response: registers({
      ...responseHead,
      flags: ro(8, 1, 'RTC-CTL-24'),
      reserved: ro(9, 1, 'RTC-OP-20', { count: 7 }),
    }),
  },
  readAlarm: {
    message: 0x1003,
    request: ofClock,
    response: registers({
      ...responseHead,
      alarmTime: ro(8, 8, 'RTC-ALC-04'),
      flags: ro(16, 1, 'RTC-ALC-05'),
      reserved: ro(17, 1, 'RTC-OP-20', { count: 7 }),
    }),
  },
  setAlarm: {
    message: 0x1004,
    request: registers({
      ...requestHead,
      alarmTime: ro(8, 8, 'RTC-ALC-01 RTC-ALC-07'),
      clockId: ro(16, 2, 'RTC-OP-12'),
      flags: ro(18, 1, 'RTC-OP-03'),
      reserved: ro(19, 1, 'RTC-OP-02', { count: 5 }),
    }),
    response: registers(responseHead),
  },
  setAlarmEnabled: { message: 0x1005, request: ofFlags, response: registers(responseHead) },
} as const satisfies Record<string, RtcRequestRow>;
export type RtcRequestName = keyof typeof rtcRequests;

/** What the device tells of an alarm, in a buffer of its queue. */
export const RTC_ALARM_NOTIFICATION = 0x2000;
export const rtcNotification = registers({
  messageType: ro(0, 2),
  headReserved: ro(2, 1, 'RTC-OP-20', { count: 6 }),
  clockId: ro(8, 2, 'RTC-ALN-04'),
  reserved: ro(10, 1, 'RTC-OP-20', { count: 6 }),
});
export const RTC_NOTIFICATION_BYTES = 16;
