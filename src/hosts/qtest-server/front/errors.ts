import { VirtiolabError } from '../../../core/index.ts';

/** Something that a QEMU may be told, and that is not understood here, or makes no sense. The message names it. */
export class QemuOptionError extends VirtiolabError {
  readonly option: string;
  readonly reason: string;

  constructor(option: string, reason: string) {
    super(`${option}: ${reason}`);
    this.option = option;
    this.reason = reason;
  }
}
