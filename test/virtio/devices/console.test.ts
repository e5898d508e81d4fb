import { describe, expect, it, test } from 'vitest';
import { VirtiolabError } from '../../../src/core/index.ts';
import type { PluggedPort } from '../../../src/virtio/devices/console/line.ts';
import { ConsoleDevice, ConsolePortError, MemoryConsole } from '../../../src/virtio/index.ts';
import {
  bytesOf,
  CONTROL_RX,
  CONTROL_TX,
  DEVICE_READY,
  modern,
  RX0,
  SIZE,
  TX0,
  text,
} from '../support/console.ts';
import { LegacyGuest, ModernGuest } from '../support/guests.ts';

describe('what a console device shows', () => {
  it('is what QEMU shows: 31 ports, 64 queues, MULTIPORT and EMERG_WRITE', () => {
    const device = new ConsoleDevice();
    expect(device.features).toEqual([1, 2]);
    expect(device.queueSizes).toEqual([128, 128, 32, 32, ...Array.from({ length: 60 }, () => 128)]);
    const bytes = Array.from({ length: device.config.length }, (_, i) => device.config.little.read(i, 1));
    expect(bytes).toEqual([0, 0, 0, 0, 31, 0, 0, 0, 0, 0, 0, 0]);
  });

  it('has two queues and no ports beside port 0 without MULTIPORT', () => {
    const device = new ConsoleDevice({ maxPorts: 0, offersSize: true, emergencyWrite: false });
    expect([device.features, device.queueSizes]).toEqual([[0], [128, 128]]);
    expect(() => device.addPort({ number: 1, backend: new MemoryConsole() })).toThrow(ConsolePortError);
  });

  it('LEG-CON-01: is in the byte order of a legacy guest', () => {
    const backend = new MemoryConsole();
    const device = new ConsoleDevice({
      offersSize: true,
      ports: [{ backend, size: { columns: 0x1234, rows: 0x567 } }],
    });
    const big = Array.from({ length: 8 }, (_, i) => device.config.big.read(i, 1));
    expect(big).toEqual([0x12, 0x34, 0x05, 0x67, 0, 0, 0, 31]);
  });

  it('cannot have ports that no driver could use', () => {
    expect(() => new ConsoleDevice({ maxPorts: 511 })).toThrow(VirtiolabError);
    expect(() => new ConsoleDevice({ maxPorts: -1 })).toThrow(VirtiolabError);
    const device = new ConsoleDevice({ maxPorts: 2 });
    const backend = () => ({ backend: new MemoryConsole() });
    expect(device.addPort(backend()).number).toBe(0);
    expect(() => device.addPort({ number: 0, ...backend() })).toThrow(/taken/);
    expect(() => device.addPort({ number: 2, ...backend() })).toThrow(/0 to 1/);
    expect(() => device.addPort({ name: 'ä'.repeat(128), ...backend() })).toThrow(/255 bytes/);
    device.addPort({ name: 'ä'.repeat(127), ...backend() });
    expect(() => device.addPort(backend())).toThrow(ConsolePortError);
    expect(() => device.removePort(7)).toThrow(ConsolePortError);
    device.removePort(0);
    expect(() => device.removePort(0)).toThrow(ConsolePortError);
    expect(device.ports.map(({ number }) => number)).toEqual([1]);
  });
});

describe('port 0', () => {
  const backend = () => ({ backend: new MemoryConsole() });
  const numbers = (device: ConsoleDevice) =>
    device.ports.map((port) => [port.number, (port as PluggedPort).isConsole]);

  it('is the first port of all, which is a console', () => {
    const device = new ConsoleDevice();
    for (let i = 0; i < 3; i++) device.addPort(backend());
    expect(numbers(device)).toEqual([
      [0, true],
      [1, false],
      [2, false],
    ]);
  });

  it('is left to no other port once its console was unplugged', () => {
    const device = new ConsoleDevice();
    for (let i = 0; i < 2; i++) device.addPort(backend());
    device.removePort(0);
    expect([
      device.addPort(backend()).number,
      device.addPort({ ...backend(), console: false }).number,
    ]).toEqual([2, 3]);
    expect(device.addPort({ ...backend(), console: true }).number).toBe(0);
    expect(device.addPort({ ...backend(), console: true }).number).toBe(4);
    device.removePort(0);
    expect((device.addPort({ ...backend(), number: 0 }) as PluggedPort).isConsole).toBe(true);
  });

  it('is not taken by a port that says that it is no console, but where there is no other', () => {
    expect(new ConsoleDevice().addPort({ ...backend(), console: false }).number).toBe(1);
    for (const maxPorts of [0, 1]) {
      const device = new ConsoleDevice({ maxPorts });
      expect(device.addPort({ ...backend(), console: false }).number).toBe(0);
      device.removePort(0);
      expect(device.addPort(backend()).number).toBe(0);
    }
  });

  it('is all that is free where no other is: whoever wants it has to name it', () => {
    const device = new ConsoleDevice({ maxPorts: 2 });
    for (let i = 0; i < 2; i++) device.addPort(backend());
    device.removePort(0);
    expect(() => device.addPort(backend())).toThrow(ConsolePortError);
    expect(device.addPort({ ...backend(), number: 0 }).number).toBe(0);
  });
});

describe('an emergency write', () => {
  const CONFIG = 20;
  const legacy = (guestEndian: 'little' | 'big') => {
    const printed: number[] = [];
    const device = new ConsoleDevice({ onEmergency: (character) => printed.push(character) });
    return { printed, guest: new LegacyGuest(device, { guestEndian }) };
  };

  it('CON-02, CON-03: works on a device that nobody has touched, and prints the low byte', () => {
    const printed: number[] = [];
    const guest = new ModernGuest(new ConsoleDevice({ onEmergency: (each) => printed.push(each) }));
    guest.machine.memoryWrite(guest.structure(4) + 8, 4, 0x12345678);
    expect([printed, guest.machine.memoryRead(guest.structure(4) + 8, 4)]).toEqual([[0x78], 0]);
    expect(guest.clauses()).toEqual([]);
  });

  test.each(['little', 'big'] as const)(
    'of a %s-endian legacy driver prints once, whole or in bytes',
    (order) => {
      const { printed, guest } = legacy(order);
      const whole = order === 'little' ? 0x41 : 0x41000000;
      guest.block.writeAt(CONFIG + 8, 4, whole);
      for (let i = 0; i < 4; i++)
        guest.block.writeAt(CONFIG + 8 + i, 1, (0x42 >>> (order === 'little' ? 8 * i : 24 - 8 * i)) & 0xff);
      // Upper bytes of the field say nothing, a NUL is a character.
      guest.block.writeAt(CONFIG + (order === 'little' ? 9 : 10), 1, 0x43);
      guest.block.writeAt(CONFIG + 8, 4, 0);
      expect(printed).toEqual([0x41, 0x42, 0]);
    },
  );

  it('goes to the first console with somebody at its end, and nowhere without one', () => {
    const [closed, plain, console] = [
      new MemoryConsole({ open: false }),
      new MemoryConsole(),
      new MemoryConsole(),
    ];
    const guest = new LegacyGuest(
      new ConsoleDevice({
        ports: [{ backend: closed }, { backend: plain }, { backend: console, console: true }],
      }),
    );
    guest.block.writeAt(CONFIG + 8, 4, 0x21);
    console.setOpen(false);
    guest.block.writeAt(CONFIG + 8, 4, 0x22);
    expect([closed.take(), plain.take(), [...console.take()]]).toEqual([
      new Uint8Array(),
      new Uint8Array(),
      [0x21],
    ]);
  });

  it('is none where the device does not offer it', () => {
    const printed: number[] = [];
    const device = new ConsoleDevice({ emergencyWrite: false, onEmergency: (each) => printed.push(each) });
    new LegacyGuest(device).block.writeAt(CONFIG + 8, 4, 0x21);
    expect(printed).toEqual([]);
  });
});

describe('without MULTIPORT', () => {
  function simple() {
    const backend = new MemoryConsole();
    const raw = modern({ ports: [{ backend }] }, [], [RX0, TX0]);
    return { raw, backend };
  }

  it('port 0 is there at once, both ways', () => {
    const { raw, backend } = simple();
    expect(backend.driverStates).toEqual([true]);
    raw.send(TX0, 'out');
    const got = raw.buffer(RX0, 8);
    expect(got()).toBeNull();
    backend.send(bytesOf('in'));
    expect([text(backend.take()), text(got()!), raw.rings[TX0]!.used()]).toEqual(['out', 'in', [[0, 0]]]);
    expect(raw.guest.clauses()).toEqual([]);
  });

  it('BF-FEAT-03: a queue of another port is reported', () => {
    const raw = modern({}, [], [RX0, TX0, CONTROL_RX, CONTROL_TX]);
    raw.control(0, DEVICE_READY, 1);
    expect(raw.guest.clauses()).toEqual(['BF-FEAT-03']);
  });

  it('shows the size of port 0, and announces another', () => {
    const backend = new MemoryConsole();
    const guest = new ModernGuest(
      new ConsoleDevice({ offersSize: true, ports: [{ backend, size: { columns: 80, rows: 25 } }] }),
    );
    const config = guest.structure(4);
    const size = () => [guest.machine.memoryRead(config, 2), guest.machine.memoryRead(config + 2, 2)];
    backend.resize({ columns: 90, rows: 30 });
    guest.start([SIZE], [RX0, TX0]);
    expect([size(), guest.isr()]).toEqual([[90, 30], 0]);
    backend.resize({ columns: 132, rows: 43 });
    expect([size(), guest.isr()]).toEqual([[132, 43], 2]);
  });

  it('announces no size to a driver that does not want to know', () => {
    const backend = new MemoryConsole();
    const raw = modern({ offersSize: true, ports: [{ backend }] }, [], [RX0, TX0]);
    backend.resize({ columns: 90, rows: 30 });
    expect(raw.guest.isr()).toBe(0);
  });
});
