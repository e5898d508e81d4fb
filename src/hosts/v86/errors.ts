import { VirtiolabError } from '../../core/index.ts';

/** The one version of v86 whose internals this host was written against. */
export const SUPPORTED_V86 = '0.5.462';

/** The optional peer dependency is not installed. */
export class V86NotInstalledError extends VirtiolabError {
  constructor(cause: unknown) {
    super(`v86 is not installed; run: npm install v86@${SUPPORTED_V86}`);
    this.cause = cause;
  }
}

/** This v86 lacks something that the host reaches into it for. */
export class V86InternalMissingError extends VirtiolabError {
  /** Path of the missing internal, such as `cpu.io.ports`. */
  readonly internal: string;
  /** Version of the installed v86. */
  readonly version: string;

  constructor(internal: string, wanted: string, version: string) {
    super(`v86 ${version} has no ${internal} (${wanted}); the version that works is ${SUPPORTED_V86}`);
    this.internal = internal;
    this.version = version;
  }
}

/** A machine that v86 cannot be: RAM of a wrong size, or too little for the kernel it is to boot. */
export class MachineOptionsError extends VirtiolabError {
  readonly option: string;
  readonly value: unknown;

  constructor(option: string, value: unknown, wanted: string) {
    super(`${option} is ${String(value)}; wants ${wanted}`);
    this.option = option;
    this.value = value;
  }
}

/** The machine was used after it was destroyed. */
export class MachineGoneError extends VirtiolabError {
  constructor() {
    super('the v86 machine was destroyed');
  }
}

/** A snapshot of another v86, kernel, memory size, firmware or initial file system. */
export class SnapshotMismatchError extends VirtiolabError {
  readonly field: string;
  readonly found: unknown;
  readonly wanted: unknown;

  constructor(field: string, found: unknown, wanted: unknown) {
    super(`snapshot has ${field} ${JSON.stringify(found)}; wants ${JSON.stringify(wanted)}`);
    this.field = field;
    this.found = found;
    this.wanted = wanted;
  }
}

/** A snapshot file that is cut short or no snapshot at all. */
export class SnapshotDamagedError extends VirtiolabError {
  readonly path: string;

  constructor(path: string, reason: string) {
    super(`${path}: ${reason}; delete it and boot again`);
    this.path = path;
  }
}

/** A place on the PCI bus where no function can be put. */
export class SlotUnavailableError extends VirtiolabError {
  /** device << 3 | function on bus 0. */
  readonly place: number;

  constructor(place: number, reason: string) {
    super(`PCI device 0x${(place >> 3).toString(16)} function ${place & 7}: ${reason}`);
    this.place = place;
  }
}
