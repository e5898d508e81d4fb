import { type BootSectorResult, type BootSectorRun, collectBootSector } from '../guest/boot-sector.ts';
import { checkBios, checkVgaBios } from '../guest/images.ts';
import type { GuestPieces } from '../guest/pieces.ts';
import { readImage } from '../guest/read-image.ts';
import { SerialConsole } from '../guest/serial-console.ts';
import { V86Bus } from './bus.ts';
import { loadV86 } from './load-v86.ts';
import { V86Machine } from './machine.ts';

const DEFAULT_MEMORY_BYTES = 32 << 20;
/** SeaBIOS writes its own log here where a read answers with this byte. */
const DEBUG_PORT = 0x402;
const DEBUG_PRESENT = 0xe9;
const NEWLINE = 0x0a;

export type { BootSectorResult } from '../guest/boot-sector.ts';

export interface BootSectorOptions extends BootSectorRun {
  readonly pieces: GuestPieces;
  /** Puts functions on the bus before power-on. */
  readonly plug?: (bus: V86Bus) => void;
  /** A floppy disk to boot from instead of a function. */
  readonly floppy?: Uint8Array;
  /** RAM, by default 32 MiB. */
  readonly memoryBytes?: number;
}

/** Collects the firmware's log. */
function watchFirmware(bus: V86Bus): string[] {
  const log: string[] = [];
  let line = '';
  bus.claimPorts(DEBUG_PORT, 1, {
    read: () => DEBUG_PRESENT,
    write: (_offset, _width, value) => {
      if (value !== NEWLINE) line += String.fromCharCode(value);
      else {
        log.push(line);
        line = '';
      }
    },
  });
  return log;
}

/**
 * Lets SeaBIOS boot a disk without any operating system and collects what its boot sector says over the serial port
 * (COM1, 0x3f8). The machine is gone when this returns.
 * @throws GuestTimeoutError, with the firmware's last lines where the boot sector said nothing; GuestImageError,
 * MachineOptionsError, V86NotInstalledError, V86InternalMissingError
 */
export async function bootSector(options: BootSectorOptions): Promise<BootSectorResult> {
  const { pieces } = options;
  const [bios, vgaBios] = await Promise.all([
    readImage(pieces.bios, 'a PC BIOS'),
    readImage(pieces.vgaBios, 'a VGA BIOS'),
  ]);
  checkBios(pieces.bios, bios);
  checkVgaBios(pieces.vgaBios, vgaBios);
  const machine = await V86Machine.create(await loadV86(), {
    bios,
    vgaBios,
    memoryBytes: options.memoryBytes ?? DEFAULT_MEMORY_BYTES,
    ...(options.floppy === undefined ? {} : { floppy: options.floppy }),
  });
  try {
    const bus = new V86Bus(machine);
    const firmwareLog = watchFirmware(bus);
    const serial = new SerialConsole((text) => machine.sendSerial(text));
    machine.onSerialByte((byte) => serial.receive(byte));
    bus.onFault((fault) => serial.abort(fault));
    options.plug?.(bus);
    return await collectBootSector(
      serial,
      () => firmwareLog,
      () => machine.start(),
      options,
    );
  } finally {
    await machine.destroy();
  }
}
