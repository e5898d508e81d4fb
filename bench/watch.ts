import { DriverWatch } from '../src/conformance/watch/index.ts';
import { functionAddress } from '../src/core/index.ts';
import { BlockDriver, DmaMemory, openTransport, runFirmware } from '../src/driver/index.ts';
import { Machine } from '../src/pci/index.ts';
import { tap } from '../src/trace/index.ts';
import { BlockDevice, type FunctionKind, MemoryStorage, virtioFunction } from '../src/virtio/index.ts';
import { WorkloadError } from './workload.ts';

const SLOT = functionAddress(0, 4);
const SECTORS = 2048;
const SECTOR_BYTES = 512;

/** A block driver that reads one sector after the other. @param watched by a watch with its memory, on a tapped bus */
export function prepareDriver(kind: FunctionKind, watched: boolean) {
  const machine = new Machine();
  const storage = new MemoryStorage(new Uint8Array(SECTORS * SECTOR_BYTES));
  machine.plug(virtioFunction(new BlockDevice({ storage }), { kind }).pci, SLOT);
  runFirmware(machine);
  const watch = new DriverWatch({ ram: machine.ram, config: machine, start: 'power-on' });
  const bus = watched ? tap(machine, watch.sink) : machine;
  const driver = new BlockDriver(openTransport(bus, SLOT), new DmaMemory(machine.ram, 0x100000));
  return {
    /** Thousand reads per second. */
    async run(count = 20_000): Promise<number> {
      const started = performance.now();
      for (let i = 0; i < count; i++) await driver.read(i % SECTORS, 1);
      const ms = performance.now() - started;
      const wrong = watch.report().findings.filter(({ level }) => level !== 'note');
      if (wrong.length > 0) throw new WorkloadError(`the watch accuses a good driver: ${wrong[0]!.rule}`);
      return count / ms;
    },
  };
}
