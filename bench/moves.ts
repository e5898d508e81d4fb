import { MoveSource, MoveTarget, MovingBus, MovingMachine } from '../src/compare/migration/index.ts';
import { BlockDriver, DmaMemory, findFunction, LegacyTransport, legacyAccess } from '../src/driver/index.ts';
import { BlockDevice, MemoryStorage } from '../src/virtio/index.ts';
import { WorkloadError } from './workload.ts';

const SECTORS = 2048;
const SECTOR_BYTES = 512;
const DRIVER = { start: 0x10000, end: 0x90000 } as const;

/** A guest with a disk behind the translator, and its driver. */
function busyGuest(ramBytes: number, storage: MemoryStorage) {
  const machine = new MovingMachine(new BlockDevice({ storage }), 'mmr', { ramBytes });
  const bus = new MovingBus(machine.guest);
  const found = findFunction(bus, machine.place)!;
  const transport = new LegacyTransport(bus, found, legacyAccess(bus, found));
  const driver = new BlockDriver(transport, new DmaMemory(bus.ram, DRIVER.start, DRIVER.end), {
    requestBytes: SECTOR_BYTES,
  });
  return { machine, bus, driver };
}

const disk = () => new MemoryStorage(new Uint8Array(SECTORS * SECTOR_BYTES));

/** A driver that reads one sector after the other. @param logged the pages that its device writes are logged */
export function prepareLogged(logged: boolean) {
  const { machine, driver } = busyGuest(1 << 20, disk());
  if (logged) new MoveSource(machine, { processors: DRIVER });
  return {
    /** Thousand reads per second. */
    async run(count = 20_000): Promise<number> {
      const started = performance.now();
      for (let i = 0; i < count; i++) await driver.read(i % SECTORS, 1);
      return count / (performance.now() - started);
    },
  };
}

/** A guest moves while it works: how long it stands still, in milliseconds. */
export async function downtime(ramBytes: number): Promise<number> {
  const storage = disk();
  const { machine, bus, driver } = busyGuest(ramBytes, storage);
  // All of RAM has something in it.
  for (let at = DRIVER.end; at < ramBytes; at += 4096) machine.ram.fill(at, 16, at >>> 12 || 1);
  const source = new MoveSource(machine, { processors: DRIVER });
  const next = new MovingMachine(new BlockDevice({ storage }), 'mmr', { ramBytes });
  const target = new MoveTarget(next);
  target.take(source.begin());
  do {
    target.take(source.round().bytes);
    for (let i = 0; i < 4; i++) await driver.read(i, 1);
  } while (!source.converged);
  const stopped = performance.now();
  target.take(source.stop());
  bus.connect(next.guest);
  target.finish();
  const ms = performance.now() - stopped;
  source.release();
  if ((await driver.read(1, 1)).length !== SECTOR_BYTES) throw new WorkloadError('the guest did not go on');
  return ms;
}
