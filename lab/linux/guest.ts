import { DriverWatch, explain, formatExplanation } from 'virtiolab/conformance';
import { type Bus, formatFinding, functionAddress, OptionError } from 'virtiolab/core';
import { findFunction } from 'virtiolab/driver';
import { Decoder } from 'virtiolab/trace';
import {
  checkBios,
  checkKernelImage,
  checkVgaBios,
  type GuestDevice,
  type GuestWindow,
  guestWindows,
  presentDevice,
  V86Board,
  V86Bus,
  V86Machine,
  type V86Module,
} from 'virtiolab/v86';
import { BlockDevice, MemoryStorage } from 'virtiolab/virtio';
import type { Pieces } from '../linux-protocol.ts';
import { type FunctionViewer, viewersOf } from '../parts/function-view.ts';
import { queueViews } from '../parts/queue-view.ts';
import type { Stage } from '../parts/stage.ts';
import { Stream } from '../parts/stream.ts';
import type { View, WatchView } from '../protocol.ts';

/** Room for the initial file system, which is put at 64 MiB, and for the guest's own use. */
const MEMORY_BYTES = 128 << 20;
const DISK_BYTES = 1 << 20;
const PLACE = functionAddress(0, 4);

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

/** Configuration space of a board's functions, unseen by whoever listens to it: all that finding and decoding take of a bus. */
const configOf = (board: V86Board) =>
  ({
    configRead: (address, offset, width) => board.at(address)?.configRead(offset, width) ?? 0xffffffff,
    configWrite: (address, offset, width, value) => board.at(address)?.configWrite(offset, width, value),
  }) as Pick<Bus, 'configRead' | 'configWrite'> as Bus;

/** A PC that boots a real Linux, with a disk of ours by one of the ways. */
export class LabGuest {
  readonly stream = new Stream();
  readonly #machine: V86Machine;
  readonly #watch: DriverWatch;
  readonly #board: V86Board;
  /** The host's machine; null where the guest has the function itself. */
  readonly #stage: Stage | null = null;
  readonly #viewers: readonly FunctionViewer[] = [];
  #told = 0;

  private constructor(machine: V86Machine, board: V86Board, device: GuestDevice) {
    this.#machine = machine;
    this.#board = board;
    const config = configOf(board);
    this.#watch = new DriverWatch({ ram: board.ram, config });
    const guest = new Decoder();
    guest.add(config, findFunction(config, PLACE)!);
    const record = this.stream.sink('left', guest);
    board.events = (event) => {
      this.#watch.sink(event);
      record(event);
    };
    if (device.host === null || device.hosted === null) return;
    const { found, owner } = device.hosted;
    this.#stage = { column: 'right', name: 'host', machine: device.host, found, owner, drafted: null };
    this.#viewers = viewersOf(this.#stage, device.fn.device.behaviour.type);
    const host = new Decoder();
    for (const fn of owner === null ? [found] : [found, owner]) host.add(device.host, fn);
    device.host.events = this.stream.sink('right', host);
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
      const device = presentDevice(board, new BlockDevice({ storage: disk(), serial: 'virtiolab' }), PLACE, {
        window,
      });
      const guest = new LabGuest(machine, board, device);
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

  /** What the watch found since it was last asked. */
  findings(): readonly WatchView[] {
    const { findings } = this.#watch.report();
    const fresh = findings.slice(this.#told);
    this.#told = findings.length;
    const seq = this.stream.last;
    return fresh.map((finding) => ({
      ...{ level: finding.level, rule: finding.rule, clause: finding.clause, seq },
      text: formatFinding(finding),
    }));
  }

  /** The host's function and its queues as they stand, between two of the guest's instructions; null where there is no host. */
  view(): View | null {
    if (this.#stage === null) return null;
    const { machine, found } = this.#stage;
    this.stream.looking = true;
    try {
      const { ram } = this.#board;
      const explanation = explain(machine, found, { ram });
      const functions = this.#viewers.map((viewer) => viewer.view());
      const queues = queueViews(explanation, ram);
      return { seq: this.stream.last, functions, queues, explanation: formatExplanation(explanation) };
    } finally {
      this.stream.looking = false;
    }
  }

  stop(): Promise<void> {
    return this.#machine.destroy();
  }
}
