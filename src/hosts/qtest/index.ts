export { QtestBus } from './bus.ts';
export { QemuStartError, QemuUnavailableError } from './errors.ts';
export { Qemu, type QemuOptions } from './qemu.ts';
export { qemuSource, qemuSubjectNames, UnknownQemuSubjectError } from './subjects.ts';
export { qemuDeviations, qemuTarget } from './target.ts';
