import { type FunctionAddress, formatFunctionAddress, functionAddress } from '../core/index.ts';
import {
  DmaMemory,
  enableVirtualFunctions,
  ModernTransport,
  runFirmware,
  VirtioDriver,
} from '../driver/index.ts';
import { draft2023, mmrVirtualFunctions } from '../mmr/index.ts';
import { FUNCTIONS, Machine } from '../pci/index.ts';
import { deviceTypes, type VirtioFunction, virtioFunction, virtualFunctions } from '../virtio/index.ts';
import { blockDemo } from './demos/block.ts';
import { BELOW_4_GIB, type EveryFunction } from './every-function.ts';

/** As many virtual functions of each of the two physical ones as their bus has places for. */
export const MOST_VIRTUAL = 100;

const kinds = {
  modern: (owner: VirtioFunction, total: number) =>
    virtualFunctions(owner, { total, make: blockDemo.sample }),
  [draft2023.name]: (owner: VirtioFunction, total: number) =>
    mmrVirtualFunctions(owner, { total, make: blockDemo.sample }),
} as const;

/** The driver of a physical function agrees on SR_IOV, which comes first (RF-11), and enables all virtual functions. */
function enable(machine: Machine, place: FunctionAddress, count: number) {
  const found = runFirmware(machine, { prefetchable64: BELOW_4_GIB }).find(
    ({ address }) => address === place,
  )!;
  const driver = new VirtioDriver(new ModernTransport(machine, found), new DmaMemory(machine.ram, 0));
  driver.bringUp({ features: [], queues: [] }, { queue: () => {}, config: () => {} });
  return enableVirtualFunctions(machine, place, count);
}

/** A machine with physical functions, `count` virtual ones of each kind beside them, all of which are enabled. */
export function everyVirtualFunction(count: number): EveryFunction {
  const machine = new Machine();
  const places = new Map<FunctionAddress, string>();
  let device = 1;
  for (const [kind, add] of Object.entries(kinds)) {
    const owner = virtioFunction(blockDemo.sample(), { kind: 'modern', express: true });
    add(owner, count);
    const place = functionAddress(0, device);
    machine.plug(owner.pci, place);
    places.set(place, kind);
    device += 1 + Math.ceil(count / FUNCTIONS);
  }
  const virtual = new Map([...places.keys()].map((place) => [place, enable(machine, place, count)]));
  const functions = runFirmware(machine).flatMap((found) => {
    const kind = places.get(found.address);
    const own = {
      found,
      label: kind === undefined ? 'host bridge' : `has ${kind} virtual functions`,
      draft: draft2023,
    };
    const beside = Array.from({ length: kind === undefined ? 0 : count }, (_, i) => ({
      found: virtual.get(found.address)!.find(i + 1)!,
      label: `virtual function ${i + 1} of ${formatFunctionAddress(found.address)}`,
      draft: draft2023,
    }));
    return [own, ...beside];
  });
  return { machine, functions, types: deviceTypes };
}
