import { capabilityId, command, msixCapability, powerManagement } from '../../../src/pci/layout/index.ts';
import { applyEdit, type RegisterAccess } from '../../../src/testing/index.ts';
import {
  commonConfig,
  descriptorFlag,
  deviceStatus,
  legacyRingLayout,
} from '../../../src/virtio/layout/index.ts';
import type { Operation } from './operations.ts';
import { BUFFER_SLOT, BUFFERS, INDIRECT_TABLE, STRUCTURES_BASE, type World } from './worlds.ts';

const messageControl = (world: World, fn: number) =>
  world.capability(fn, capabilityId.msix, msixCapability.messageControl.offset);

/** More ports than any block has. */
const BLOCK_PORTS = 0x100;

type Guest = Pick<World['guest'], 'ioRead' | 'ioWrite' | 'memoryRead' | 'memoryWrite'>;

function port(guest: Guest, base: number, { offset, width, value }: RegisterAccess): number[] {
  if (value === null) return [guest.ioRead((base + offset) & 0xffff, width)];
  guest.ioWrite((base + offset) & 0xffff, width, value);
  return [];
}

/** The start of a legacy driver (LEG-INIT-01), with everything read back that it may read. */
function bringUp(world: World, operation: Operation & { do: 'bring-up' }): number[] {
  const { guest, setup } = world;
  const { fn, place, features, messages } = operation;
  const address = world.addresses[fn]!;
  const base = world.ioBase(fn);
  const read: number[] = [];
  const set = (offset: number, width: 1 | 2 | 4, value: number) => {
    guest.ioWrite(base + offset, width, value);
    read.push(guest.ioRead(base + offset, width));
  };
  set(0x12, 1, 0);
  set(0x12, 1, deviceStatus.acknowledge);
  set(0x12, 1, deviceStatus.acknowledge | deviceStatus.driver);
  const offered = guest.ioRead(base, 4);
  set(0x04, 4, (offered & features) >>> 0);
  guest.configWrite(address, messageControl(world, fn), 2, messages === null ? 0 : 0x8000);
  world.places[fn] = place;
  if (messages !== null) {
    const last = Math.min(1, (setup.vectors ?? 2) - 1);
    for (let entry = 0; entry <= last; entry++)
      vector(world, fn, entry, messages + 4 * entry, 2 * fn + entry, false);
    set(0x14, 2, 0);
  }
  for (const [nth, queue] of world.queues(fn).entries()) {
    const page = world.page(fn, nth);
    guest.ram.fill(page * 4096, legacyRingLayout(world.queueSize(fn, nth)).total, 0);
    set(0x0e, 2, queue);
    read.push(guest.ioRead(base + 0x0c, 2));
    set(0x08, 4, page);
    if (messages !== null) set(0x16, 2, Math.min(1, (setup.vectors ?? 2) - 1));
  }
  set(0x0e, 2, world.queues(fn)[0]!);
  read.push(offered);
  set(0x12, 1, deviceStatus.acknowledge | deviceStatus.driver | deviceStatus.driverOk);
  return read;
}

function vector(
  world: World,
  fn: number,
  entry: number,
  address: number,
  data: number,
  masked: boolean,
): void {
  const at = world.memoryBase(fn) + 16 * entry;
  for (const [offset, value] of [
    [0, address],
    [4, 0],
    [8, data],
    [12, masked ? 1 : 0],
  ] as const)
    world.guest.memoryWrite(at + offset, 4, value);
}

/** Puts a chain's bytes into memory, its descriptors into the table, and exposes it. */
function chain(world: World, operation: Operation & { do: 'chain' }): void {
  const { fn, nth, chain: each, slot, head, indirect, kick } = operation;
  const scribe = world.scribe(fn, nth);
  let at = BUFFERS + BUFFER_SLOT * slot;
  const buffer = (length: number, flags: number) => {
    const made = { addressLow: at, addressHigh: 0, length, flags, next: 0 };
    at += length;
    return made;
  };
  const descriptors = [
    ...each.readable.map((bytes) => {
      world.guest.ram.write(at, Uint8Array.from(bytes));
      return buffer(bytes.length, 0);
    }),
    ...each.writable.map((length) => buffer(length, descriptorFlag.write)),
  ];
  const first = head & (scribe.size - 1);
  applyEdit(
    scribe,
    { edit: 'chain', head: first, descriptors, indirect, request: null, back: null },
    INDIRECT_TABLE,
  );
  if (kick) world.guest.ioWrite(world.ioBase(fn) + 0x10, 2, each.queue);
}

/** Carries one of the guest's operations out. @returns the values that the guest read. */
export function perform(world: World, operation: Operation): number[] {
  const { guest } = world;
  switch (operation.do) {
    case 'port':
      return port(guest, world.ioBase(operation.fn), operation.access);
    case 'at-once': {
      const { fn, access, other, picks } = operation;
      const [own, another] = [world.ioBase(fn), world.ioBase(1 - fn)];
      const [first, second] = [() => port(guest, own, access), () => port(guest, another, other)];
      // Where their BARs overlap, one would depend on the other.
      const apart = Math.abs(own - another) >= BLOCK_PORTS;
      return apart ? world.atOnce(first, second, picks) : [...first(), ...second()];
    }
    case 'any-port':
      return port(guest, 0, operation.access);
    case 'config': {
      const { offset, width, value } = operation.access;
      const address = world.addresses[operation.fn]!;
      if (value === null) return [guest.configRead(address, offset, width)];
      guest.configWrite(address, offset, width, value);
      return [guest.configRead(address, offset, width)];
    }
    case 'table': {
      const { offset, width, value } = operation.access;
      const at = world.memoryBase(operation.fn) + offset;
      if (value === null) return [guest.memoryRead(at, width)];
      guest.memoryWrite(at, width, value);
      return [guest.memoryRead(at, width)];
    }
    case 'structure': {
      const { offset, width, value } = operation.access;
      const at = STRUCTURES_BASE + 0x10000 * operation.fn + offset;
      if (value === null) return [guest.memoryRead(at, width)];
      guest.memoryWrite(at, width, value);
      return [];
    }
    case 'power': {
      const address = world.addresses[operation.fn]!;
      const at = world.capability(
        operation.fn,
        capabilityId.powerManagement,
        powerManagement.controlStatus.offset,
      );
      guest.configWrite(address, at, 2, operation.state);
      return [guest.configRead(address, at, 2)];
    }
    case 'command':
      guest.configWrite(world.addresses[operation.fn]!, 0x04, 2, operation.bits);
      return [];
    case 'move':
      guest.configWrite(world.addresses[operation.fn]!, 0x10 + 4 * operation.bar, 4, operation.address);
      return [];
    case 'msix':
      guest.configWrite(
        world.addresses[operation.fn]!,
        messageControl(world, operation.fn),
        2,
        operation.control,
      );
      return [];
    case 'vector':
      vector(world, operation.fn, operation.entry, operation.address, operation.data, operation.masked);
      return [];
    case 'bring-up':
      return bringUp(world, operation);
    case 'chain':
      chain(world, operation);
      return [];
    case 'stimulus':
      // Without bus mastering an MMR function cannot send the message that stands for an interrupt (docs/translator.md).
      if ((guest.configRead(world.addresses[operation.fn]!, 0x04, 2) & command.busMaster) !== 0)
        world.devices[operation.fn]!.stimulate(operation.stimulus);
      return [];
    case 'ring':
      applyEdit(world.scribe(operation.fn, operation.nth), operation.edit, INDIRECT_TABLE);
      return [];
    case 'kick':
      guest.ioWrite(world.ioBase(operation.fn) + 0x10, 2, operation.queue);
      return [];
    case 'reset':
      guest.functions.get(world.addresses[operation.fn]!)!.reset();
      return [];
    default:
      return [];
  }
}

/**
 * All that a guest can read of its functions: configuration, ports of every width, table and pending bits, the modern
 * structures where there are any.
 */
export function survey(world: World): number[] {
  const { guest } = world;
  const seen: number[] = [guest.ioRead(0xcf8, 4)];
  for (const [index, address] of world.addresses.entries()) {
    for (let offset = 0; offset < 0x108; offset += 4) seen.push(guest.configRead(address, offset, 4));
    const table = world.memoryBase(index);
    for (let offset = 0; offset < 64; offset += 4)
      seen.push(guest.memoryRead(table + offset, 4), guest.memoryRead(table + 2048 + offset, 4));
    const base = world.ioBase(index);
    for (const width of [1, 2, 4] as const)
      for (let offset = 0; offset < 72; offset++) seen.push(guest.ioRead((base + offset) & 0xffff, width));
    const structures = STRUCTURES_BASE + 0x10000 * index;
    seen.push(guest.memoryRead(structures + commonConfig.configGeneration.offset, 1));
    for (let offset = 0; offset < 0x40; offset += 2)
      seen.push(guest.memoryRead(structures + offset, 2), guest.memoryRead(structures + 0x2000 + offset, 2));
  }
  return seen;
}
