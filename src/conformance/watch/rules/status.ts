import { command } from '../../../pci/layout/index.ts';
import { deviceStatus, statusRules } from '../../../virtio/layout/index.ts';
import type { Moment } from '../moment.ts';
import { BROKEN, cites, seen, type Violation, type WatchRule } from '../rule.ts';

const { acknowledge, driver, driverOk, featuresOk, needsReset, failed, suspend } = deviceStatus;

/** Bits that a write to status raises; 0 where nobody knows, or for a reset. */
const raised = ({ fn, value }: Moment) => (fn.status === null || value === 0 ? 0 : value & ~fn.status);

/** So many kicks may come before DRIVER_OK, of a driver that will set it. */
const EARLY_KICKS = 16;

/** The device is not told to work, nor was it ever. */
const isEarly = ({ fn }: Moment) => fn.isNot(driverOk) && fn.isNot(suspend) && fn.isNot(failed);

const status = (value: number): Violation => seen('device status bits', value);

/** What the life of the status forbids, by its own table. */
const lifeRules = statusRules.map(
  (rule): WatchRule => ({
    id:
      { 'BF-STAT-02': 'status-bit-cleared', 'BF-STAT-03': 'status-after-failed' }[rule.clause] ??
      'needs-reset-written',
    clauses: [rule.clause],
    level: 'must',
    says: rule.message,
    on: ['status'],
    when({ fn, value }) {
      if (fn.status === null || value === 0) return null;
      // A suspended device is resumed by raising DRIVER_OK, which clears SUSPEND.
      const cleared = fn.status & ~value & ~suspend & ~(fn.is(suspend) ? driverOk : 0);
      const breaks =
        (fn.status & rule.while) === rule.while &&
        ((value & ~fn.status & rule.raises) !== 0 || (cleared & rule.clears) !== 0);
      return breaks ? status(value) : null;
    },
  }),
);

export const statusChapter: readonly WatchRule[] = [
  ...lifeRules,
  {
    id: 'no-acknowledge',
    clauses: cites('BF-STAT-01 INIT-01'),
    legacyClauses: cites('LEG-INIT-01 BF-STAT-01'),
    level: 'must',
    says: 'a later status bit was set without ACKNOWLEDGE',
    on: ['status'],
    when: (now) =>
      (raised(now) & (driver | featuresOk | driverOk)) !== 0 &&
      (now.value & acknowledge) === 0 &&
      now.fn.isNot(acknowledge)
        ? status(now.value)
        : null,
  },
  {
    id: 'no-driver',
    clauses: cites('BF-STAT-01 INIT-01'),
    legacyClauses: cites('LEG-INIT-01 BF-STAT-01'),
    level: 'must',
    says: 'a later status bit was set without DRIVER',
    on: ['status'],
    when: (now) =>
      (raised(now) & (featuresOk | driverOk)) !== 0 && (now.value & driver) === 0 && now.fn.isNot(driver)
        ? status(now.value)
        : null,
  },
  {
    id: 'driver-ok-with-earlier-steps',
    clauses: cites('BF-STAT-01'),
    level: 'should',
    says: 'DRIVER_OK was set in one write with earlier steps',
    on: ['status'],
    when(now) {
      const up = raised(now);
      return (up & driverOk) !== 0 && (up & (acknowledge | driver | featuresOk)) !== 0
        ? status(now.value)
        : null;
    },
  },
  {
    id: 'features-ok-with-earlier-steps',
    clauses: cites('BF-STAT-01'),
    level: 'should',
    speaks: 'modern',
    says: 'FEATURES_OK was set in one write with ACKNOWLEDGE or DRIVER',
    on: ['status'],
    when(now) {
      const up = raised(now);
      return (up & featuresOk) !== 0 && (up & (acknowledge | driver)) !== 0 ? status(now.value) : null;
    },
  },
  {
    id: 'steps-joined',
    clauses: cites('BF-STAT-01'),
    level: 'note',
    says: 'ACKNOWLEDGE and DRIVER were set in one write',
    on: ['status'],
    when(now) {
      const up = raised(now);
      return (up & acknowledge) !== 0 && (up & driver) !== 0 ? status(now.value) : null;
    },
  },
  {
    id: 'no-reset',
    clauses: cites('INIT-01'),
    legacyClauses: cites('LEG-INIT-01'),
    level: 'must',
    says: 'the device was not reset before it was brought up',
    on: ['status'],
    when: ({ fn, value }) =>
      value !== 0 && (value & failed) === 0 && fn.resetSeen === false && fn.is(0xff) === false
        ? status(value)
        : null,
  },
  {
    id: 'no-reset-of-used-device',
    clauses: cites('INIT-01'),
    legacyClauses: cites('LEG-INIT-01'),
    level: 'must',
    says: 'a device that was in use was brought up without a reset',
    on: ['status'],
    when: ({ fn, value }) =>
      value === acknowledge && fn.status !== null && (fn.status & ~acknowledge & ~needsReset) !== 0
        ? status(fn.status)
        : null,
  },
  {
    id: 'reset-not-read-back',
    clauses: cites('PCI-COM-22 BF-RST-03'),
    legacyClauses: cites('BF-RST-03'),
    level: 'should',
    says: 'the driver went on before it saw that the reset was finished',
    on: ['set-up', 'status'],
    when: ({ fn, value, register }) =>
      fn.resetting && !(register === 'deviceStatus' && value === 0) ? BROKEN : null,
  },
  {
    id: 'set-up-after-failed',
    clauses: cites('INIT-07 BF-STAT-03'),
    level: 'must',
    says: 'the driver went on although it had set FAILED',
    on: ['set-up'],
    when: ({ fn }) => (fn.is(failed) ? status(fn.status!) : null),
  },
  {
    id: 'kick-after-failed',
    clauses: cites('INIT-07 BF-STAT-03'),
    level: 'must',
    says: 'a kick although the driver had set FAILED',
    on: ['kick'],
    when: ({ fn }) => (fn.is(failed) ? status(fn.status!) : null),
  },
  {
    id: 'legacy-features-ok',
    clauses: cites('LEG-INIT-01'),
    level: 'must',
    speaks: 'legacy',
    says: 'a legacy driver set FEATURES_OK, which its interface does not have',
    on: ['status'],
    when: (now) => ((raised(now) & featuresOk) !== 0 ? status(now.value) : null),
  },
  {
    id: 'no-features-ok',
    clauses: cites('INIT-01'),
    level: 'must',
    speaks: 'modern',
    says: 'DRIVER_OK was set without FEATURES_OK',
    on: ['status'],
    when: (now) =>
      (raised(now) & driverOk) !== 0 && (now.value & featuresOk) === 0 && now.fn.isNot(featuresOk)
        ? status(now.value)
        : null,
  },
  {
    id: 'features-ok-not-read',
    clauses: cites('INIT-05'),
    level: 'must',
    speaks: 'modern',
    says: 'the driver did not read FEATURES_OK back',
    on: ['status', 'queue-enable'],
    when: (now) =>
      now.fn.is(featuresOk) &&
      now.fn.featuresOk === null &&
      now.fn.whole &&
      (now.register !== 'deviceStatus' || (raised(now) & driverOk) !== 0)
        ? status(now.fn.status!)
        : null,
  },
  {
    id: 'features-ok-refused',
    clauses: cites('INIT-05'),
    level: 'must',
    speaks: 'modern',
    says: 'the driver went on although the device had refused its features',
    on: ['status', 'queue-enable'],
    when: (now) =>
      now.fn.featuresOk === false &&
      now.fn.isNot(featuresOk) &&
      (now.register !== 'deviceStatus' || (raised(now) & driverOk) !== 0)
        ? status(now.fn.status!)
        : null,
  },
  {
    id: 'kick-before-driver-ok',
    clauses: cites('INIT-08 INIT-01'),
    level: 'must',
    speaks: 'modern',
    says: 'a kick before DRIVER_OK',
    on: ['kick'],
    when: (now) => (isEarly(now) ? seen('queue number', now.queue!.index) : null),
  },
  {
    id: 'legacy-kick-before-driver-ok',
    clauses: cites('LEG-INIT-01'),
    // Many legacy drivers do, and devices have to bear it (LEG-INIT-03).
    level: 'note',
    speaks: 'legacy',
    says: 'a kick before DRIVER_OK',
    on: ['kick'],
    when: (now) => (isEarly(now) && now.fn.is(driver) ? seen('queue number', now.queue!.index) : null),
  },
  {
    id: 'legacy-kick-before-driver',
    clauses: cites('LEG-INIT-01'),
    level: 'must',
    speaks: 'legacy',
    says: 'a kick before DRIVER was set',
    on: ['kick'],
    when: (now) => (isEarly(now) && now.fn.isNot(driver) ? seen('queue number', now.queue!.index) : null),
  },
  {
    id: 'no-driver-ok',
    clauses: cites('INIT-01'),
    legacyClauses: cites('LEG-INIT-01'),
    level: 'must',
    says: 'the device was used, and DRIVER_OK never set',
    on: ['kick', 'end'],
    when: (now) => {
      const { fn, queue } = now;
      if (!isEarly(now) || !fn.whole) return null;
      let kicks = 0;
      for (const each of fn.queues.values()) kicks += each.kicks;
      return kicks > (queue === null ? 0 : EARLY_KICKS) ? seen('kicks', kicks) : null;
    },
  },
  {
    id: 'bus-master-off',
    clauses: cites('INIT-01'),
    legacyClauses: cites('LEG-INIT-01'),
    level: 'must',
    says: 'a kick while bus mastering is off',
    on: ['kick'],
    when: ({ fn, queue }) =>
      fn.command !== null && (fn.command & command.busMaster) === 0
        ? seen('queue number', queue!.index)
        : null,
  },
  {
    id: 'use-after-needs-reset',
    clauses: cites('BF-STAT-04'),
    level: 'should',
    says: 'a kick for a device that was seen to need a reset',
    on: ['kick'],
    when: ({ fn }) => (fn.is(needsReset) ? status(fn.status!) : null),
  },
  {
    id: 'refused-and-not-failed',
    clauses: cites('INIT-06 BF-FEAT-07'),
    level: 'should',
    speaks: 'modern',
    says: 'the device refused the features, and the driver neither set FAILED nor tried others',
    on: ['end'],
    when: ({ fn }) =>
      fn.whole && fn.featuresOk === false && fn.isNot(failed) && fn.isNot(featuresOk) && fn.resetSeen !== null
        ? status(fn.status!)
        : null,
  },
  {
    id: 'buffers-withdrawn',
    clauses: cites('OPER-03'),
    level: 'must',
    says: 'a queue was taken away from the device with buffers in flight, and without a reset',
    on: ['queue-address'],
    when: ({ queue }) =>
      queue?.ring != null && queue.ring.inFlight > 0 && queue.live === true && !queue.resetting
        ? seen('chains in flight', queue.ring.inFlight)
        : null,
  },
];
