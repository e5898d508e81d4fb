import { type EventSink, functionAddress } from '../src/core/index.ts';
import { type FoundFunction, findVirtualFunctions, runFirmware } from '../src/driver/index.ts';
import { presentLegacy, type TranslatedWayName, twoMachines, ways } from '../src/mmr/index.ts';
import { Machine } from '../src/pci/index.ts';
import { BlockDevice, legacyHeader, MemoryStorage, virtioFunction } from '../src/virtio/index.ts';
import { bytesPerOperation, millionPerSecond } from './measure.ts';
import { ManyFunctions, OWNER } from './virtual.ts';
import { WorkloadError } from './workload.ts';

const SLOT = functionAddress(0, 4);
const block = () => new BlockDevice({ storage: new MemoryStorage(new Uint8Array(1 << 20)) });

/** Reads four legacy registers a round, of 4, 2, 1 and 2 bytes as the baseline does, through bus, function, BAR, window. */
function prepare(machine: Machine, found: readonly FoundFunction[]) {
  const base = found.find(({ address }) => address === SLOT)!.bars.find(({ index }) => index === 0)!.address;
  const features = base + legacyHeader.deviceFeatures.offset;
  const queueSize = base + legacyHeader.queueSize.offset;
  const status = base + legacyHeader.deviceStatus.offset;
  const queueSelect = base + legacyHeader.queueSelect.offset;
  machine.ioWrite(status, 1, 1);
  const expected =
    machine.ioRead(features, 4) +
    machine.ioRead(queueSize, 2) +
    machine.ioRead(status, 1) +
    machine.ioRead(queueSelect, 2);
  if (machine.ioRead(queueSize, 2) === 0)
    throw new WorkloadError('legacy registers: the block does not answer');

  const rounds = (count: number): number => {
    let sum = 0;
    for (let round = 0; round < count; round++) {
      sum += machine.ioRead(features, 4);
      sum += machine.ioRead(queueSize, 2);
      sum += machine.ioRead(status, 1);
      sum += machine.ioRead(queueSelect, 2);
    }
    return sum;
  };
  const check = (sum: number, count: number): void => {
    if (sum !== expected * count)
      throw new WorkloadError(`legacy registers: sum ${sum}, not ${expected * count}`);
  };

  return {
    /** Million accesses per second. */
    run(count = 2_000_000): number {
      let sum = 0;
      const rate = millionPerSecond(count * 4, () => {
        sum = rounds(count);
      });
      check(sum, count);
      return rate;
    },
    /** Nanoseconds per access. */
    cost(count = 1_000_000): number {
      return 1000 / this.run(count);
    },
    heap(count = 100_000): number {
      return bytesPerOperation(count * 4, () => check(rounds(count), count));
    },
  };
}

/** A legacy function on the machine itself, which tells `events` what it wants to hear. */
export function prepareLegacyRegisters(events: EventSink | null = null) {
  const machine = new Machine();
  machine.events = events;
  machine.plug(virtioFunction(block(), { kind: 'legacy' }).pci, SLOT);
  return prepare(machine, runFirmware(machine));
}

/** The virtual legacy function in front of a host's function. */
export function prepareTranslatedRegisters(way: TranslatedWayName) {
  const fn = ways[way].build(block());
  const machines = twoMachines([{ fn, hostAddress: SLOT, guestAddress: SLOT }], { way });
  return prepare(machines.guest, [machines.inGuest()]);
}

/** The same in front of a virtual function of the host's, one of so many. */
export function prepareTranslatedVirtual(count: number) {
  const many = new ManyFunctions(count);
  const found = findVirtualFunctions(many.machine, OWNER)!.find(count)!;
  const guest = new Machine();
  guest.plug(presentLegacy(many.machine, found).pci, SLOT);
  return prepare(guest, runFirmware(guest));
}
