import {
  CONSOLE_CONTROL_BYTES,
  consoleControl,
  consoleEvent,
  consoleFeature,
  consoleQueue,
} from '../../../virtio/layout/index.ts';
import type { Moment } from '../moment.ts';
import { BROKEN, cites, seen, type WatchRule } from '../rule.ts';
import { consoleNotes } from '../types/console.ts';
import { bytes, isStrict, ofChain, requestRules, SHAPE, swap16 } from './requests.ts';

const TYPE = 'console';
const rule = requestRules(TYPE);
const isInput = ({ queue }: Moment) => queue!.index % 2 === 0;
const isMessage = ({ queue, chain }: Moment) =>
  queue!.index === consoleQueue.controlTransmit && chain.readable >= CONSOLE_CONTROL_BYTES;
const eventOf = ({ chain }: Moment) => chain.u16(consoleControl.event.offset);
const OF_DRIVER: ReadonlySet<number> = new Set([
  consoleEvent.deviceReady,
  consoleEvent.portReady,
  consoleEvent.portOpen,
]);

/** Consoles and their ports. */
export const consoleChapter: readonly WatchRule[] = [
  rule('console-input-readable', 'CON-04', 'must', 'readable bytes in a buffer for input', (now) =>
    isInput(now) && now.chain.readable > 0 ? bytes(now, now.chain.readable) : null,
  ),
  rule('console-output-writable', 'CON-04', 'must', 'writable bytes in a buffer of output', (now) =>
    !isInput(now) && now.chain.writable > 0 ? bytes(now, now.chain.writable) : null,
  ),
  rule(
    'console-message-short',
    'CONF-01',
    'must',
    'a control message that is not whole',
    (now) =>
      now.queue!.index === consoleQueue.controlTransmit && now.chain.readable < CONSOLE_CONTROL_BYTES
        ? bytes(now, now.chain.readable)
        : null,
    SHAPE,
  ),
  rule(
    'console-message-of-device',
    'CONF-01',
    'must',
    "a control message that is no driver's to send",
    (now) =>
      isMessage(now) &&
      !OF_DRIVER.has(eventOf(now)) &&
      !(now.fn.legacy && OF_DRIVER.has(swap16(eventOf(now))))
        ? ofChain(now, 'event', eventOf(now))
        : null,
    SHAPE,
  ),
  rule(
    'console-message-byte-order',
    'LEG-CON-02 LEG-CON-01',
    'must',
    "a control message's numbers are not in the guest's byte order",
    (now) =>
      isMessage(now) && eventOf(now) > 0xff && OF_DRIVER.has(swap16(eventOf(now)))
        ? ofChain(now, 'event', eventOf(now))
        : null,
    { speaks: 'legacy' },
  ),
  rule('console-not-ready', 'CON-08', 'must', 'a control message before DEVICE_READY', (now) =>
    isMessage(now) &&
    now.fn.followed &&
    eventOf(now) !== consoleEvent.deviceReady &&
    !consoleNotes(now.fn).ready
      ? ofChain(now, 'event', eventOf(now))
      : null,
  ),
  rule('console-ready-twice', 'CON-08', 'should', 'DEVICE_READY once more', (now) =>
    isMessage(now) &&
    eventOf(now) === consoleEvent.deviceReady &&
    now.chain.u16(consoleControl.value.offset) === 1 &&
    consoleNotes(now.fn).ready
      ? BROKEN
      : null,
  ),
  rule(
    'console-message-framing',
    'LEG-CON-04 LEG-FRM-01',
    'must',
    'a control message in several descriptors, and ANY_LAYOUT was not accepted',
    (now) =>
      isStrict(now) && isMessage(now) && now.chain.count > 1
        ? ofChain(now, 'descriptors', now.chain.count)
        : null,
    { speaks: 'legacy' },
  ),
  {
    id: 'console-never-ready',
    clauses: cites('CON-08'),
    level: 'must',
    type: TYPE,
    says: 'MULTIPORT was accepted, and DEVICE_READY never sent',
    on: ['end'],
    when: ({ fn }) => {
      const control = fn.queues.get(consoleQueue.controlTransmit);
      if (!fn.has(consoleFeature.multiport) || !fn.started || !fn.followed || consoleNotes(fn).ready)
        return null;
      // Without a look at memory nobody knows what was sent.
      if (control !== undefined && control.kicks > 0 && control.ring === null) return null;
      return [...fn.queues.values()].some(({ kicks }) => kicks > 1) ? BROKEN : null;
    },
  },
  {
    id: 'console-port-not-opened',
    clauses: cites('CON-10'),
    level: 'should',
    type: TYPE,
    says: 'the device made a port a console, and the driver never opened it',
    on: ['end'],
    when: ({ fn }) => {
      if (!fn.has(consoleFeature.multiport) || !fn.started) return null;
      const [port] = consoleNotes(fn).unopened;
      return port === undefined ? null : seen('port', port);
    },
  },
];
