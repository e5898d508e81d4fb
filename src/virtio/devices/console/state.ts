import {
  FOUR_GIB,
  flag,
  group,
  list,
  oneOf,
  optional,
  record,
  shape,
  u16,
  upTo,
  type ValueOf,
} from '../../../core/index.ts';
import { consoleEvent } from '../../layout/index.ts';

const { deviceAdd, deviceRemove, consolePort, resize, portOpen, portName } = consoleEvent;

const lineState = group({
  /** Bytes of the oldest buffer of output that the back end has taken. */
  sent: upTo(FOUR_GIB),
  /** The driver has opened the port; without MULTIPORT, it has started. */
  driverOpen: flag,
  size: optional(group({ columns: u16, rows: u16 })),
});

/** What the driver knows of a port. */
const knownState = group({ added: flag, everAdded: flag, ready: flag, open: flag }, (known, expect) => {
  expect(!known.added || known.everAdded, 'everAdded', known.everAdded, 'true: the port is added');
  expect(!known.ready || known.added, 'ready', known.ready, 'false: the port is not added');
  expect(!known.open || known.added, 'open', known.open, 'false: the port is not added');
});

const messageState = group({
  event: oneOf(deviceAdd, deviceRemove, consolePort, resize, portOpen, portName),
  port: u16,
});

/** What the control queues are about: all of it is as at first where the device has none. */
const controlState = group({
  /** The driver has said that it takes messages. */
  ready: flag,
  known: list(knownState),
  /** Messages that wait for buffers, each once. */
  pending: list(messageState),
});

export const consoleState = record(
  'console',
  1,
  { shape, control: controlState, lines: list(lineState) },
  {
    relate({ control: { known, pending }, lines }, expect) {
      const ports = lines.length;
      expect(known.length === ports, 'control.known', known.length, `${ports}, one for each line`);
      for (const [number, { driverOpen }] of lines.entries())
        expect(
          number === 0 || !driverOpen || known[number]!.added,
          `lines[${number}].driverOpen`,
          driverOpen,
          'false: the driver knows no such port',
        );
      for (const [i, { event, port }] of pending.entries()) {
        const at = `control.pending[${i}]`;
        expect(port < ports, `${at}.port`, port, `a port below ${ports}`);
        const again = pending.findIndex((each) => each.event === event && each.port === port) < i;
        expect(!again, at, pending[i]!, 'a message that does not wait already');
        const sized = event !== resize || lines[port]!.size !== null;
        expect(sized, at, pending[i]!, 'no size of a port that has none');
      }
    },
  },
);

export type SavedConsole = ValueOf<typeof consoleState>;
