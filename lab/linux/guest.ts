import { OptionError } from 'virtiolab/core';
import {
  checkBios,
  checkKernelImage,
  checkVgaBios,
  type GuestWindow,
  guestWindows,
  V86Board,
  V86Bus,
  V86Machine,
  type V86Module,
} from 'virtiolab/v86';
import { BlockDevice, MemoryStorage } from 'virtiolab/virtio';
import type { Pieces } from '../linux-protocol.ts';
import { GuestSide } from './side.ts';

/** Room for the initial file system, which is put at 64 MiB, and for the guest's own use. */
const MEMORY_BYTES = 128 << 20;
const DISK_BYTES = 1 << 20;

/** A disk on which each sector begins with its number, and the first with words. */
function disk(): MemoryStorage {
  const bytes = new Uint8Array(DISK_BYTES);
  for (let at = 0; at < DISK_BYTES; at += 512) bytes[at + 508] = (at / 512) & 0xff;
  bytes.set(new TextEncoder().encode('This disk is behind virtiolab.\n'));
  return new MemoryStorage(bytes);
}

/** @throws OptionError */
function windowOf(way: string): GuestWindow {
  const found = guestWindows.find((each) => each === way);
  if (found === undefined) throw new OptionError('way', way, `one of ${guestWindows.join(', ')}`);
  return found;
}

const bytesOf = async (blob: Blob) => new Uint8Array(await blob.arrayBuffer());

/** A PC that boots a real Linux, with a disk of ours by one of the ways. */
export class LabGuest {
  readonly side: GuestSide;
  readonly #machine: V86Machine;

  private constructor(machine: V86Machine, side: GuestSide) {
    this.#machine = machine;
    this.side = side;
  }

  /**
   * Starts a PC; what it prints goes to `print`, a byte at a time.
   * @throws OptionError; GuestImageError; MachineOptionsError, V86InternalMissingError; what presenting a function throws
   */
  static async boot(
    library: V86Module,
    pieces: Pieces,
    way: string,
    print: (byte: number) => void,
  ): Promise<LabGuest> {
    const window = windowOf(way);
    const [kernel, initrd, bios, vgaBios] = await Promise.all(
      [pieces.kernel, pieces.initrd, pieces.bios, pieces.vgaBios].map(bytesOf),
    );
    const bytes = { kernel: kernel!, initrd: initrd!, bios: bios!, vgaBios: vgaBios! };
    checkKernelImage('kernel', bytes.kernel);
    checkBios('BIOS', bytes.bios);
    checkVgaBios('VGA BIOS', bytes.vgaBios);
    const machine = await V86Machine.create(library, {
      ...bytes,
      commandLine: pieces.commandLine,
      memoryBytes: MEMORY_BYTES,
    });
    try {
      const board = new V86Board(new V86Bus(machine));
      const behaviour = new BlockDevice({ storage: disk(), serial: 'virtiolab' });
      const guest = new LabGuest(machine, new GuestSide(board, behaviour, window));
      machine.onSerialByte(print);
      await machine.start();
      return guest;
    } catch (error) {
      await machine.destroy();
      throw error;
    }
  }

  type(text: string): void {
    this.#machine.sendSerial(text);
  }

  stop(): Promise<void> {
    return this.#machine.destroy();
  }
}
