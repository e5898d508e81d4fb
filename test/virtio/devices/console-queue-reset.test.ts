import { describe, expect, test } from 'vitest';
import { type ConsoleDevice, feature, MemoryConsole } from '../../../src/virtio/index.ts';
import {
  ALL,
  bytesOf,
  DEVICE_READY,
  MULTIPORT,
  modern,
  OPEN,
  PORT_READY,
  RX0,
  RX1,
  TX0,
  TX1,
  text,
} from '../support/console.ts';
import type { ModernGuest } from '../support/guests.ts';

/** Two ports whose back ends take four bytes at a time. */
function open() {
  const backends = [new MemoryConsole({ capacity: 4 }), new MemoryConsole({ capacity: 4 })] as const;
  const raw = modern(
    { ports: backends.map((backend) => ({ backend })) },
    [MULTIPORT, feature.ringReset],
    ALL,
  );
  raw.control(0, DEVICE_READY, 1);
  raw.messages();
  for (const { number } of (raw.guest.device.behaviour as ConsoleDevice).ports) {
    raw.control(number, PORT_READY, 1);
    raw.control(number, OPEN, 1);
  }
  raw.messages();
  const guest = raw.guest as ModernGuest;
  const restart = (queue: number) => {
    guest.block.set('queueSelect', queue);
    guest.block.set('queueReset', 1);
    raw.rings[queue] = guest.setUp(queue, 64);
  };
  return { raw, guest, backends, restart };
}

describe.each([
  [0, RX0, TX0],
  [1, RX1, TX1],
])('BF-VQR-01: a reset of a queue of port %d', (port, receive, transmit) => {
  test('for output leaves nothing of what was half out: the next begins with its first byte', () => {
    const { raw, backends, restart } = open();
    raw.send(transmit, 'abcdefgh');
    restart(transmit);
    raw.send(transmit, 'XYZ');
    expect([text(backends[port]!.take()), text(backends[port]!.take())]).toEqual(['abcd', 'XYZ']);
    expect(raw.rings[transmit]!.usedIndex).toBe(1);
  });

  test('for input leaves output alone: it goes on where it was', () => {
    const { raw, backends, restart } = open();
    raw.send(transmit, 'abcdefgh');
    restart(receive);
    expect([text(backends[port]!.take()), text(backends[port]!.take())]).toEqual(['abcd', 'efgh']);
    expect([text(backends[port]!.take()), raw.rings[transmit]!.usedIndex]).toEqual(['', 1]);
  });

  test('for input takes the buffers away, and those that come then are filled', () => {
    const { raw, backends, restart } = open();
    raw.buffer(receive, 16);
    restart(receive);
    const after = raw.buffer(receive, 16);
    backends[port]!.send(bytesOf('hello'));
    expect([raw.rings[receive]!.usedIndex, text(after()!)]).toEqual([1, 'hello']);
  });

  test('leaves the other port alone', () => {
    const { raw, backends, restart } = open();
    const other = port === 0 ? TX1 : TX0;
    raw.send(other, 'abcdefgh');
    restart(transmit);
    restart(receive);
    const backend = backends[1 - port]!;
    expect([text(backend.take()), text(backend.take()), text(backend.take())]).toEqual(['abcd', 'efgh', '']);
  });
});
