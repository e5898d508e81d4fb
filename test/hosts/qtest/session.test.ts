import { readdirSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { functionAddress, TargetGoneError, TargetTimeoutError } from '../../../src/core/index.ts';
import {
  BlockDriver,
  EntropyDriver,
  NoAnswerError,
  openTransport,
  runFirmware,
} from '../../../src/driver/index.ts';
import { Qemu, QemuStartError, QemuUnavailableError } from '../../../src/hosts/qtest/index.ts';
import { memoryOf, note, reason, Scratch, until } from './support.ts';

const RNG = functionAddress(0, 4);
const rng = ['-device', 'virtio-rng-pci,addr=4'];
/** A slot that nobody answers in, and a port that somebody does. */
const [EMPTY, PORT] = [functionAddress(0, 9), 0x80];

describe.skipIf(reason !== null)(`a QEMU through qtest${note}`, () => {
  let scratch: Scratch;
  beforeEach(() => {
    scratch = new Scratch();
  });
  afterEach(() => scratch.close());

  it('answers accesses of every width, in all spaces', async () => {
    const { bus } = await scratch.start();
    expect([bus.configRead(0, 0, 4), bus.configRead(0, 2, 2), bus.configRead(0, 3, 1)]).toEqual([
      0x12378086, 0x1237, 0x12,
    ]);
    bus.configWrite(functionAddress(0, 1), 0x60, 1, 0x8b);
    expect(bus.configRead(functionAddress(0, 1), 0x60, 1)).toBe(0x8b);
    expect([1, 2, 4].map((width) => bus.configRead(EMPTY, 0, width as 1))).toEqual([
      0xff, 0xffff, 0xffffffff,
    ]);
    expect(bus.configRead(0, 256, 4)).toBe(0xffffffff);
    bus.configWrite(0, 256, 4, 0);
    bus.ioWrite(0xcf8, 4, 0x80000002);
    expect(bus.ioRead(0xcfe, 2)).toBe(0x1237);
    bus.memoryWrite(0x200000, 4, 0xfedcba98);
    bus.memoryWrite(0x200001, 2, 0x1_1234);
    expect([1, 2, 4].map((width) => bus.memoryRead(0x200000, width as 1))).toEqual([
      0x98, 0x3498, 0xfe123498,
    ]);
  });

  it('shares its RAM, and keeps the place for messages to itself', async () => {
    const { bus } = await scratch.startWith({ ramBytes: 4 << 20 });
    expect(bus.ram.ranges.map(({ start, end }) => [start, end])).toEqual([
      [0, 0xa0000],
      [0x100000, 0x3ff000],
    ]);
    bus.ram.write(0x3feff8, Uint8Array.of(1, 2, 3, 4));
    expect(bus.memoryRead(0x3feff8, 4)).toBe(0x04030201);
    bus.memoryWrite(0x9fffc, 4, 0x55667788);
    expect([...bus.ram.read(0x9fffc, 4)]).toEqual([0x88, 0x77, 0x66, 0x55]);
  });

  it('leaves no file behind', async () => {
    const ours = (name: string) => name.startsWith('virtiolab-qemu-');
    const before = readdirSync('/dev/shm').filter(ours).length;
    await scratch.start();
    expect(readdirSync('/dev/shm').filter(ours).length).toBeLessThanOrEqual(before);
  });

  it('delivers messages, discards them, and gives their places away again', async () => {
    const { bus } = await scratch.start();
    const log: string[] = [];
    const messages = ['a', 'b'].map((name) => bus.interrupts.allocateMessage(() => void log.push(name)));
    for (const { addressLow, data } of messages) bus.memoryWrite(addressLow, 4, data);
    messages[0]!.discard();
    bus.pause();
    bus.pause();
    expect(log).toEqual(['b']);
    messages[1]!.release();
    bus.memoryWrite(messages[1]!.addressLow, 4, 1);
    const again = bus.interrupts.allocateMessage(() => void log.push('c'));
    bus.pause();
    expect([again.addressLow, log]).toEqual([messages[1]!.addressLow, ['b']]);
    const rest = () => {
      for (let i = 0; i < 2000; i++) bus.interrupts.allocateMessage(() => {});
    };
    expect(rest).toThrow('all 1024 message vectors are taken');
  });

  it('asks who shares a line until it is low, and nobody who left', async () => {
    const qemu = await scratch.start(...rng, '-device', 'virtio-rng-pci,addr=8');
    runFirmware(qemu.bus);
    const asked: string[] = [];
    const { interrupts } = qemu.bus;
    const line = qemu.bus.configRead(RNG, 0x3c, 1);
    expect(qemu.bus.configRead(functionAddress(0, 8), 0x3c, 1)).toBe(line);
    interrupts.connectLine(line, () => asked.push('other') < 0);
    const leave = interrupts.connectLine(line, () => asked.push('gone') < 0);
    leave();
    leave();
    const driver = new EntropyDriver(openTransport(qemu.bus, RNG, { intx: true }), memoryOf(qemu, 0));
    await driver.read(8);
    expect(new Set(asked)).toEqual(new Set(['other']));
    driver.close();
  });

  describe('that dies', () => {
    it('ends accesses, also one that waits, and every later one; and is closed', async () => {
      const qemu = await scratch.start(...rng);
      expect(qemu.gone).toBeNull();
      process.kill(qemu.pid, 'SIGSTOP');
      const after = setTimeout(() => {}, 0);
      clearTimeout(after);
      process.kill(qemu.pid, 'SIGKILL');
      expect(() => qemu.bus.ioRead(PORT, 1)).toThrow(TargetGoneError);
      expect(() => qemu.bus.memoryWrite(0xe0000000, 4, 0)).toThrow(
        `QEMU (process ${qemu.pid}) is gone: it has ended`,
      );
      expect(() => qemu.bus.pause()).toThrow(TargetGoneError);
      expect(qemu.gone).toBeInstanceOf(TargetGoneError);
      qemu.close();
      qemu.close();
      expect(() => qemu.bus.configRead(0, 0, 4)).toThrow('it has ended');
    });

    it('in the middle of an access says its last words', async () => {
      const qemu = await scratch.start('-device', 'isa-debug-exit,iobase=0xf4,iosize=4');
      // The port at which a machine says that it wants to end.
      expect(() => qemu.bus.ioWrite(0xf4, 4, 0)).toThrow(TargetGoneError);
      expect(() => qemu.bus.ioRead(PORT, 1)).toThrow('it has ended');
    });

    it('ends requests in flight, and lets their driver close', async () => {
      const qemu = await scratch.start(
        '-drive',
        `if=none,id=d,file=${scratch.disk},format=raw,snapshot=on`,
        '-device',
        'virtio-blk-pci,drive=d,addr=4',
      );
      runFirmware(qemu.bus);
      const driver = new BlockDriver(openTransport(qemu.bus, RNG), memoryOf(qemu, 0), { depth: 2 });
      process.kill(qemu.pid, 'SIGKILL');
      await expect(driver.read(0, 1)).rejects.toThrow(TargetGoneError);
      await expect(driver.read(0, 1)).rejects.toThrow(TargetGoneError);
      driver.close();
    });
  });

  describe('that hangs', () => {
    it('ends an access in time, and goes on when it goes on', async () => {
      const qemu = await scratch.startWith({ arguments: rng, milliseconds: 300 });
      process.kill(qemu.pid, 'SIGSTOP');
      for (let i = 0; i < 3; i++) {
        const before = performance.now();
        expect(() => qemu.bus.configRead(RNG, 0, 2)).toThrow(TargetTimeoutError);
        expect(performance.now() - before).toBeGreaterThan(250);
      }
      expect(() => qemu.bus.ioRead(PORT, 2)).toThrow('does not answer inw 0x80: waited for 300 ms');
      process.kill(qemu.pid, 'SIGCONT');
      const bus = qemu.bus;
      await until(qemu, () => {
        try {
          return bus.configRead(RNG, 0, 2) === 0x1af4;
        } catch (error) {
          if (error instanceof TargetTimeoutError) return false;
          throw error;
        }
      });
      expect([bus.configRead(RNG, 2, 2), bus.configRead(0, 0, 4)]).toEqual([0x1005, 0x12378086]);
    });

    it('ends a request after its pauses', async () => {
      // With ioeventfd QEMU kicks each queue once by itself, at DRIVER_OK or some time after.
      const qemu = await scratch.start('-device', 'virtio-rng-pci,addr=4,ioeventfd=off');
      runFirmware(qemu.bus);
      // Without an access: it waits for the interrupt only.
      const transport = openTransport(qemu.bus, RNG, { patience: 250 });
      const driver = new EntropyDriver(transport, memoryOf(qemu, 0));
      transport.notify = () => {};
      await expect(driver.read(8)).rejects.toThrow(NoAnswerError);
      driver.close();
    });

    it('is closed all the same', async () => {
      const qemu = await scratch.start();
      process.kill(qemu.pid, 'SIGSTOP');
      qemu.close();
      expect(() => qemu.bus.ioRead(PORT, 1)).toThrow('it was closed');
    });
  });

  it('shows what QEMU says of wrong arguments', async () => {
    const start = scratch.start('-device', 'virtio-frob-pci');
    await expect(start).rejects.toThrow(QemuStartError);
    await expect(start).rejects.toThrow(
      /^qemu-system-x86_64 did not start: .*'virtio-frob-pci' is not a valid device model name$/,
    );
  });

  it('gives up a program that starts and never speaks', async () => {
    const start = scratch.startWith({
      program: 'tail',
      arguments: ['-f', '/dev/null'],
      startMilliseconds: 50,
    });
    await expect(start).rejects.toThrow(/did not start/);
  });
});

it('is missed with the way to have it', async () => {
  const start = Qemu.start({ program: 'qemu-system-of-no-kind' });
  await expect(start).rejects.toThrow(QemuUnavailableError);
  await expect(start).rejects.toThrow(
    'qemu-system-of-no-kind cannot be run; wants apt-get install qemu-system-x86',
  );
});
