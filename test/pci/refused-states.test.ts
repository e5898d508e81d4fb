import { describe, expect, it, test } from 'vitest';
import { GuestMemory, StateMismatchError } from '../../src/core/index.ts';
import { Machine } from '../../src/pci/index.ts';
import { addScratch, bareFunction, configOf, SLOT } from './support.ts';

/*
 * Whoever is refused a state has to find what is wrong in it: the error names the place, and what would be right.
 */

const [MSIX, POWER, EXPRESS] = [0x7c, 0x88, 0x40];

const ram = () => GuestMemory.allocate({ start: 0, length: 0x1000 }, { start: 2 ** 32, length: 0x1000 });

/** A machine whose function has everything that a state can say of one; a write to it is on its way, and two messages wait. */
function make() {
  const machine = new Machine({ ram: ram(), holdPostedWrites: true });
  const fn = bareFunction({ express: true });
  addScratch(fn, 0, 'memory32', 64);
  fn.addMsix(1, 3);
  fn.addPowerManagement();
  machine.plug(fn, SLOT);
  for (const entry of [0, 1]) machine.interrupts.allocateMessage(() => {}, { fn: SLOT, entry });
  const config = configOf(machine);
  config.setBar(0, 0xc0000000);
  config.setBar(1, 0xd0000000);
  config.command(2);
  config.write(MSIX + 2, 2, 0x8000);
  for (const vector of [0, 1]) fn.msix!.trigger(vector);
  machine.memoryWrite(0xc0000004, 2, 7);
  return { machine, fn };
}

/** A machine's state, where everything may be changed. */
interface Saved {
  ram: { start: number; bytes: Uint8Array }[];
  configPorts: { address: number; resetControl: number };
  functions: { address: number; state: SavedFunction }[];
  posted: { function: number; value: number }[];
  messages: { owned: { entry: number; vector: number }[]; pending: number[] };
}
interface SavedFunction {
  config: Uint8Array;
  msix: { entries: Uint8Array; claims: { cause: number; vector: number }[] } | null;
}
const savedBy = (machine: Machine) => structuredClone(machine.save()) as unknown as Saved;
/** The state of the function at SLOT, behind the host bridge's. */
const functionOf = (saved: Saved) => saved.functions[1]!.state;

const FUNCTION = 'machine.functions[1].state';

const wrong: readonly [part: string, expected: string, change: (saved: Saved) => void][] = [
  ['machine.ram.length', '2', (s) => void s.ram.pop()],
  ['machine.ram[1].start', '4294967296', (s) => void (s.ram[1]!.start = 0)],
  ['machine.ram[0].bytes.length', '4096', (s) => void (s.ram[0]!.bytes = new Uint8Array(5))],
  ['machine.configPorts.address', 'no reserved bits', (s) => void (s.configPorts.address = 1)],
  ['machine.configPorts.resetControl', 'no reserved bits', (s) => void (s.configPorts.resetControl = 0x80)],
  ['machine.functions.length', '2', (s) => void s.functions.pop()],
  ['machine.functions[1].address', '32', (s) => void (s.functions[1]!.address = 40)],
  ['machine.posted[0].function', 'the address of a function', (s) => void (s.posted[0]!.function = 0x28)],
  ['machine.posted[0].value', 'at most 65535', (s) => void (s.posted[0]!.value = 0x10000)],
  [
    'machine.messages.owned[1].entry',
    'an entry that has one vector',
    (s) => void (s.messages.owned[1]!.entry = 0),
  ],
  [
    'machine.messages.owned[1].vector',
    'a vector of one entry',
    (s) => void (s.messages.owned[1]!.vector = 0),
  ],
  ['machine.messages.pending[1]', 'a vector that is listed once', (s) => void (s.messages.pending = [9, 9])],
  [
    'machine.messages.owned[1].vector',
    'the vector of one who takes messages of 00:04.0, entry 2, here too',
    (s) => void (s.messages.owned[1]!.entry = 2),
  ],
  [
    'machine.messages.pending[0]',
    'a vector that nobody here has taken for others',
    (s) => void (s.messages = { owned: [], pending: [1] }),
  ],
  [`${FUNCTION}.config[9]`, '2 in the bits 255', (s) => void (functionOf(s).config[9] = 3)],
  [
    `${FUNCTION}.config[6]`,
    'an interrupt status of false, as the pin has',
    (s) => void (functionOf(s).config[6]! |= 8),
  ],
  [
    `${FUNCTION}.config[${POWER + 4}]`,
    'power state 0 or 3',
    (s) => void (functionOf(s).config[POWER + 4]! |= 2),
  ],
  [`${FUNCTION}.config[${EXPRESS + 9}] & 128`, '0', (s) => void (functionOf(s).config[EXPRESS + 9]! |= 0x80)],
  [`${FUNCTION}.msix`, 'a table', (s) => void (functionOf(s).msix = null)],
  [`${FUNCTION}.msix.entries.length`, '48', (s) => void (functionOf(s).msix!.entries = new Uint8Array(32))],
  [`${FUNCTION}.msix.entries[28]`, 'no reserved bits', (s) => void (functionOf(s).msix!.entries[28] = 3)],
  [
    `${FUNCTION}.msix.claims[1].cause`,
    'a cause that waits once',
    (s) => void (functionOf(s).msix!.claims[1]!.cause = -1),
  ],
  [
    `${FUNCTION}.msix.claims[1].vector`,
    'a vector below 3',
    (s) => void (functionOf(s).msix!.claims[1]!.vector = 3),
  ],
];

describe('a state that no machine can have', () => {
  test.each(wrong)('is refused by the place of what is wrong: %s, %s', (part, expected, change) => {
    const state = savedBy(make().machine);
    change(state);
    const { machine } = make();
    const before = machine.save();
    const load = () => machine.load(state as never);
    expect(load).toThrow(StateMismatchError);
    expect(load).toThrow(expect.objectContaining({ part, expected }));
    expect(machine.save()).toEqual(before);
  });

  it('is refused where it brings a table to a function without one', () => {
    const machine = new Machine({ ram: ram() });
    machine.plug(bareFunction(), SLOT);
    const state = savedBy(machine);
    functionOf(state).msix = functionOf(savedBy(make().machine)).msix;
    const load = () => machine.load(state as never);
    expect(load).toThrow(StateMismatchError);
    expect(load).toThrow(expect.objectContaining({ part: `${FUNCTION}.msix`, expected: 'none' }));
  });
});

describe('a state that is taken', () => {
  it('stays what it was, whatever happens to the machine afterwards', () => {
    const state = savedBy(make().machine);
    const before = structuredClone(state);
    const { machine, fn } = make();
    machine.load(state as never);
    machine.configWrite(SLOT, 0x0c, 1, 0x40);
    machine.configWrite(SLOT, 0x3c, 1, 9);
    machine.memoryWrite(0x100, 4, 0xffffffff);
    machine.memoryWrite(0xd0000008, 4, 0x1234);
    fn.msix!.trigger(2);
    machine.pause();
    machine.unplug(SLOT);
    expect(state).toEqual(before);
  });
});
