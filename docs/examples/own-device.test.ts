import assert from 'node:assert/strict';
import { test } from 'node:test';
import { conform, type Subject } from 'virtiolab/conformance';
import { functionAddress } from 'virtiolab/core';
import { runFirmware } from 'virtiolab/driver';
import { deviceTypes } from 'virtiolab/layout';
import { Machine, machineTarget } from 'virtiolab/pci';
import {
  type Chain,
  type DeviceBehaviour,
  DeviceConfig,
  type DevicePort,
  virtioFunction,
} from 'virtiolab/virtio';

/** The device under test: an entropy device that throws dice. */
class Dice implements DeviceBehaviour {
  readonly type = deviceTypes.find(({ name }) => name === 'entropy')!;
  readonly features = [];
  readonly queueSizes = [16];
  readonly config = new DeviceConfig({});
  #device!: DevicePort;
  attach(device: DevicePort): void {
    this.#device = device;
  }
  handle(chain: Chain): void {
    const thrown = Uint8Array.from({ length: chain.writableBytes }, () => 1 + Math.floor(6 * Math.random()));
    chain.write(0, thrown, 0, thrown.length);
    this.#device.complete(chain, this.told(thrown.length));
  }
  /** The used length. */
  told(thrown: number): number {
    return thrown;
  }
  reset(): void {}
  save = () => null;
  load(): void {}
}

/** What the suite has to know: where the function is, how it is driven, and which RAM may be used. */
function open(behaviour: DeviceBehaviour): Subject {
  const [machine, place] = [new Machine(), functionAddress(0, 4)];
  machine.plug(virtioFunction(behaviour, { kind: 'modern' }).pci, place);
  runFirmware(machine);
  return {
    target: machineTarget(machine, place),
    type: behaviour.type,
    settings: ['modern'],
    memory: { start: 0x100000, end: 0x300000 },
    hands: {},
    patience: 120,
  };
}

/** What breaks a clause: a line each. */
async function broken(make: () => DeviceBehaviour): Promise<string[]> {
  const lines: string[] = [];
  const source = { name: 'dice', cheap: true, open: () => open(make()) };
  for await (const result of conform(source, { witness: false }))
    if (result.outcome === 'FAIL' || result.recovers === false)
      lines.push(`${result.check}: ${result.clause}, ${result.seen}`);
  return lines;
}

test('the dice break no clause', async () => {
  assert.deepEqual(await broken(() => new Dice()), []);
});

test('dice that do not say what they threw are found', async () => {
  class SilentDice extends Dice {
    override told = () => 0;
  }
  assert.ok((await broken(() => new SilentDice())).some((line) => line.includes('RNG-03')));
});
