import { VirtiolabError } from '../../core/index.ts';

/** What is wanted for a QEMU of ours is not there; the message says how to have it. */
export class QemuUnavailableError extends VirtiolabError {
  /** What is missing, e.g. `qemu-system-x86_64`. */
  readonly missing: string;

  constructor(missing: string, reason: string, wanted: string) {
    super(`${missing} ${reason}; wants ${wanted}`);
    this.missing = missing;
  }
}

/** QEMU was started and did not get as far as a machine. */
export class QemuStartError extends VirtiolabError {
  /** What QEMU said about it; empty where it said nothing. */
  readonly output: string;

  constructor(reason: string, output: string) {
    super(output === '' ? reason : `${reason}: ${output}`);
    this.output = output;
  }
}

/** QEMU's monitor refused a command. */
export class QmpError extends VirtiolabError {
  readonly command: string;
  /** QEMU's class of error, such as `GenericError` or `DeviceNotFound`. */
  readonly kind: string;
  /** What QEMU said. */
  readonly description: string;

  constructor(command: string, kind: string, description: string) {
    super(`QEMU refuses ${command}: ${description} (${kind})`);
    this.command = command;
    this.kind = kind;
    this.description = description;
  }
}

/** A machine that QEMU is not asked to be. */
export class QemuOptionsError extends VirtiolabError {
  readonly option: string;
  readonly value: unknown;

  constructor(option: string, value: unknown, wanted: string) {
    super(`${option} is ${JSON.stringify(value)}; wants ${wanted}`);
    this.option = option;
    this.value = value;
  }
}
