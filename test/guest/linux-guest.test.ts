import { afterEach, describe, expect, it } from 'vitest';
import type { Width } from '../../src/core/index.ts';
import { GuestTimeoutError } from '../../src/hosts/guest/errors.ts';
import { SlotUnavailableError, SnapshotMismatchError } from '../../src/hosts/v86/errors.ts';
import { LinuxGuest } from '../../src/hosts/v86/linux-guest.ts';
import type { Snapshot } from '../../src/hosts/v86/snapshot.ts';
import { BareFunction } from './bare-function.ts';
import { HandmadeEntropy } from './handmade-entropy.ts';
import { cleanSnapshot, pieces, skipNote, startGuest } from './support.ts';

/** Device 4, function 0: within the slots whose interrupt routing Linux knows. */
const PLACE = 4 << 3;
/** Beyond them: the line must come from the function's own register. */
const FAR_PLACE = 9 << 3;
const RESCAN = 'echo 1 > /sys/bus/pci/rescan';

describe.skipIf(pieces === null)(`Linux in v86${skipNote}`, () => {
  const options = { pieces: pieces! };
  let guest: LinuxGuest;

  afterEach(() => guest.destroy());

  const restore = async (): Promise<void> => {
    guest = await startGuest();
  };

  it('boots from power-on to a shell with the virtio modules loaded', async () => {
    await restore();
    expect(await guest.runOk('uname -r')).toBe(`${pieces!.kernelPackage.replace('linux-image-', '')}\n`);
    const modules = await guest.runOk('lsmod');
    for (const name of ['virtio_pci', 'virtio_blk', 'virtio_net', '9p', 'ext4'])
      expect(modules).toContain(name);
  });

  it('goes on after a snapshot was taken', async () => {
    await restore();
    await guest.runOk('cd /tmp && answer=42');
    const later = await guest.snapshot();
    expect(await guest.runOk('echo $answer in $PWD')).toBe('42 in /tmp\n');
    await guest.destroy();
    guest = await LinuxGuest.restore(later, options);
    expect(await guest.runOk('echo $answer in $PWD')).toBe('42 in /tmp\n');
  });

  it('outlives the end of a job in the background, whatever its shell does at that moment', async () => {
    await restore();
    for (let job = 0; job < 3; job++) {
      await guest.runOk('usleep 200000 &');
      // Nothing is asked of the shell until then.
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
    expect(await guest.runOk('echo alive')).toBe('alive\n');
  });

  it('continues a snapshot in a fresh machine, without booting', async () => {
    const started = performance.now();
    await restore();
    const restored = performance.now();
    expect(await guest.runOk('uname -a')).toContain('Debian');
    const answered = performance.now();
    console.log(
      `restore: ${Math.round(restored - started)} ms, answer: ${Math.round(answered - restored)} ms`,
    );
    // How fast is a matter of the benchmark on restores.
    expect(guest.restored).toBe(true);
  });

  it('refuses a snapshot of another kernel, by name', async () => {
    await restore();
    const snapshot = await cleanSnapshot(guest);
    const other: Snapshot = {
      ...snapshot,
      key: { ...snapshot.key, kernel: 'linux-image-5.10.0-1-686_5.10.1-1' },
    };
    await expect(LinuxGuest.restore(other, options)).rejects.toThrow(SnapshotMismatchError);
    await expect(LinuxGuest.restore(snapshot, { ...options, memoryBytes: 128 << 20 })).rejects.toThrow(
      'snapshot has memoryBytes 100663296; wants 134217728',
    );
  });

  it('tells output, exit status and lateness of commands apart', async () => {
    await restore();
    expect(await guest.run('printf half; ls /nowhere')).toEqual({
      output: 'halfls: /nowhere: No such file or directory\n',
      exitCode: 1,
    });
    expect((await guest.run('if then (')).exitCode).toBe(2);
    expect(await guest.runOk(`echo ${'x'.repeat(3000)} | wc -c`)).toBe('3001\n');
    const late = guest.run('echo before; sleep 60', { timeoutMs: 400 });
    await expect(late).rejects.toThrow(GuestTimeoutError);
    await expect(late).rejects.toMatchObject({ lastLines: expect.arrayContaining(['before']) });
    expect(await guest.runOk('echo alive')).toBe('alive\n');
  });

  it('finds a function plugged while it runs, and its I/O accesses arrive with their widths', async () => {
    await restore();
    const accesses: string[] = [];
    const target = {
      read: (offset: number, width: Width) => {
        accesses.push(`read ${width} at ${offset}`);
        return 0xa1b2c3d4;
      },
      write: (offset: number, width: Width, value: number) => {
        accesses.push(`write ${width} at ${offset}: ${value.toString(16)}`);
      },
    };
    // A device number that no virtio driver claims, so that nobody but this test touches it.
    const bare = new BareFunction({
      vendorId: 0x1af4,
      deviceId: 0x10ff,
      subsystemId: 0x40,
      bars: [{ kind: 'io', lengthBytes: 32, target }],
    });
    bare.plug(guest.bus, PLACE);
    await guest.runOk(RESCAN);
    const folder = '/sys/bus/pci/devices/0000:00:04.0';
    expect(await guest.runOk(`cat ${folder}/vendor ${folder}/device`)).toBe('0x1af4\n0x10ff\n');
    await guest.runOk(`echo 1 > ${folder}/enable`);
    const port = bare.mappedAt(0)!;
    expect(port).toBeGreaterThanOrEqual(0x1000);
    const dd = (file: string, extra: string) => `dd ${file} bs=1 count=1 ${extra} 2>/dev/null`;
    expect(await guest.runOk(`${dd('if=/dev/port', `skip=${port + 5}`)} | hexdump -ve '1/1 "%02x"'`)).toBe(
      'd4',
    );
    await guest.runOk(`printf '\\x7e' | ${dd('of=/dev/port', `seek=${port + 6}`)}`);
    // sysfs carries out exactly the access that is asked for.
    await guest.runOk(`dd if=${folder}/resource0 bs=4 count=1 skip=2 of=/tmp/four 2>/dev/null`);
    await guest.runOk(`dd if=${folder}/resource0 bs=2 count=1 skip=3 of=/tmp/two 2>/dev/null`);
    expect(await guest.runOk('hexdump -ve \'1/1 "%02x"\' /tmp/four /tmp/two')).toBe('d4c3b2a1d4c3');
    expect(accesses).toEqual(['read 1 at 5', 'write 1 at 6: 7e', 'read 4 at 8', 'read 2 at 6']);
  });

  it('puts a two-byte memory read together where the register is known to have two bytes', async () => {
    await restore();
    const accesses: string[] = [];
    const target = {
      read: (offset: number, width: Width) => {
        accesses.push(`r${width}@${offset}`);
        return 0x11223344;
      },
      write: (offset: number, width: Width, value: number) => {
        accesses.push(`w${width}@${offset}=${value.toString(16)}`);
      },
      widthAt: (offset: number): Width => (offset === 2 ? 2 : 1),
    };
    const bare = new BareFunction({
      vendorId: 0x1af4,
      deviceId: 0x10ff,
      subsystemId: 0x40,
      bars: [{ kind: 'memory', lengthBytes: 4096, target }],
    });
    bare.plug(guest.bus, PLACE);
    await guest.runOk(`${RESCAN}; echo 1 > /sys/bus/pci/devices/0000:00:04.0/enable`);
    const at = bare.mappedAt(0)!;
    const devmem = (offset: number, rest: string) => guest.runOk(`devmem ${at + offset} ${rest}`);
    expect(await devmem(0, '32')).toBe('0x11223344\n');
    expect(await devmem(2, '16')).toBe('0x3344\n');
    expect(await devmem(4, '16')).toBe('0x4444\n');
    expect(await devmem(9, '8')).toBe('0x44\n');
    await devmem(0, '32 0x80000001');
    await devmem(2, '16 0xbeef');
    await devmem(3, '8 0x5a');
    expect(accesses).toEqual([
      'r4@0',
      'r2@2',
      'r1@4',
      'r1@5',
      'r1@9',
      'w4@0=80000001',
      'w2@2=beef',
      'w1@3=5a',
    ]);
  });

  for (const [name, place] of [
    ['a near slot', PLACE],
    ['a slot whose line firmware alone knows', FAR_PLACE],
  ] as const)
    it(`lets the kernel's legacy driver use a function in ${name}: DMA, notification, shared line`, async () => {
      await restore();
      const entropy = new HandmadeEntropy({ messages: false });
      entropy.plug(guest.bus, place);
      await guest.runOk(RESCAN);
      expect(await guest.runOk('cat /sys/class/misc/hw_random/rng_current')).toBe('virtio_rng.0\n');
      expect(await guest.runOk(`head -c 64 /dev/hwrng | hexdump -ve '1/1 "%02x"'`)).toMatch(/^(5a){64}/);
      const lines = await guest.runOk('grep virtio /proc/interrupts');
      expect(Number(/:\s+(\d+)/.exec(lines)?.[1])).toBeGreaterThan(0);
      expect(entropy.interrupts).toBeGreaterThan(0);
      // The legacy block, as the kernel knows it: ISR status read as one byte at 0x13, notify as two at 0x10.
      expect(entropy.accesses).toContain('r1 13');
      expect(entropy.accesses).toContain('w2 10');
    });

  it('refuses the places of its own devices and places taken twice', async () => {
    await restore();
    const bare = () => new BareFunction({ vendorId: 1, deviceId: 2, subsystemId: 3, bars: [] });
    for (const device of [0, 1, 7, 0x12, 0x1e])
      expect(() => bare().plug(guest.bus, device << 3)).toThrow(SlotUnavailableError);
    const slot = bare().plug(guest.bus, PLACE);
    expect(() => bare().plug(guest.bus, PLACE)).toThrow('PCI device 0x4 function 0: is taken');
    slot.unplug();
    bare().plug(guest.bus, PLACE);
  });

  it('ends the wait with what a function threw', async () => {
    await restore();
    const broken = () => {
      throw new RangeError('a defect in a device');
    };
    const bare = new BareFunction({
      vendorId: 0x1af4,
      deviceId: 0x10ff,
      subsystemId: 0x40,
      bars: [{ kind: 'io', lengthBytes: 32, target: { read: broken, write: broken } }],
    });
    bare.plug(guest.bus, PLACE);
    const folder = '/sys/bus/pci/devices/0000:00:04.0';
    await guest.runOk(`${RESCAN}; echo 1 > ${folder}/enable`);
    const command = `dd if=${folder}/resource0 bs=1 count=1`;
    await expect(guest.run(command)).rejects.toThrow('a defect in a device');
  });
});
