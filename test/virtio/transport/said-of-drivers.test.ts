import { describe, expect, test } from 'vitest';
import { registers, rw, type State, StateMismatchError } from '../../../src/core/index.ts';
import { DeviceConfig, feature, virtioFunction } from '../../../src/virtio/index.ts';
import { LegacyGuest, ModernGuest } from '../support/guests.ts';
import { Probe } from '../support/probe.ts';

/*
 * What is said of a driver's mistakes: who made it, which clause it breaks, and with what.
 */

const config = () => new DeviceConfig(registers({ wide: rw(0, 4), half: rw(4, 2) }));
const probe = () => new Probe({ type: 'block', queueSizes: [8, 8], features: [3], config: config() });

const said = (guest: LegacyGuest | ModernGuest) =>
  guest.events
    .splice(0)
    .flatMap((event) =>
      event.kind === 'finding'
        ? [
            `${event.party} ${event.clause} ${event.message}: ${event.what} ${event.value}` +
              (event.queue === null ? '' : `, queue ${event.queue}`),
          ]
        : [],
    );

const ALL = [feature.ringReset, feature.notificationData];
/** A driver that has queue 0 at work, and selected queue 1. */
function modern(features: readonly number[] = []) {
  const guest = new ModernGuest(probe(), { transportFeatures: [...ALL, feature.ringPacked] });
  guest.start(features, [0]);
  guest.block.set('queueSelect', 0);
  said(guest);
  return guest;
}

type Act = (guest: ModernGuest) => void;
const select =
  (queue: number, act: Act): Act =>
  (guest) => {
    guest.block.set('queueSelect', queue);
    act(guest);
  };
const write =
  (name: Parameters<ModernGuest['block']['set']>[0], value: number): Act =>
  ({ block }) =>
    block.set(name, value);
const kick =
  (offset: number, width: 1 | 2 | 4, value: number): Act =>
  (guest) =>
    guest.machine.memoryWrite(guest.structure(2) + offset, width, value);

const ofModern: readonly [string, readonly number[], Act, string[]][] = [
  [
    'an address of an enabled queue',
    [],
    write('queueDriverHigh', 5),
    ['PCI-COM-21 an enabled queue was moved: upper half of an address 5, queue 0'],
  ],
  [
    'an address of a queue that is not there',
    [],
    select(2, write('queueDescriptorLow', 0x1000)),
    [
      'PCI-VQ-01 an address was written for a queue that does not exist: lower half of an address 4096, queue 2',
    ],
  ],
  ['no address of a queue that is not there', [], select(2, write('queueDescriptorLow', 0)), []],
  [
    'a size of an enabled queue',
    [],
    write('queueSize', 4),
    ['PCI-COM-21 the size of an enabled queue was written: queue size 4, queue 0'],
  ],
  [
    'a size of a queue that is not there',
    [],
    select(2, write('queueSize', 4)),
    ['PCI-VQ-01 a size was written for a queue that does not exist: queue size 4, queue 2'],
  ],
  [
    'a size beyond the offered one',
    [],
    select(1, write('queueSize', 16)),
    ['PCI-VQ-01 a queue size that cannot be taken: queue size 16, queue 1'],
  ],
  [
    'a size that is no power of two',
    [],
    select(1, write('queueSize', 3)),
    ['PCI-COM-20 a queue size that cannot be taken: queue size 3, queue 1'],
  ],
  [
    'no size',
    [],
    select(1, write('queueSize', 0)),
    ['PCI-COM-20 a queue size that cannot be taken: queue size 0, queue 1'],
  ],
  ['a packed size of no power of two', [feature.ringPacked], select(1, write('queueSize', 3)), []],
  [
    'no packed size',
    [feature.ringPacked],
    select(1, write('queueSize', 0)),
    ['PCI-COM-19 a queue size that cannot be taken: queue size 0, queue 1'],
  ],
  [
    '0 in queue_enable',
    [],
    write('queueEnable', 0),
    ['PCI-COM-23 queue_enable was written with other than 1: queue_enable 0, queue 0'],
  ],
  [
    '0 in queue_reset',
    [feature.ringReset],
    write('queueReset', 0),
    ['PCI-COM-24 queue_reset was written with other than 1: queue_reset 0, queue 0'],
  ],
  [
    'queue_reset without the feature',
    [],
    write('queueReset', 1),
    ['BF-FEAT-03 queue_reset was written without RING_RESET: queue_reset 1, queue 0'],
  ],
  [
    'a kick of one byte',
    [],
    kick(0, 1, 0),
    ['PCI-KICK-01 a kick of 1 bytes where 2 are due: width in bytes 1, queue 0'],
  ],
  [
    'a kick of two bytes where data are due',
    [feature.notificationData],
    kick(0, 2, 0),
    ['PCI-KICK-02 a kick of 2 bytes where 4 are due: width in bytes 2, queue 0'],
  ],
  [
    'a kick with a next entry that is none',
    [feature.notificationData],
    kick(0, 4, 0x90000),
    [
      'KICK-01 a kick names a next entry that its ring does not bear out: next offset and wrap counter 9, queue 0',
    ],
  ],
  [
    'an access inside a field',
    [],
    ({ block }) => void block.readAt(2, 2),
    ['PCI-LAY-01 an access of 2 bytes inside a field of the common configuration: register offset 2'],
  ],
  [
    'an access in half of its width',
    [],
    ({ block }) => void block.readAt(0, 2),
    ['PCI-LAY-01 an access of 2 bytes to a field of 4 of the common configuration: register offset 0'],
  ],
  [
    'the same again',
    [],
    ({ block }) => [block.readAt(0, 1), block.readAt(0, 1)],
    ['PCI-LAY-01 an access of 1 bytes to a field of 4 of the common configuration: register offset 0'],
  ],
  [
    'an access of the device configuration',
    [],
    (guest) => void guest.machine.memoryRead(guest.structure(4) + 4, 1),
    ['PCI-LAY-01 an access of 1 bytes to a field of 2 of the device configuration: register offset 4'],
  ],
  [
    'an access behind the device configuration',
    [],
    (guest) => void guest.machine.memoryRead(guest.structure(4) + 8, 4),
    [],
  ],
];

describe('of a modern driver', () => {
  test.each(ofModern)('who writes, reads or kicks: %s', (_, features, act, expected) => {
    const guest = modern(features);
    act(guest);
    expect(said(guest)).toEqual(expected.map((each) => `driver ${each}`));
  });

  test('a kick at the place of another queue', () => {
    const guest = modern();
    kick(4, 2, 0)(guest);
    expect(said(guest)).toHaveLength(1);
    kick(4, 2, 0)(guest);
    expect(said(guest)[0]).toMatch(
      /^driver \S+ a kick at 0x4 names another queue: name of a queue 0, queue 0$/,
    );
  });

  test.each([
    ['split', [], ['SPL-LAY-01', 16, 2, 4]],
    ['packed', [feature.ringPacked], ['PKD-LAY-03', 16, 4, 4]],
  ] as const)('whose %s ring lies askew, each part of it', (_, features, [clause, ...alignments]) => {
    const guest = modern(features);
    guest.block.set('queueSelect', 1);
    const at = [0x30001, 0x31001, 0x32001];
    for (const [i, name] of (['queueDescriptorLow', 'queueDriverLow', 'queueDeviceLow'] as const).entries())
      guest.block.set(name, at[i]!);
    guest.block.set('queueEnable', 1);
    expect(said(guest)).toEqual(
      ['descriptor', 'driver', 'device'].map(
        (part, i) =>
          `driver ${clause} the ring's ${part} area is not aligned to ${alignments[i]} bytes: address ${at[i]}, queue 1`,
      ),
    );
  });
});

describe('of a legacy driver', () => {
  test('who gives a queue that is not there an address, and nothing where it takes it away', () => {
    const guest = new LegacyGuest(probe());
    guest.start();
    said(guest);
    guest.block.set('queueSelect', 2);
    guest.block.set('queueAddress', 0);
    guest.block.set('queueAddress', 0x33);
    expect(said(guest)).toEqual([
      'driver LEG-VQ-02 an address for a queue that does not exist: page number 51, queue 2',
    ]);
  });
});

/*
 * States that the transport cannot have, by the place of what is wrong.
 */

type Parts = Record<string, Record<string, unknown>>;

const wrong: readonly [part: string, expected: string, change: (parts: Parts) => void][] = [
  ['interrupts.configVector', 'below 3, or 65535', (p) => void (p['interrupts']!['configVector'] = 3)],
  [
    'interrupts.queueVectors[1]',
    'below 3, or 65535',
    (p) => void (p['interrupts']!['queueVectors'] = [0, 3]),
  ],
  ['interrupts.queueVectors.length', '2', (p) => void (p['interrupts']!['queueVectors'] = [0])],
  [
    'legacy.shape.vectorRegisters',
    '"as-legacy"',
    (p) => void (p['legacy']!['shape'] = { vectorRegisters: 'fixed' }),
  ],
  ['common.notifyOffsets', '"their own numbers"', (p) => void (p['common']!['notifyOffsets'] = [1, 0])],
  ['shared memory.regions.length', '1', (p) => void (p['shared memory']!['regions'] = [])],
  [
    'shared memory.regions[0].id',
    '7',
    (p) => void (p['shared memory']!['regions'] = [{ id: 8, bytes: new Uint8Array(64) }]),
  ],
  [
    'shared memory.regions[0].bytes.length',
    '64',
    (p) => void (p['shared memory']!['regions'] = [{ id: 7, bytes: new Uint8Array(63) }]),
  ],
];

describe('a state of the transport', () => {
  const make = () =>
    virtioFunction(probe(), {
      kind: 'transitional',
      sharedMemory: [{ id: 7, bytes: new Uint8Array(64) }],
    }).pci;

  test.each(wrong)(
    'that it cannot have is refused by the place of what is wrong: %s',
    (part, expected, change) => {
      const state = structuredClone(make().save()) as { parts: State };
      change(state.parts as unknown as Parts);
      const fn = make();
      const load = () => fn.load(state as never);
      expect(load).toThrow(StateMismatchError);
      expect(load).toThrow(expect.objectContaining({ part: `function virtio-blk.parts.${part}`, expected }));
    },
  );
});
