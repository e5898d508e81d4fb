import { describe, expect, test } from 'vitest';
import { type State, StateMismatchError } from '../../../src/core/index.ts';
import { balloonState, hintsState, statisticsState } from '../../../src/virtio/devices/balloon/state.ts';
import { consoleState } from '../../../src/virtio/devices/console/state.ts';
import { scsiCommandState } from '../../../src/virtio/devices/scsi/state.ts';
import { BalloonDevice, ConsoleDevice, MemoryConsole } from '../../../src/virtio/index.ts';
import { ModernGuest } from '../support/guests.ts';
import { SlowStorage, settled } from './scsi/support.ts';

/*
 * What a state's fields have to do with each other: what a device can have is taken, up to its limits, and what it cannot is
 * refused by the place and the reason.
 */

type Loose = { [key: string]: never } & Record<string, unknown>;

/** States as devices of ours save them. */
const saved = {
  balloon: () => new ModernGuest(new BalloonDevice({ freePageHints: true })).device.behaviour.save(),
  console: () =>
    new ModernGuest(
      new ConsoleDevice({
        maxPorts: 2,
        ports: [{ backend: new MemoryConsole(), size: { columns: 80, rows: 25 } }],
      }),
    ).device.behaviour.save(),
  /** A WRITE of one block that its storage has. */
  scsi: () => {
    const { scsi, guest } = settled({ storage: new SlowStorage() });
    scsi.send({ cdb: [0x2a, 0, 0, 0, 0, 0, 0, 0, 1, 0], out: new Uint8Array(512) });
    const { queues } = guest.device.save() as never as { queues: { inFlight: { request: State }[] }[] };
    return queues[2]!.inFlight[0]!.request;
  },
};

/** A state with another value at a place, or with other values of some fields. */
function changed(state: unknown, place: readonly string[], value: unknown): State {
  const copy = structuredClone(state) as Loose;
  if (place.length === 0) return { ...copy, ...(value as object) } as State;
  let at = copy as Record<string, unknown>;
  for (const name of place.slice(0, -1)) at = at[name] as Record<string, unknown>;
  at[place.at(-1)!] = value;
  return copy as State;
}

const balloonPart = (name: 'statistics' | 'hints') => (saved.balloon() as Loose)[name];
const records = {
  balloon: { parse: (state: State) => balloonState.parse(state, 'x'), state: saved.balloon },
  statistics: {
    parse: (state: State) => statisticsState.parse(state, 'x'),
    state: () => balloonPart('statistics'),
  },
  hints: { parse: (state: State) => hintsState.parse(state, 'x'), state: () => balloonPart('hints') },
  console: { parse: (state: State) => consoleState.parse(state, 'x'), state: saved.console },
  'scsi command': { parse: (state: State) => scsiCommandState.parse(state, 'x'), state: saved.scsi },
} as const;

const MOST = 2n ** 64n - 1n;
const [PORT_OPEN, PORT_NAME, CONSOLE_PORT] = [6, 7, 4];

const good: readonly [keyof typeof records, string[], unknown][] = [
  ['balloon', ['inflated'], [0, 3]],
  ['balloon', ['inflated'], [1, 1, 3, 1]],
  ['balloon', ['reported'], [0, 2 ** 52]],
  ['balloon', ['actualBits'], 0xffffff],
  ['statistics', ['values'], { freeMemory: `${MOST}`, 65535: '0' }],
  ['statistics', ['subset'], ''],
  ['statistics', ['subset'], '0,5'],
  ['hints', ['shown'], 0],
  ['hints', ['last'], 1],
  [
    'console',
    ['control', 'pending'],
    [
      { event: PORT_OPEN, port: 0 },
      { event: PORT_OPEN, port: 1 },
    ],
  ],
  [
    'console',
    ['control', 'pending'],
    [
      { event: PORT_OPEN, port: 1 },
      { event: PORT_NAME, port: 1 },
    ],
  ],
  ['scsi command', ['parameters'], new Uint8Array(512)],
  ['scsi command', ['refused'], 3],
  ['scsi command', [], { cdbBytes: 0, refused: 3 }],
];

const bad: readonly [keyof typeof records, string[], unknown, part: string, expected: string][] = [
  ['balloon', ['inflated'], [1], 'inflated', 'pairs of first page and count'],
  ['balloon', ['inflated'], [3, 1, 4, 1], 'inflated[2]', 'more than 4'],
  ['balloon', ['reported'], [3, 0], 'reported[1]', '1 or more, up to page 2^52'],
  ['balloon', ['reported'], [1, 2 ** 52], 'reported[1]', '1 or more, up to page 2^52'],
  ['balloon', ['actualBits'], 0x1000000, 'actualBits', 'no bits of the highest byte, which ends a count'],
  [
    'statistics',
    ['values'],
    { freeMemory: `${MOST + 1n}` },
    'values.freeMemory',
    'a number of 64 bits in decimal digits',
  ],
  [
    'statistics',
    ['values'],
    { freeMemory: '01' },
    'values.freeMemory',
    'a number of 64 bits in decimal digits',
  ],
  ['statistics', ['values'], { 65536: '1' }, 'values', 'names and further tags'],
  ['statistics', ['values'], { 0: '1' }, 'values', 'names and further tags'],
  ['statistics', ['subset'], '0,', 'subset', 'tags with commas between them'],
  ['statistics', ['asked'], true, 'asked', 'false: no buffer is held'],
  ['hints', ['last'], 0, 'last', '1 or more'],
  ['hints', ['shown'], 7, 'shown', 'no round, or the last one, 1'],
  ['hints', ['announced'], 1, 'announced', '0, or 2 or more'],
  ['hints', ['within'], true, 'within', 'false: no round was announced'],
  ['hints', ['pages'], [5, 2, 7, 1], 'pages[2]', 'more than 7'],
  [
    'console',
    ['control', 'known', '0'],
    { added: true, everAdded: false, ready: false, open: false },
    'control.known[0].everAdded',
    'true: the port is added',
  ],
  [
    'console',
    ['control', 'known', '0'],
    { added: false, everAdded: true, ready: true, open: false },
    'control.known[0].ready',
    'false: the port is not added',
  ],
  [
    'console',
    ['control', 'known', '1'],
    { added: false, everAdded: true, ready: false, open: true },
    'control.known[1].open',
    'false: the port is not added',
  ],
  [
    'console',
    ['control', 'pending'],
    [
      { event: PORT_OPEN, port: 0 },
      { event: CONSOLE_PORT, port: 0 },
      { event: PORT_OPEN, port: 0 },
    ],
    'control.pending[2]',
    'a message that does not wait already',
  ],
  [
    'console',
    ['control', 'pending'],
    [{ event: 5, port: 1 }],
    'control.pending[0]',
    'no size of a port that has none',
  ],
  ['console', ['control', 'pending'], [{ event: 6, port: 2 }], 'control.pending[0].port', 'a port below 2'],
  [
    'console',
    ['lines', '1', 'driverOpen'],
    true,
    'lines[1].driverOpen',
    'false: the driver knows no such port',
  ],
  [
    'scsi command',
    ['parameters'],
    new Uint8Array(513),
    'parameters',
    'at most 512 bytes, as there are data out',
  ],
  ['scsi command', ['cdbBytes'], 0, 'refused', 'a response: there is no command'],
  ['scsi command', ['address'], -1, 'attached', 'false: no unit has such an address'],
];

describe('the state of a device', () => {
  test.each(good)('may have: %s, %j', (name, place, value) => {
    const { parse, state } = records[name];
    expect(() => parse(changed(state(), place, value))).not.toThrow();
  });

  test.each(bad)('cannot have: %s, %j', (name, place, value, part, expected) => {
    const { parse, state } = records[name];
    const load = () => parse(changed(state(), place, value));
    expect(load).toThrow(StateMismatchError);
    expect(load).toThrow(expect.objectContaining({ part: `x.${part}`, expected }));
  });
});
