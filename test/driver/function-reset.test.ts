import { describe, expect, it } from 'vitest';
import {
  FunctionGoneError,
  findFunction,
  NoAnswerError,
  NoFunctionResetError,
  resetFunction,
  runFirmware,
} from '../../src/driver/index.ts';
import { addScratch, at, bareFunction, configOf, SLOT, smallMachine } from '../pci/support.ts';

const plugged = (express: boolean) => {
  const machine = smallMachine();
  const fn = bareFunction({ express });
  addScratch(fn, 0, 'memory32', 0x1000);
  machine.plug(fn, SLOT);
  runFirmware(machine);
  return { machine, fn, found: findFunction(machine, SLOT)! };
};

describe('resetting one function', () => {
  it('leaves it as after power-on', () => {
    const { machine, fn, found } = plugged(true);
    let resets = 0;
    fn.onReset.push(() => resets++);
    configOf(machine).command(7);
    resetFunction(machine, found);
    expect([
      resets,
      configOf(machine).read(at.command, 2),
      findFunction(machine, SLOT)!.bars[0]!.address,
    ]).toEqual([1, 0, 0]);
  });

  it('stops its bus mastering first', () => {
    const { machine, fn, found } = plugged(true);
    configOf(machine).command(6);
    const seen: boolean[] = [];
    fn.onReset.push(() => seen.push(fn.busMaster));
    resetFunction(machine, found);
    expect(seen).toEqual([false]);
  });

  it('is refused where the function has no such reset', () => {
    const { machine, found } = plugged(false);
    expect(() => resetFunction(machine, found)).toThrow(NoFunctionResetError);
    expect(() => resetFunction(machine, found)).toThrow('00:04.0 has no function-level reset');
    const { machine: other, fn, found: express } = plugged(true);
    // Device capabilities without the bit.
    const capability = express.capabilities.find(({ id }) => id === 0x10)!.offset;
    fn.config.set(capability + 4, 4, 0x8000);
    expect(() => resetFunction(other, express)).toThrow(NoFunctionResetError);
  });

  it('ends where the function is gone, or does not come back', () => {
    const { machine, found } = plugged(true);
    const { configRead } = machine;
    machine.configRead = (fn, offset, width) =>
      offset === at.command && width === 4 ? 0xffffffff : configRead.call(machine, fn, offset, width);
    expect(() => resetFunction(machine, found, { patience: 3 })).toThrow(NoAnswerError);
    machine.configRead = configRead;
    machine.unplug(SLOT);
    expect(() => resetFunction(machine, found)).toThrow(FunctionGoneError);
  });
});
