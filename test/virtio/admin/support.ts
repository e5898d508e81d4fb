import { findFunction, runFirmware } from '../../../src/driver/index.ts';
import {
  Administration,
  type AdministrationOptions,
  type DeviceBehaviour,
  type GroupListener,
  type GroupMember,
  type MemberGroup,
  type VirtioFunction,
  type VirtioFunctionOptions,
  virtioFunction,
} from '../../../src/virtio/index.ts';
import { BUFFERS, type GuestOptions, ModernGuest } from '../support/guests.ts';
import { Probe, type ProbeOptions } from '../support/probe.ts';
import type { RawRing } from '../support/ring.ts';

export const ADMIN_VQ = 41;
export const SELF = 0;
export const SRIOV = 1;

/** A group that a test has in its hands. */
export class HandMadeGroup implements MemberGroup {
  #enabled = true;
  bar0 = false;
  listener: GroupListener | null = null;
  members: readonly GroupMember[];
  /** NumVFs, where it is not the number of the members. */
  numVfs: number | null = null;

  constructor(members: readonly GroupMember[] = []) {
    this.members = members;
  }

  get enabled(): boolean {
    return this.#enabled;
  }

  /** VF Enable. */
  set enabled(on: boolean) {
    const ends = this.#enabled && !on;
    this.#enabled = on;
    if (ends) this.listener?.groupEnds();
  }

  get count(): number {
    return this.numVfs ?? this.members.length;
  }

  member(id: number): GroupMember {
    return this.members[id - 1]!;
  }
}

/** A command as the driver sends it; what is left out is 0, or as it should be. */
export interface Command {
  readonly opcode: number;
  readonly group?: number;
  readonly member?: number;
  /** Upper half of the member's number. */
  readonly memberHigh?: number;
  readonly reserved?: readonly number[];
  readonly data?: readonly number[];
  /** Bytes for the result. */
  readonly room?: number;
  /** Lengths of the parts, where they are not what the rest makes them. */
  readonly readable?: number;
  readonly writable?: number;
}

export interface Answer {
  readonly status: number;
  readonly qualifier: number;
  readonly result: readonly number[];
  /** Used length. */
  readonly used: number;
  /** The whole writable part: what was there before is 0xee. */
  readonly raw: readonly number[];
}

export const little = (value: number, width: number): number[] =>
  Array.from({ length: width }, (_, i) => Math.floor(value / 2 ** (8 * i)) % 256);

/** The readable part, byte by byte as the specification draws it. */
export function commandBytes(command: Command): number[] {
  const { opcode, group = SRIOV, member = 0, memberHigh = 0, reserved = new Array(12).fill(0) } = command;
  const data = command.data ?? [];
  const head = [...little(opcode, 2), ...little(group, 2), ...reserved];
  return [...head, ...little(member, 4), ...little(memberHigh, 4), ...data];
}

/** Where the parts of the command in hand lie. */
export const COMMAND_AT = BUFFERS;
export const ANSWER_AT = BUFFERS + 0x10000;
const POISON = 0xee;
/** Where guests of the tests put rings. */
const RINGS = { start: 0x10000, end: BUFFERS };

export interface AdminGuestOptions extends GuestOptions {
  readonly probe?: ProbeOptions;
  readonly administration?: never;
  readonly admin?: AdministrationOptions;
  readonly features?: readonly number[];
}

/** A guest with a device that owns groups, its first administration queue set up. */
export class AdminGuest extends ModernGuest {
  readonly probe: Probe;
  readonly administration: Administration;
  /** By queue number. */
  readonly rings = new Map<number, RawRing>();
  readonly #features: readonly number[];

  constructor({ probe = {}, admin = {}, features = [], ...options }: AdminGuestOptions = {}) {
    const behaviour = new Probe(probe);
    const administration = new Administration(admin);
    super(behaviour, { kind: 'modern', ...options, administration });
    this.probe = behaviour;
    this.administration = administration;
    this.#features = [ADMIN_VQ, ...features];
    this.restart();
  }

  /** Resets the device, and sets its administration queues up anew. */
  restart(): void {
    this.block.set('deviceStatus', 0);
    this.machine.ram.write(RINGS.start, new Uint8Array(RINGS.end - RINGS.start));
    const queues = this.administration.queueSizes.map((_, i) => this.firstQueue + i);
    for (const [i, ring] of this.start(this.#features, queues, 8).entries()) this.rings.set(queues[i]!, ring);
    this.events.length = 0;
  }

  get firstQueue(): number {
    return this.probe.queueSizes.length;
  }

  /** Puts a command into a ring, without a kick. */
  put(command: Command, queue = this.firstQueue, slot = 0): void {
    const { ram } = this.machine;
    const bytes = commandBytes(command);
    const readable = command.readable ?? bytes.length;
    const writable = command.writable ?? 8 + (command.room ?? 0);
    const at = { command: COMMAND_AT + 0x1000 * slot, answer: ANSWER_AT + 0x1000 * slot };
    ram.write(
      at.command,
      Uint8Array.from({ length: Math.max(1, readable) }, (_, i) => bytes[i] ?? 0),
    );
    ram.write(at.answer, new Uint8Array(writable + 16).fill(POISON));
    const parts = [
      ...(readable > 0 ? [{ address: at.command, length: readable }] : []),
      ...(writable > 0 ? [{ address: at.answer, length: writable, flags: 2 }] : []),
    ];
    const ring = this.rings.get(queue)!;
    ring.chain(2 * slot, parts);
    ring.offer(2 * slot);
  }

  /** What stands in the answer of a slot, of which the device says that it wrote `used` bytes. */
  answer(used: number, slot = 0, writable = used): Answer {
    const raw = [...this.machine.ram.read(ANSWER_AT + 0x1000 * slot, Math.max(writable, 4))];
    const [status, qualifier] = [raw[0]! + 256 * raw[1]!, raw[2]! + 256 * raw[3]!];
    return { status, qualifier, result: raw.slice(8, Math.max(8, used)), used, raw };
  }

  /** Sends one command, and waits for nothing: it is answered at once. */
  send(command: Command, queue = this.firstQueue): Answer {
    const ring = this.rings.get(queue)!;
    const before = ring.usedIndex;
    this.put(command, queue);
    this.kick(queue);
    if (ring.usedIndex !== ((before + 1) & 0xffff)) throw new Error('the command was not answered');
    const [, used] = ring.used(1)[0]!;
    return this.answer(used, 0, command.writable ?? 8 + (command.room ?? 0));
  }

  /** The list of a group type. */
  list(group: number): number {
    const { result } = this.send({ opcode: 0, group, room: 8 });
    return result[0]! + 256 * result[1]! + 65536 * result[2]!;
  }

  /** Asks for all commands of a group type, and uses them. */
  useAll(group: number): void {
    const { status } = this.send({ opcode: 1, group, data: little(this.list(group), 8) });
    if (status !== 0) throw new Error(`LIST_USE: status ${status}`);
  }
}

/** [status, qualifier] */
export const outcome = ({ status, qualifier }: Answer): [number, number] => [status, qualifier];
export const OK: [number, number] = [0, 0];
export const EINVAL = {
  command: [22, 1],
  opcode: [22, 2],
  field: [22, 3],
  group: [22, 4],
  member: [22, 5],
} as const;

/** A virtual function as its owner's commands reach it: modern, in the guest's machine, its BARs assigned. */
export class MemberUnderTest {
  readonly fn: VirtioFunction;
  readonly #guest: ModernGuest;

  constructor(
    guest: ModernGuest,
    behaviour: DeviceBehaviour,
    slot: number,
    options: Partial<VirtioFunctionOptions> = {},
  ) {
    this.#guest = guest;
    this.fn = virtioFunction(behaviour, { kind: 'modern', legacyCommands: true, ...options });
    guest.machine.plug(this.fn.pci, slot);
    this.#slot = slot;
    runFirmware(guest.machine);
    guest.machine.configWrite(slot, 4, 2, 7);
  }

  readonly #slot: number;
  readonly #bars = new Map<number, number>();

  /** Enables or disables its MSI-X. */
  set msix(on: boolean) {
    const { machine } = this.#guest;
    const found = findFunction(machine, this.#slot)!;
    const at = found.capabilities.find(({ id }) => id === 0x11)!.offset;
    machine.configWrite(this.#slot, at + 2, 2, on ? 0x8000 : 0);
  }

  /** Enables MSI-X, every vector aimed at the machine and unmasked: messages are `message <vector>`. */
  unmask(): void {
    const { vectors } = this.fn.pci.msix!;
    for (let vector = 0; vector < vectors; vector++) {
      const entry = this.bar(1) + 16 * vector;
      for (const [i, value] of [0xfee00000, 0, vector, 0].entries())
        this.#guest.machine.memoryWrite(entry + 4 * i, 4, value);
    }
    this.msix = true;
  }

  /** Address of one of its BARs. */
  bar(index: number): number {
    const known = this.#bars.get(index);
    if (known !== undefined) return known;
    const { bars } = findFunction(this.#guest.machine, this.#slot)!;
    const { address } = bars.find((bar) => bar.index === index)!;
    this.#bars.set(index, address);
    return address;
  }
}
