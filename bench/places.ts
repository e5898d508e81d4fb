import { type FunctionAddress, functionAddress } from '../src/core/index.ts';
import { runFirmware } from '../src/driver/index.ts';
import { Bridge, Machine } from '../src/pci/index.ts';
import { EntropyDevice, virtioFunction } from '../src/virtio/index.ts';
import type { Contest } from './frame.ts';
import { WorkloadError } from './workload.ts';

const DEVICES = 31;
const FUNCTIONS = 8;
/** One of the many, and its memory BAR. */
const MOVED = functionAddress(0, 20, 3);

/** A bus with as many functions as it takes beside its host bridge. */
function fullBus(): Machine {
  const machine = new Machine();
  for (let device = 1; device <= DEVICES; device++)
    for (let fn = 0; fn < FUNCTIONS; fn++) {
      const { pci } = virtioFunction(new EntropyDevice(), { kind: 'transitional' });
      machine.plug(pci, functionAddress(0, device, fn));
    }
  return machine;
}

const BUS_FUNCTIONS = 256;
/** From the root bus down to the functions: a switch, and behind its port a bus of many. */
const CHAIN = ['root-port', 'upstream-port', 'downstream-port', 'express-to-pci'] as const;

/** A machine with so many functions, each 256 of them behind four bridges. */
function behindBridges(functions: number): Machine {
  const machine = new Machine();
  for (let block = 0; block * BUS_FUNCTIONS < functions; block++) {
    let behind: Bridge | null = null;
    for (const kind of CHAIN) {
      const bridge: Bridge = new Bridge({ kind });
      machine.plug(bridge, behind === null ? functionAddress(0, block + 1) : { behind });
      behind = bridge;
    }
    for (let nth = 0; nth < BUS_FUNCTIONS; nth++) {
      const { pci } = virtioFunction(new EntropyDevice(), { kind: 'modern' });
      machine.plug(pci, { behind: behind!, device: nth >> 3, function: nth & 7 });
    }
  }
  return machine;
}

/** Milliseconds in which firmware numbers the buses, opens the windows and places so many functions behind bridges. */
export function bringUpBehindBridges(functions: number): number {
  const machine = behindBridges(functions);
  const started = performance.now();
  const found = runFirmware(machine);
  const took = performance.now() - started;
  const placed = found.filter(({ bridge, bars }) => bridge === null && bars.length > 0);
  if (placed.length !== functions) throw new WorkloadError(`firmware: ${placed.length} placed`);
  for (const { bars } of [placed[0]!, placed.at(-1)!])
    if (machine.memoryRead(bars[0]!.address, 4) === 0xffffffff)
      throw new WorkloadError('a function does not answer where firmware put it');
  return took;
}

/** Milliseconds in which firmware finds and places 248 functions on one bus. */
export const prepareFirmware = (budgetMs: number): Contest => ({
  ours: () => {
    const machine = fullBus();
    const started = performance.now();
    const found = runFirmware(machine);
    const took = performance.now() - started;
    if (found.length !== DEVICES * FUNCTIONS + 1) throw new WorkloadError(`firmware: ${found.length} found`);
    return took;
  },
  baseline: () => budgetMs,
});

/** Milliseconds in which one BAR among those of 248 functions is moved, and found where it is. */
export function prepareMove(budgetMs: number, moves = 50): Contest {
  const machine = fullBus();
  const fn: FunctionAddress = MOVED;
  const { bars } = runFirmware(machine).find(({ address }) => address === fn)!;
  const bar = bars.find(({ kind }) => kind !== 'io')!;
  const register = 0x10 + 4 * bar.index;
  const places = [bar.address, 0xd8000000];
  return {
    ours: () => {
      const started = performance.now();
      for (let move = 1; move <= moves; move++) {
        machine.configWrite(fn, register, 4, places[move % 2]!);
        if (machine.memoryRead(places[move % 2]!, 4) === 0xffffffff)
          throw new WorkloadError(`BAR${bar.index} does not answer where it was moved`);
      }
      return (performance.now() - started) / moves;
    },
    baseline: () => budgetMs,
  };
}
