import fc from 'fast-check';
import { Bench, type Subject } from 'virtiolab/conformance';
import { functionAddress } from 'virtiolab/core';
import { runFirmware } from 'virtiolab/driver';
import { Machine, machineTarget } from 'virtiolab/pci';
import { lifeCycle, lifeCycleCommands } from 'virtiolab/testing';
import { virtioFunction } from 'virtiolab/virtio';
import { it } from 'vitest';
import { LampDevice, lampType } from './lamp.ts';

/** The device under test: where its function is, how it is driven, and which RAM may be used. */
function lamp(): Subject {
  const [machine, place] = [new Machine(), functionAddress(0, 4)];
  machine.plug(virtioFunction(new LampDevice(), { kind: 'modern' }).pci, place);
  runFirmware(machine);
  return {
    target: machineTarget(machine, place),
    type: lampType,
    settings: ['modern'],
    memory: { start: 0x100000, end: 0x300000 },
    hands: {},
    patience: 120,
  };
}

it('lives as a device should, in whatever order a driver goes', async () => {
  const commands = fc.commands(lifeCycleCommands(), { maxCommands: 30, size: 'max' });
  const property = fc.asyncProperty(commands, async (list) => {
    const bench = new Bench(lamp(), 'modern');
    await fc.asyncModelRun(() => lifeCycle(bench), list);
  });
  await fc.assert(property, { numRuns: 20 });
});
