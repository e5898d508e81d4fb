import { describe, expect, test } from 'vitest';
import { VirtiolabError } from '../../../src/core/index.ts';
import {
  BlockDevice,
  type BlockOptions,
  ConsoleDevice,
  MemoryStorage,
  NetworkDevice,
  type NetworkOptions,
  RtcDevice,
  rtcClockType,
  SteppedClock,
} from '../../../src/virtio/index.ts';
import { TestLink } from '../support/network.ts';

const block = (options: Partial<BlockOptions>) => () =>
  void new BlockDevice({ storage: new MemoryStorage(new Uint8Array(512)), ...options });
const network = (options: Partial<NetworkOptions>) => () =>
  void new NetworkDevice({ link: new TestLink(), ...options });
const port = (maxPorts: number) => () => void new ConsoleDevice({ maxPorts });
const clock = (options: ConstructorParameters<typeof SteppedClock>[0]) => () =>
  void new RtcDevice({ clocks: [new SteppedClock(options)] });

const { utcSmeared } = rtcClockType;

/** What no device has: of which option it is said, and what it wants. */
const wrong: readonly [option: string, wants: string, make: () => void][] = [
  ['discard.segments', 'a whole number from 1 to 256', block({ discard: { segments: 257 } })],
  ['writeZeroes.segments', 'a whole number from 1 to 256', block({ writeZeroes: { segments: 0 } })],
  ['discard.sectors', 'a whole number from 1 to 4294967295', block({ discard: { sectors: 0 } })],
  ['blockSize', 'a power of two from 512 on', block({ blockSize: 1000 })],
  ['blockSize', 'a power of two from 512 on', block({ blockSize: 256 })],
  ['queues', 'a whole number from 1 to 65535', block({ queues: 0 })],
  [
    'secureErase',
    'a storage that can erase securely',
    () => {
      const { length, readOnly } = new MemoryStorage(new Uint8Array(512));
      const storage = { length, readOnly, read: () => {}, write: () => {}, flush: () => {} };
      block({ storage, secureErase: {} })();
    },
  ],
  ['macAddress', 'the 6 bytes of an address of one station', network({ macAddress: new Uint8Array(5) })],
  ['queuePairs', '1 to 1023', network({ queuePairs: 0 })],
  ['mtu', '68 to 65535', network({ mtu: 67 })],
  ['mtu', '68 to 65535', network({ mtu: 65536 })],
  [
    'speed.megabits',
    '0 to 4294967295, or null where it is not known',
    network({ speed: { megabits: -1, duplex: 'full' } }),
  ],
  ['maxPorts', 'a whole number of at most 510', port(511)],
  ['maxPorts', 'a whole number of at most 510', port(-1)],
  ['type', 'a value of rtcClockType', clock({ type: 256 })],
  ['smearing', 'none but for a clock of type utcSmeared', clock({ smearing: 1 })],
  ['smearing', 'a value of rtcSmearing', clock({ type: utcSmeared, smearing: 256 })],
  ['counters', 'values of rtcCounter', clock({ counters: { 256: 1n } })],
];

const right: readonly [string, () => void][] = [
  [
    'a block device of limits',
    block({ discard: { segments: 256, sectors: 2 ** 32 - 1 }, blockSize: 512, queues: 65535 }),
  ],
  ['the shortest MTU', network({ mtu: 68 })],
  ['the longest MTU', network({ mtu: 65535 })],
  ['as many ports as a console has', port(510)],
  ['no ports', port(0)],
  ['a smeared clock', clock({ type: utcSmeared, smearing: 255 })],
];

describe('an option of a device', () => {
  test.each(wrong)(
    '%s, that no device can have, is refused by name and with what is wanted: %s',
    (option, wants, make) => {
      expect(make).toThrow(VirtiolabError);
      expect(make).toThrow(
        expect.objectContaining({ option, message: expect.stringContaining(`wants ${wants}`) }),
      );
    },
  );

  test.each(right)('may be at its limits: %s', (_, make) => {
    expect(make).not.toThrow();
  });
});
