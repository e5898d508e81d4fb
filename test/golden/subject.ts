import { functionAddress, GuestMemory, type LabEvent, type Width } from '../../src/core/index.ts';
import { type FoundFunction, runFirmware } from '../../src/driver/index.ts';
import { configPorts, Machine } from '../../src/pci/index.ts';
import {
  BalloonDevice,
  BlockDevice,
  ConsoleDevice,
  type DeviceBehaviour,
  EntropyDevice,
  type FunctionKind,
  MemoryStorage,
  NetworkDevice,
  P9Device,
  type P9Server,
  ScsiDevice,
  SeededEntropy,
  unplugged,
  virtioFunction,
} from '../../src/virtio/index.ts';

/** A recorded device, made again here. */
interface RecordedSubject {
  make(): DeviceBehaviour;
  /** MSI-X vectors; undefined for one a queue and one for configuration. */
  readonly vectors?: number;
  /** Bytes of the recorded I/O BAR: all of it was read. */
  readonly recordedBarBytes: number;
}

/** The slot that the recorded function sat in. */
export const SLOT = functionAddress(0, 4);
/** Sectors of the recorded disk. */
export const SECTORS = 0x800;

export const hex = (digits: number) => (value: number) => `0x${value.toString(16).padStart(digits, '0')}`;
export const [hex8, hex16, hex32] = [hex(2), hex(4), hex(8)];
export const hexBytes = (bytes: Iterable<number>) =>
  [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');

const MAC = Uint8Array.of(0x52, 0x54, 0x00, 0x12, 0x34, 0x56);
const noServer: P9Server = { connect: () => ({ send: () => {}, close: () => {} }) };

/** Every recorded device type. */
export const subjects = {
  blk: {
    make: () => new BlockDevice({ storage: new MemoryStorage(diskImage()) }),
    recordedBarBytes: 128,
  },
  net: {
    make: () => new NetworkDevice({ link: unplugged, macAddress: MAC }),
    recordedBarBytes: 32,
  },
  rng: { make: () => new EntropyDevice({ source: new SeededEntropy(1) }), recordedBarBytes: 32 },
  balloon: { make: () => new BalloonDevice(), vectors: 0, recordedBarBytes: 64 },
  serial: { make: () => new ConsoleDevice(), vectors: 2, recordedBarBytes: 64 },
  scsi: { make: () => new ScsiDevice(), recordedBarBytes: 64 },
  '9p': { make: () => new P9Device({ server: noServer, mountTag: 'tag0' }), recordedBarBytes: 32 },
} satisfies Readonly<Record<string, RecordedSubject>>;
export type SubjectName = keyof typeof subjects;
export const subjectNames = Object.keys(subjects) as SubjectName[];

/** A disk whose every byte tells where it is. */
export function diskImage(): Uint8Array {
  return new Uint8Array(SECTORS * 512).map((_, i) => i * 7 + (i >> 9));
}

/**
 * A machine with one of our functions in it, reached as the recorded one was: by ports, memory accesses and configuration
 * mechanism #1, in the terms of the recording's own protocol.
 */
export class Subject {
  readonly machine = new Machine({ ram: GuestMemory.allocate({ start: 0, length: 4 << 20 }) });
  /** `IRQ raise 11` and `IRQ lower 11`, as they happen. */
  readonly lines: string[] = [];

  constructor(name: SubjectName, kind: FunctionKind) {
    const { make, vectors }: RecordedSubject = subjects[name];
    const options = vectors === undefined ? { kind } : { kind, vectors };
    this.machine.plug(virtioFunction(make(), options).pci, SLOT);
    this.machine.events = (event: LabEvent) => {
      if (event.kind === 'interrupt' && event.signal === 'line')
        this.lines.push(`IRQ ${event.asserted ? 'raise' : 'lower'} ${event.vector}`);
    };
  }

  /** Gives BARs their addresses; the command register is the caller's afterwards, as in the recording. */
  assign(command: number): FoundFunction {
    const found = runFirmware(this.machine).find(({ address }) => address === SLOT)!;
    this.setCfg(2, 0x04, command);
    return found;
  }

  /** Configuration space through ports 0xCF8 and 0xCFC. */
  cfg(width: Width, register: number): number {
    this.machine.ioWrite(configPorts.address, 4, configPorts.enable + SLOT * 256 + (register & 0xfc));
    return this.machine.ioRead(configPorts.data + (register & 3), width);
  }

  setCfg(width: Width, register: number, value: number): void {
    this.machine.ioWrite(configPorts.address, 4, configPorts.enable + SLOT * 256 + (register & 0xfc));
    this.machine.ioWrite(configPorts.data + (register & 3), width, value);
  }

  /** Base address of a BAR, as configuration space shows it. */
  bar(index: number): number {
    const low = this.cfg(4, 0x10 + 4 * index);
    if ((low & 1) !== 0) return low & ~3;
    const high = (low & 4) !== 0 ? this.cfg(4, 0x14 + 4 * index) : 0;
    return high * 2 ** 32 + (low - (low & 15));
  }

  /** Offset of the first capability with that id, or of the virtio structure of that type. */
  capability(id: number, structure?: number): number {
    let at = this.cfg(1, 0x34);
    while (at !== 0 && (this.cfg(1, at) !== id || (structure ?? this.cfg(1, at + 3)) !== this.cfg(1, at + 3)))
      at = this.cfg(1, at + 1);
    return at;
  }
}

/** A block of registers at a base: ports or memory. */
export class Block {
  readonly #read: (at: number, width: Width) => number;
  readonly #write: (at: number, width: Width, value: number) => void;

  constructor(subject: Subject, space: 'io' | 'memory', base: number) {
    const { machine } = subject;
    this.#read =
      space === 'io'
        ? (at, width) => machine.ioRead(base + at, width)
        : (at, width) => machine.memoryRead(base + at, width);
    this.#write =
      space === 'io'
        ? (at, width, value) => machine.ioWrite(base + at, width, value)
        : (at, width, value) => machine.memoryWrite(base + at, width, value);
  }

  b = (at: number) => this.#read(at, 1);
  w = (at: number) => this.#read(at, 2);
  l = (at: number) => this.#read(at, 4);
  setB = (at: number, value: number) => this.#write(at, 1, value);
  setW = (at: number, value: number) => this.#write(at, 2, value);
  setL = (at: number, value: number) => this.#write(at, 4, value);

  /** `length` bytes from `at`, read with one width. */
  bytes(at: number, length: number, width: Width): number[] {
    return Array.from({ length }, (_, i) => {
      const value = this.#read(at + i - (i % width), width);
      return Math.floor(value / 2 ** (8 * (i % width))) % 256;
    });
  }
}
