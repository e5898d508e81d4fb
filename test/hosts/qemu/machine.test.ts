import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TargetGoneError } from '../../../src/core/index.ts';
import { GuestTimeoutError } from '../../../src/hosts/guest/errors.ts';
import {
  QemuMachine,
  QemuOptionsError,
  QemuStartError,
  QmpError,
  qemuBootSector,
} from '../../../src/hosts/qemu/index.ts';
import { isAtLeast } from '../../../src/hosts/qemu/program.ts';
import { bootDisk } from '../../guest/boot-disk.ts';
import { Bench, note, qemu, reason } from './support.ts';

const TEXTS = ['first stretch', 'its last sector', 'by geometry'] as const;
const END = TEXTS[2];

describe.skipIf(reason !== null)(`a QEMU machine${note}`, () => {
  let bench: Bench;
  beforeEach(() => {
    bench = new Bench();
  });
  afterEach(() => bench.close());

  /** A disk of QEMU's own with a boot sector. */
  const disk = () => ({
    arguments: ['-drive', `if=none,id=disk,format=raw,file=${bench.file('disk', bootDisk(1 << 20, TEXTS))}`],
    devices: [{ driver: 'virtio-blk-pci', drive: 'disk', bootindex: 0 }],
  });

  it.each([
    ['pc', true],
    ['pc', false],
    ['q35', true],
  ] as const)('lets a boot sector read its disk (%s, shared memory %s)', async (machine, sharedMemory) => {
    const result = await qemuBootSector({ qemu, machine, sharedMemory, until: END, ...disk() });
    expect(result.output).toEqual(['in the boot sector', ...TEXTS]);
    expect(result.firmwareLog[0]).toContain('SeaBIOS');
  });

  it('runs again after a reset, and stands still while it is paused', async () => {
    const machine = await bench.create(disk());
    const end = () => machine.serial.waitForLine((line) => line === END, 20_000, 'last line');
    expect(await machine.qmp.execute('query-status')).toMatchObject({ running: false });
    await Promise.all([end(), machine.run()]);
    await Promise.all([end(), machine.reset()]);
    await machine.pause();
    expect(await machine.qmp.execute('query-status')).toMatchObject({ status: 'paused' });
  });

  it('tells what the firmware said where the boot sector says nothing', async () => {
    const error = await qemuBootSector({ qemu, until: END, timeoutMs: 400 }).catch(
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(GuestTimeoutError);
    expect((error as Error).message).toContain('Scan for option roms');
  });

  it('is refused with what QEMU says of it', async () => {
    const create = (driver: string) => bench.create({ devices: [{ driver, socket: undefined }] });
    await expect(create('no-such-device')).rejects.toThrow(
      /^QEMU did not start: .*'no-such-device' is not a valid device model name/,
    );
    await expect(create('no-such-device')).rejects.toThrow(QemuStartError);
    const nobody = { type: 'unix', path: join(bench.folder, 'nobody') };
    await expect(bench.create({ devices: [{ driver: 'vfio-user-pci', socket: nobody }] })).rejects.toThrow(
      /nobody/,
    );
    await expect(bench.create({ memoryBytes: 5 })).rejects.toThrow(QemuOptionsError);
  });

  it('takes and gives back devices while it runs, where the guest agrees', async () => {
    const machine = await bench.create();
    await machine.run();
    await machine.addDevice({ driver: 'virtio-rng-pci', id: 'rng', addr: '4' });
    await expect(machine.addDevice({ driver: 'virtio-rng-pci', id: 'rng' })).rejects.toThrow(QmpError);
    // No guest that could agree is there.
    await expect(machine.removeDevice('rng', { timeoutMs: 200 })).rejects.toThrow('DEVICE_DELETED');
    await expect(machine.removeDevice('nothing')).rejects.toThrow(/DeviceNotFound/);
  });

  it('ends every wait when QEMU ends', async () => {
    const machine = await bench.create();
    const wait = machine.serial.waitForLine(() => false, 20_000, 'nothing');
    const event = machine.qmp.event('NEVER', 0);
    const results = Promise.allSettled([wait, event]);
    process.kill(machine.pid, 'SIGKILL');
    for (const { reason } of (await results) as PromiseRejectedResult[])
      expect(reason).toBeInstanceOf(TargetGoneError);
    expect(machine.gone?.message).toBe(`QEMU (process ${machine.pid}) is gone: it has ended by SIGKILL`);
    await expect(machine.run()).rejects.toThrow(TargetGoneError);
    await machine.close();
    await machine.close();
  });

  // Before, QEMU has no way to notice.
  const notices = reason === null && isAtLeast(qemu.version, [10, 2]);
  it.runIf(notices)('leaves no process behind, even where ours is killed', async () => {
    const code = `
      import { QemuMachine } from './src/hosts/qemu/index.ts';
      const machine = await QemuMachine.create({ qemu: ${JSON.stringify(qemu)} });
      console.log(machine.pid);
      setInterval(() => {}, 1000);`;
    const root = join(import.meta.dirname, '../../..');
    const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', code], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const pid = await new Promise<number>((resolve) => {
      child.stdout.once('data', (text) => resolve(Number(text)));
    });
    expect(readFileSync(`/proc/${pid}/cmdline`, 'utf8')).toContain('qemu-system-x86_64');
    child.kill('SIGKILL');
    for (let i = 0; i < 500 && existsSync(`/proc/${pid}/fd`); i++)
      await new Promise((resolve) => setTimeout(resolve, 10));
    const state = existsSync(`/proc/${pid}/stat`) ? readFileSync(`/proc/${pid}/stat`, 'utf8') : ') Z ';
    expect(state).toMatch(/\) [ZX] /);
  });

  it('is gone once it is closed', async () => {
    const machine = await QemuMachine.create({ qemu });
    await machine.close();
    await expect(machine.qmp.execute('cont')).rejects.toThrow('it was closed');
  });
});
