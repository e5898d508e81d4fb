import { describe, expect, it, test } from 'vitest';
import { ConsoleDevice, MemoryConsole } from '../../../src/virtio/index.ts';
import {
  bytesOf,
  OPEN,
  open,
  PORT_READY,
  Raw,
  REMOVE,
  RX0,
  RX1,
  TX0,
  TX1,
  text,
} from '../support/console.ts';
import { BUFFERS, ModernGuest } from '../support/guests.ts';

describe('output', () => {
  it("stays in the driver's buffer until the back end has taken all of it", () => {
    const backend = new MemoryConsole({ capacity: 5 });
    const { raw } = open({ ports: [{ backend }] });
    raw.expose(TX0, [bytesOf('Hel'), bytesOf('lo, wor')]);
    raw.send(TX0, 'ld');
    const used = () => raw.rings[TX0]!.used();
    expect([text(backend.take(3)), used()]).toEqual(['Hel', []]);
    expect([text(backend.take(5)), used()]).toEqual([
      'lo, w',
      [
        [0, 0],
        [2, 0],
      ],
    ]);
    expect(text(backend.take())).toBe('orld');
  });

  it('of many bytes goes out in pieces', () => {
    const backend = new MemoryConsole({ capacity: 1e6 });
    const { raw } = open({ ports: [{ backend }] });
    const bytes = new Uint8Array(20_000).map((_, i) => i * 7 + (i >> 8));
    raw.send(TX0, bytes);
    expect(backend.take().join()).toBe(bytes.join());
  });

  it('of a port that nobody is at is dropped, and none is kept for who comes', () => {
    const { raw, second, device } = open();
    second.setOpen(false);
    raw.send(TX1, 'into the void');
    device.removePort(1);
    raw.send(TX1, 'further still');
    expect([raw.rings[TX1]!.used(), second.take(), raw.guest.clauses()]).toEqual([
      [
        [0, 0],
        [1, 0],
      ],
      new Uint8Array(),
      [],
    ]);
  });

  test.each(['closes', 'goes'])('that waits is dropped when its port %s', (how) => {
    const backend = new MemoryConsole({ capacity: 1 });
    const { raw, device } = open({ ports: [{ backend }] });
    raw.send(TX0, 'ab');
    expect(raw.rings[TX0]!.usedIndex).toBe(0);
    if (how === 'closes') backend.setOpen(false);
    else device.removePort(0);
    expect(raw.rings[TX0]!.used()).toEqual([[0, 0]]);
    expect(text(backend.take())).toBe('a');
  });

  it('CON-04, RF-05: with writable bytes, or out of reach, is reported', () => {
    const { raw, first } = open();
    raw.guest.clauses();
    raw.expose(TX0, [bytesOf('x'), 4]);
    const ring = raw.rings[TX0]!;
    ring.describe(9, { address: 0x8000_0000, length: 4 });
    ring.offer(9);
    raw.guest.kick(TX0);
    expect([text(first.take()), ring.used(), raw.guest.clauses()]).toEqual([
      'x',
      [
        [0, 0],
        [9, 0],
      ],
      ['CON-04', 'RF-05'],
    ]);
  });

  it('waits for bus mastering', () => {
    const backend = new MemoryConsole({ capacity: 1 });
    const { raw, guest } = open({ ports: [{ backend }] });
    raw.send(TX0, 'abc');
    guest.config.command(0x3);
    expect([text(backend.take()), text(backend.take())]).toEqual(['a', '']);
    guest.config.command(0x7);
    expect([text(backend.take()), text(backend.take())]).toEqual(['b', 'c']);
  });

  it('of a queue that was reset is forgotten, and the next begins anew', () => {
    const backend = new MemoryConsole({ capacity: 2 });
    const { raw, guest } = open({ ports: [{ backend }] });
    raw.send(TX0, 'abcdef');
    guest.device.resetQueue(TX0);
    expect(text(backend.take())).toBe('ab');
    expect(text(backend.take())).toBe('');
    const again = new Raw(guest, [(guest as ModernGuest).setUp(TX0, 64)]);
    guest.machine.ram.fill(again.rings[0]!.parts.driver, 8, 0);
    const ring = again.rings[0]!;
    guest.machine.ram.write(BUFFERS, bytesOf('xyz'));
    ring.describe(0, { address: BUFFERS, length: 3 });
    ring.offer(0);
    guest.kick(TX0);
    expect([text(backend.take()), text(backend.take())]).toEqual(['xy', 'z']);
  });
});

describe('input', () => {
  it('fills buffers in order, whatever their pieces, and waits for more of them', () => {
    const { raw, first } = open();
    first.send(bytesOf('abcdefgh'));
    const [a, b] = [raw.buffer(RX0, 3), raw.buffer(RX0, 10)];
    expect([text(a()!), text(b()!), first.input.length]).toEqual(['abc', 'defgh', 0]);
    const places = raw.expose(RX0, [2, 2]);
    first.send(bytesOf('xyz'));
    expect(places.map((at) => text(raw.guest.machine.ram.read(at, 2)))).toEqual([
      'xy',
      `z${text(Uint8Array.of(0xee))}`,
    ]);
  });

  it('waits until the driver opens the port, and stops when it closes it', () => {
    const { raw, second } = open();
    raw.control(1, OPEN, 0);
    const got = raw.buffer(RX1, 8);
    second.send(bytesOf('late'));
    expect([got(), second.driverStates]).toEqual([null, [true, false]]);
    raw.control(1, OPEN, 1);
    expect(text(got()!)).toBe('late');
  });

  it('finds buffers that were there before its port', () => {
    const { raw, device } = open();
    device.removePort(1);
    const got = raw.buffer(RX1, 8);
    const backend = new MemoryConsole();
    device.addPort({ number: 1, backend });
    backend.send(bytesOf('new'));
    raw.messages();
    raw.control(1, PORT_READY, 1);
    expect(got()).toBeNull();
    raw.control(1, OPEN, 1);
    expect(text(got()!)).toBe('new');
  });

  it('CON-04, RF-05: passes over buffers that it cannot use, and loses nothing', () => {
    const { raw, first } = open();
    raw.guest.clauses();
    raw.send(RX0, 'readable');
    const ring = raw.rings[RX0]!;
    ring.describe(9, { address: 0x8000_0000, length: 4, flags: 2 });
    ring.offer(9);
    raw.guest.kick(RX0);
    first.send(bytesOf('ok'));
    expect([ring.used(), raw.guest.clauses()]).toEqual([
      [
        [0, 0],
        [9, 0],
      ],
      ['CON-04', 'RF-05'],
    ]);
    expect(first.input.length).toBe(2);
  });

  it('waits for bus mastering', () => {
    const { raw, first, guest } = open();
    const got = raw.buffer(RX0, 8);
    guest.config.command(0x3);
    first.send(bytesOf('abc'));
    expect(first.input.length).toBe(3);
    guest.config.command(0x7);
    expect(text(got()!)).toBe('abc');
  });

  it('ends with the driver: a reset closes ports and forgets buffers', () => {
    const { raw, first, guest } = open();
    raw.buffer(RX0, 8);
    guest.block.set('deviceStatus', 0);
    first.send(bytesOf('abc'));
    expect([first.driverStates, first.input.length]).toEqual([[true, false], 3]);
  });

  it('comes with one interrupt, however many buffers it takes', () => {
    const { raw, first, guest } = open();
    for (let i = 0; i < 4; i++) raw.buffer(RX0, 2);
    guest.isr();
    guest.interrupts();
    first.send(bytesOf('abcdefg'));
    expect([guest.interrupts(), raw.rings[RX0]!.usedIndex]).toEqual([['line 11 up'], 4]);
  });
});

describe('a console that goes on from a saved state', () => {
  it('sends what was left of the output, and what changed about its ports meanwhile', () => {
    const backend = new MemoryConsole({ capacity: 3 });
    const before = open({ ports: [{ backend }, { backend: new MemoryConsole() }] });
    before.raw.send(TX0, 'abcdefgh');
    expect(text(backend.take(3))).toBe('abc');
    before.raw.send(TX0, 'ijk');
    const saved = before.guest.machine.save();
    const next = new MemoryConsole();
    const after = new ModernGuest(new ConsoleDevice({ maxPorts: 2, ports: [{ backend: next }] }));
    after.machine.load(saved);
    // The first three went out, the next three were taken: they are with the old back end.
    expect([text(next.take()), next.driverOpen]).toEqual(['ghijk', true]);
    const ram = after.machine.ram.read(BUFFERS, 0x10000);
    const removed = [1, 0, 0, 0, REMOVE, 0, 1, 0];
    expect(Buffer.from(ram).includes(Buffer.from(removed))).toBe(true);
  });

  it('without MULTIPORT gives its driver the input of a port that is plugged in later', () => {
    const before = new ModernGuest(new ConsoleDevice({ maxPorts: 0 }));
    const [at] = new Raw(before, before.start([], [RX0, TX0])).expose(RX0, [8]);
    const device = new ConsoleDevice({ maxPorts: 0 });
    const after = new ModernGuest(device);
    after.machine.load(before.machine.save());
    const backend = new MemoryConsole();
    device.addPort({ backend });
    backend.send(bytesOf('in'));
    expect(text(after.machine.ram.read(at!, 2))).toBe('in');
  });
});
