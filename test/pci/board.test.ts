import { describe, expect, it, test } from 'vitest';
import {
  AddressSpace,
  DmaDomain,
  GuestMemory,
  immediate,
  type LabEvent,
  StateMismatchError,
} from '../../src/core/index.ts';
import { Board, type BoardWiring, IO_BYTES, type PciFunction, PlaceError } from '../../src/pci/index.ts';
import { EntropyDevice, virtioFunction } from '../../src/virtio/index.ts';
import { addScratch, at, bareFunction, configOf, SLOT, smallMachine, watch } from './support.ts';

const MEMORY = 2;

/** A board by itself, with a log of what it asks of its host. */
function bareBoard(wiring: Partial<BoardWiring> = {}) {
  const log: string[] = [];
  const ram = GuestMemory.allocate({ start: 0, length: 4096 });
  const board = new Board({
    io: new AddressSpace('I/O', IO_BYTES),
    memory: new AddressSpace('memory', 2 ** 40),
    scheduler: immediate,
    message: (source, low, high, data) => log.push(`message ${source} ${low.toString(16)} ${high} ${data}`),
    arrive: (fn) => log.push(`arrive ${fn.name}`),
    ...wiring,
  });
  const plug = (fn: PciFunction, address: number) =>
    board.plug(fn, address, new DmaDomain(ram), {
      line: 7,
      set: (asserted) => log.push(asserted ? 'up' : 'down'),
    });
  return { board, log, ram, plug };
}

describe('a board', () => {
  it('gives functions their lines and messages, as its host wires them', () => {
    const { board, log, plug, ram } = bareBoard();
    const fn = bareFunction();
    plug(fn, SLOT);
    expect([board.slots, board.configRead(SLOT, at.line, 1)]).toEqual([['00:04.0'], 7]);
    log.length = 0;
    fn.setInterrupt(true);
    fn.slot.sendMessage(0xfee01000, 0, 5);
    fn.slot.sendMessage(0x10, 0, 0x04030201);
    fn.setInterrupt(false);
    expect(log).toEqual(['up', 'message 32 fee01000 0 5', 'down']);
    expect([...ram.read(0x10, 4)]).toEqual([1, 2, 3, 4]);
  });

  it('sends vectors by their numbers where its host keeps the tables, whatever the masks in them', () => {
    const sent: string[] = [];
    const { plug, log } = bareBoard({ vector: (source, vector) => sent.push(`${source} ${vector}`) });
    const fn = bareFunction();
    const msix = fn.addMsix(0, 4);
    plug(fn, SLOT);
    msix.trigger(2);
    // Enabled, function mask set; every entry is masked as after a reset, and the bus is not mastered.
    fn.configWrite(0x42, 2, 0xc000);
    log.length = 0;
    msix.trigger(2);
    msix.trigger(3);
    msix.hold();
    msix.trigger(1);
    expect([sent, log, msix.isPending(2), msix.isPending(1)]).toEqual([['32 2', '32 3'], [], false, true]);
    msix.release();
    expect([sent.at(-1), msix.isPending(1)]).toEqual(['32 1', false]);
  });

  it('lets writes arrive before a function is configured or taken away, and answers ones for nobody', () => {
    const { board, log, plug } = bareBoard();
    plug(bareFunction(), SLOT);
    log.length = 0;
    board.configRead(SLOT, 0, 4);
    board.configWrite(SLOT, at.command, 2, 0);
    expect(board.configRead(SLOT + 8, 0, 4)).toBe(0xffffffff);
    board.configWrite(SLOT + 8, 0, 4, 1);
    expect(board.unplug(SLOT)?.name).toBe('scratch');
    expect(board.unplug(SLOT)).toBeUndefined();
    expect(log).toEqual(Array(3).fill('arrive scratch'));
  });

  it('refuses to watch what is not there, or is watched', () => {
    const { board, plug } = bareBoard();
    const nobody = { moved() {}, removed() {}, loading() {}, loaded() {}, resume() {} };
    expect(() => board.watchFunction(SLOT, nobody)).toThrow(PlaceError);
    plug(bareFunction(), SLOT);
    board.watchFunction(SLOT, nobody)();
    board.watchFunction(SLOT, nobody);
    expect(() => board.watchFunction(SLOT, nobody)).toThrow(PlaceError);
  });
});

it('the functions of a board are refused by name, where a host has no name for them', () => {
  const [{ board, plug }, { board: other }] = [bareBoard(), bareBoard()];
  plug(bareFunction(), SLOT);
  expect(() => other.check(board.save())).toThrow(StateMismatchError);
  expect(() => other.check(board.save())).toThrow(expect.objectContaining({ part: 'functions.length' }));
});

describe('a reset of the machine', () => {
  const programmed = () => {
    const machine = smallMachine({ holdPostedWrites: true });
    const fn = bareFunction();
    const target = addScratch(fn, 0, 'memory32', 64);
    machine.plug(fn, SLOT);
    const config = configOf(machine);
    config.setBar(0, 0xc0000000);
    config.command(MEMORY);
    return { machine, fn, target, config };
  };

  test.each([
    ['reset()', (machine: ReturnType<typeof smallMachine>) => machine.reset()],
    ['0x06 at port 0xCF9', (machine: ReturnType<typeof smallMachine>) => machine.ioWrite(0xcf9, 1, 6)],
    ['0x0e at port 0xCF9', (machine: ReturnType<typeof smallMachine>) => machine.ioWrite(0xcf9, 1, 0xe)],
  ])('by %s: functions are as after power-on, writes on their way are lost, RAM stays', (_, reset) => {
    const { machine, fn, target, config } = programmed();
    machine.ram.write(16, Uint8Array.of(9));
    machine.ioWrite(0xcf8, 4, 0x80002010);
    machine.memoryWrite(0xc0000000, 4, 7);
    reset(machine);
    expect([fn.bars[0]!.mappedAt, config.read(at.command, 2), config.read(at.bar, 4)]).toEqual([null, 0, 0]);
    expect([machine.ioRead(0xcf8, 4), machine.ioRead(0xcf9, 1), machine.ram.read(16, 1)[0]]).toEqual([
      0, 0, 9,
    ]);
    machine.pause();
    expect(target.log).toEqual([]);
  });

  it('happens when the bit rises, not before and not again', () => {
    const { machine, config } = programmed();
    machine.ioWrite(0xcf9, 1, 2);
    expect([machine.ioRead(0xcf9, 1), config.read(at.command, 2)]).toEqual([2, MEMORY]);
    machine.ioWrite(0xcf9, 2, 6);
    machine.ioWrite(0xcf8, 4, 6);
    expect(config.read(at.command, 2)).toBe(MEMORY);
    machine.ioWrite(0xcf9, 1, 6);
    expect(config.read(at.command, 2)).toBe(0);
  });

  it('forgets messages that nobody has taken yet, and resets devices', () => {
    const machine = smallMachine();
    const { pci, device } = virtioFunction(new EntropyDevice(), { kind: 'legacy' });
    machine.plug(pci, SLOT);
    configOf(machine).setBar(0, 0xc000);
    configOf(machine).command(1);
    machine.ioWrite(0xc012, 1, 1);
    expect(device.status).toBe(1);
    const events: LabEvent[] = watch(machine);
    machine.reset();
    expect([device.status, machine.interrupts.pendingVectors]).toEqual([0, []]);
    expect(events.filter(({ kind }) => kind === 'finding')).toEqual([]);
  });
});
