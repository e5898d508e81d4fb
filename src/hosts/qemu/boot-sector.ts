import { type BootSectorResult, type BootSectorRun, collectBootSector } from '../guest/boot-sector.ts';
import { QemuMachine, type QemuMachineOptions } from './machine.ts';

export type QemuBootSectorOptions = Omit<QemuMachineOptions, 'boot' | 'flash' | 'progress'> & BootSectorRun;

/**
 * Lets SeaBIOS boot a disk of a QEMU machine without any operating system and collects what its boot sector says over the
 * serial port (COM1, 0x3f8). The machine is gone when this returns.
 * @throws GuestTimeoutError, with the firmware's last lines where the boot sector said nothing; TargetGoneError where QEMU
 * ends; errors as of {@link QemuMachine.create}
 */
export async function qemuBootSector(options: QemuBootSectorOptions): Promise<BootSectorResult> {
  const { progress: _, ...machineOptions } = options;
  const machine = await QemuMachine.create(machineOptions);
  try {
    return await collectBootSector(
      machine.serial,
      () => machine.firmwareLog,
      () => machine.run(),
      options,
    );
  } finally {
    await machine.close();
  }
}
