/** Real machines of QEMU's, whose devices can be functions of ours: a boot sector, Linux, the monitor. */
export {
  type DeviceProperties,
  findQemu,
  type KernelBoot,
  type QemuBootSectorOptions,
  QemuMachine,
  type QemuMachineOptions,
  QemuOptionsError,
  type QemuProgram,
  QemuStartError,
  QemuUnavailableError,
  Qmp,
  QmpError,
  type QmpEvent,
  type QmpOptions,
  qemuBootSector,
  tryQemu,
} from '../hosts/qemu/index.ts';
