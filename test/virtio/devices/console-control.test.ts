import { describe, expect, it, test } from 'vitest';
import { ConsoleDevice, MemoryConsole } from '../../../src/virtio/index.ts';
import {
  ADD,
  ALL,
  ANY_LAYOUT,
  bytesOf,
  CONSOLE_PORT,
  CONTROL_RX,
  CONTROL_TX,
  DEVICE_READY,
  MULTIPORT,
  modern,
  NAME,
  OPEN,
  open,
  PORT_READY,
  Raw,
  REMOVE,
  RESIZE,
  TX0,
  text,
} from '../support/console.ts';
import { LegacyGuest } from '../support/guests.ts';

describe('messages', () => {
  it('announce ports, once the driver is ready, and then what they are', () => {
    const [first, second] = [new MemoryConsole({ open: false }), new MemoryConsole()];
    const raw = modern({
      ports: [
        { backend: first, size: { columns: 80, rows: 25 } },
        { backend: second, name: 'Grüße' },
      ],
    });
    expect(raw.messages()).toEqual([]);
    raw.control(0xffffffff, DEVICE_READY, 1);
    expect(raw.messages()).toEqual([
      [0, ADD, 1],
      [1, ADD, 1],
    ]);
    raw.control(0, PORT_READY, 1);
    expect(raw.messages()).toEqual([
      [0, CONSOLE_PORT, 1],
      [0, RESIZE, 1, 80, 0, 25, 0],
    ]);
    raw.control(1, PORT_READY, 1);
    expect(raw.messages()).toEqual([
      [1, NAME, 1, ...bytesOf('Grüße')],
      [1, OPEN, 1],
    ]);
    first.setOpen(true);
    second.setOpen(false);
    first.resize({ columns: 300, rows: 2 });
    second.resize({ columns: 1, rows: 1 });
    expect(raw.messages()).toEqual([
      [0, OPEN, 1],
      [1, OPEN, 0],
      [0, RESIZE, 1, 44, 1, 2, 0],
    ]);
    expect(raw.guest.clauses()).toEqual([]);
  });

  it('order the fields of a size as older Linux drivers read them, where that is asked for', () => {
    const backend = new MemoryConsole();
    const { raw } = open({ ports: [{ backend }], resizeOrder: 'rows-first' });
    backend.resize({ columns: 80, rows: 25 });
    expect(raw.messages()).toEqual([[0, RESIZE, 1, 25, 0, 80, 0]]);
  });

  it('LEG-CON-02: are in the byte order of a legacy driver', () => {
    const backend = new MemoryConsole();
    const device = new ConsoleDevice({ maxPorts: 2, ports: [{ number: 1, backend, name: 'n' }] });
    const guest = new LegacyGuest(device, { guestEndian: 'big' });
    const raw = new Raw(guest, guest.start(2 ** MULTIPORT + ANY_LAYOUT, ALL));
    raw.control(0, DEVICE_READY, 1);
    expect(raw.messages()).toEqual([[1, ADD, 1]]);
    raw.control(1, PORT_READY, 1);
    expect(raw.messages()).toEqual([
      [1, NAME, 1, 0x6e],
      [1, OPEN, 1],
    ]);
    raw.control(1, PORT_READY, 1, true);
    expect(guest.clauses()).toEqual(['LEG-FEAT-04']);
  });

  it('LEG-CON-04: of several descriptors are reported, and served', () => {
    const guest = new LegacyGuest(
      new ConsoleDevice({ maxPorts: 2, ports: [{ backend: new MemoryConsole() }] }),
    );
    const raw = new Raw(guest, guest.start(2 ** MULTIPORT, ALL));
    guest.clauses();
    raw.expose(CONTROL_TX, [Uint8Array.of(0, 0, 0, 0, 0), Uint8Array.of(0, 1, 0)]);
    const [at] = raw.expose(CONTROL_RX, [5, 10]);
    expect(guest.clauses()).toEqual(['LEG-CON-04', 'LEG-CON-04']);
    expect([...guest.machine.ram.read(at!, 5)]).toEqual([0, 0, 0, 0, ADD]);
  });

  it('CON-06, CON-07: tell of ports that come and go, of each only what the driver must know', () => {
    const { raw, device } = open();
    const add = () => device.addPort({ number: 1, name: 'again', backend: new MemoryConsole() });
    device.removePort(1);
    add();
    device.removePort(1);
    add();
    // The driver has heard of none of this; its last words to the first port were on their way.
    raw.control(1, OPEN, 0);
    expect(raw.messages()).toEqual([
      [1, REMOVE, 1],
      [1, ADD, 1],
    ]);
    device.removePort(1);
    expect(raw.messages()).toEqual([[1, REMOVE, 1]]);
    add();
    device.removePort(1);
    expect([raw.messages(), raw.guest.clauses()]).toEqual([
      [
        [1, ADD, 1],
        [1, REMOVE, 1],
      ],
      [],
    ]);
  });

  it('CON-06: do not add a port again for a driver that failed and is ready after all', () => {
    const { raw } = open();
    raw.control(0, DEVICE_READY, 0);
    raw.control(0, DEVICE_READY, 1);
    expect([raw.messages(), raw.guest.clauses()]).toEqual([[], []]);
  });

  it('never wait in any number, however long a driver gives no buffers', () => {
    const backend = new MemoryConsole();
    const raw = modern({ ports: [{ backend }] });
    raw.control(0, DEVICE_READY, 1);
    raw.messages();
    const device = raw.guest.device.behaviour as ConsoleDevice;
    const used = raw.buffer(CONTROL_RX, 16);
    for (let i = 0; i < 1000; i++) {
      raw.control(0, PORT_READY, 1);
      backend.setOpen(i % 2 === 1);
      backend.resize({ columns: i, rows: i });
      const { port } = { port: device.addPort({ number: 1, backend: new MemoryConsole() }) };
      device.removePort(port.number);
    }
    used();
    const saved = JSON.stringify(device.save());
    expect(saved.length).toBeLessThan(1500);
    expect(raw.messages().at(-1)).toEqual([0, RESIZE, 1, 999 & 0xff, 3, 999 & 0xff, 3]);
  });

  it('are sent again to nobody: PORT_READY once more changes nothing', () => {
    const { raw } = open();
    raw.control(1, PORT_READY, 1);
    expect(raw.messages()).toEqual([]);
    raw.control(1, PORT_READY, 0);
    raw.control(1, PORT_READY, 1);
    expect(raw.messages()).toEqual([
      [1, NAME, 1, ...bytesOf('two')],
      [1, OPEN, 1],
    ]);
  });

  test.each([
    ['a port that cannot be', [2, PORT_READY, 1], 'CONF-01'],
    ['a port far away', [0xffffffff, OPEN, 1], 'CONF-01'],
    ['an event of the device', [0, NAME, 1], 'CONF-01'],
    ['an unknown event', [0, 0x600, 1], 'CONF-01'],
    ['a value that is none', [0, OPEN, 256], 'CONF-01'],
    ['a second DEVICE_READY', [0, DEVICE_READY, 1], 'CON-08'],
  ])('of a driver with %s are reported, and the device goes on', (_, [port, event, value], clause) => {
    const { raw, first } = open();
    raw.guest.clauses();
    raw.control(port!, event!, value!);
    expect([raw.guest.clauses(), raw.messages()]).toEqual([[clause], []]);
    raw.send(TX0, 'still here');
    expect(text(first.take())).toBe('still here');
  });

  it('of a driver that are cut short or have room for an answer are reported', () => {
    const { raw } = open();
    raw.guest.clauses();
    raw.send(CONTROL_TX, Uint8Array.of(0, 0, 0, 0, 6, 0, 1));
    raw.expose(CONTROL_TX, [Uint8Array.of(0, 0, 0, 0, 6, 0, 1, 0), 4]);
    raw.expose(CONTROL_RX, [Uint8Array.of(1), 300]);
    expect(raw.guest.clauses()).toEqual(['CONF-01', 'CON-04', 'CON-04']);
  });

  it('are cut where a buffer is too short, and go to the next where it is out of reach', () => {
    const { raw, device } = open();
    device.removePort(1);
    // The buffer that waits takes that one, and another waits now.
    expect(raw.messages()).toEqual([[1, REMOVE, 1]]);
    raw.guest.clauses();
    const ring = raw.rings[CONTROL_RX]!;
    const used = ring.usedIndex;
    device.addPort({ number: 1, name: 'a long name', backend: new MemoryConsole() });
    ring.describe(20, { address: 0x8000_0000, length: 64, flags: 2 });
    ring.offer(20);
    raw.control(1, PORT_READY, 1);
    const short = raw.buffer(CONTROL_RX, 10);
    expect(raw.guest.clauses()).toEqual(['RF-05', 'CONF-01']);
    expect([...short()!]).toEqual([1, 0, 0, 0, NAME, 0, 1, 0, 0x61, 0x20]);
    expect(ring.usedIndex).toBe(used + 3);
  });
});
