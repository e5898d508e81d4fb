/** A QEMU as the machine that drivers work on, through its qtest protocol: its devices, without a guest. */
export {
  Qemu,
  type QemuOptions,
  QemuStartError,
  QemuUnavailableError,
  qemuDeviations,
  qemuSource,
  qemuSubjectNames,
  qemuTarget,
  UnknownQemuSubjectError,
} from '../hosts/qtest/index.ts';
