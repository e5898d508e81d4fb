export { QemuStartError, QemuUnavailableError } from '../qemu/errors.ts';
export { QtestBus } from './bus.ts';
export { Qemu, type QemuOptions } from './qemu.ts';
export { qemuSource, qemuSubjectNames, UnknownQemuSubjectError } from './subjects.ts';
export { qemuDeviations, qemuTarget } from './target.ts';
