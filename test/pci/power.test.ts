import { describe, expect, it, test } from 'vitest';
import { DmaDomain, HeldScheduler, immediate, type LabEvent, type Scheduler } from '../../src/core/index.ts';
import {
  BlockDriver,
  DmaMemory,
  findFunction,
  openTransport,
  powerDown,
  powerUp,
  runFirmware,
} from '../../src/driver/index.ts';
import { ways } from '../../src/mmr/index.ts';
import {
  BlockDevice,
  type FunctionKind,
  functionKindNames,
  MemoryStorage,
  virtioFunction,
} from '../../src/virtio/index.ts';
import { interruptsIn, SLOT, smallMachine, watch } from './support.ts';

const bytes = new Uint8Array(4096).fill(9);

function machineWith(
  noSoftReset: boolean | null,
  kind: FunctionKind = 'transitional',
  scheduler: Scheduler = immediate,
) {
  const machine = smallMachine({ scheduler });
  const powerManagement = noSoftReset === null ? {} : { powerManagement: { noSoftReset } };
  const fn = virtioFunction(new BlockDevice({ storage: new MemoryStorage(bytes) }), {
    kind,
    ...powerManagement,
  });
  machine.plug(fn.pci, SLOT, new DmaDomain(machine.ram));
  runFirmware(machine);
  return { machine, fn, found: findFunction(machine, SLOT)! };
}

const small = { requestBytes: 512, depth: 1 };
const open = ({ machine, found }: ReturnType<typeof machineWith>) =>
  new BlockDriver(openTransport(machine, found), new DmaMemory(machine.ram, 0x10000), small);

describe('a function in D3hot', () => {
  it.each([true, false])(
    'answers configuration accesses, and nothing else (No_Soft_Reset %s)',
    async (kept) => {
      const lab = machineWith(kept);
      const driver = open(lab);
      expect((await driver.read(0, 1))[0]).toBe(9);
      const { machine, found, fn } = lab;
      expect(powerDown(machine, found)).toBe(true);
      for (const { kind, address } of found.bars)
        expect(kind === 'io' ? machine.ioRead(address, 4) : machine.memoryRead(address, 4)).toBe(0xffffffff);
      expect([machine.configRead(SLOT, 0, 4), findFunction(machine, SLOT)!.bars]).toEqual([
        0x10011af4,
        found.bars,
      ]);
      const events: LabEvent[] = watch(machine);
      fn.interrupts.config();
      expect([fn.pci.busMaster, interruptsIn(events)]).toEqual([false, []]);
    },
  );

  it('with No_Soft_Reset comes back as it was, and tells then what happened meanwhile', async () => {
    const lab = machineWith(true);
    const driver = open(lab);
    await driver.read(0, 1);
    powerDown(lab.machine, lab.found);
    const events = watch(lab.machine);
    lab.fn.interrupts.config();
    powerUp(lab.machine, lab.found);
    expect(interruptsIn(events)).toHaveLength(1);
    expect((await driver.read(0, 1))[0]).toBe(9);
    driver.close();
  });

  it('moves no byte until it is in D0 again', async () => {
    const tasks = new HeldScheduler();
    const lab = machineWith(true, 'modern', tasks);
    const driver = open(lab);
    let ended = false;
    const reading = driver.read(0, 1).then((sector) => {
      ended = true;
      return sector;
    });
    const before = lab.machine.ram.read(0, 0x20000).slice();
    powerDown(lab.machine, lab.found);
    tasks.releaseAll();
    await Promise.resolve();
    expect([ended, lab.machine.ram.read(0, 0x20000)]).toEqual([false, before]);
    powerUp(lab.machine, lab.found);
    tasks.releaseAll();
    expect((await reading)[0]).toBe(9);
  });

  it('without it comes back as after a reset: a driver has to begin anew', async () => {
    const lab = machineWith(false);
    const driver = open(lab);
    await driver.read(0, 1);
    powerDown(lab.machine, lab.found);
    expect(lab.fn.device.status).not.toBe(0);
    lab.machine.configWrite(SLOT, lab.found.capabilities.find(({ id }) => id === 1)!.offset + 4, 2, 0);
    const command = lab.machine.configRead(SLOT, 4, 2) & 7;
    expect([lab.fn.device.status, command, lab.fn.pci.msixEnabled]).toEqual([0, 0, false]);
    expect(findFunction(lab.machine, SLOT)!.bars.map(({ address }) => address)).toEqual(
      lab.found.bars.map(() => 0),
    );
  });

  test.each(functionKindNames.flatMap((kind) => [true, false].map((kept) => [kind, kept] as const)))(
    'is brought up by whoever opens it, %s, No_Soft_Reset %s',
    async (kind, kept) => {
      const lab = machineWith(kept, kind);
      const before = open(lab);
      await before.read(0, 1);
      powerDown(lab.machine, lab.found);
      const after = open(lab);
      expect((await after.read(0, 1))[0]).toBe(9);
      after.close();
      expect(findFunction(lab.machine, SLOT)!.bars).toEqual(lab.found.bars);
    },
  );

  it('says in its capability whether it keeps its state', () => {
    for (const kept of [true, false]) {
      const { machine, found } = machineWith(kept);
      const at = found.capabilities.find(({ id }) => id === 1)!.offset;
      expect(machine.configRead(SLOT, at + 4, 2)).toBe(kept ? 8 : 0);
    }
  });
});

describe('a function without power management', () => {
  it('is in D0 always', () => {
    const { machine, found } = machineWith(null);
    const writes: LabEvent[] = watch(machine);
    expect(powerDown(machine, found)).toBe(false);
    powerUp(machine, found);
    expect(writes.filter((event) => event.kind === 'access' && event.operation === 'write')).toEqual([]);
  });
});

it('is an option of MMR functions too', () => {
  const behaviour = new BlockDevice({ storage: new MemoryStorage(bytes) });
  const fn = ways.mmr.build(behaviour, { powerManagement: { noSoftReset: false } });
  expect(fn.pci.capabilities.offsets.some((at) => fn.pci.config.get(at, 1) === 1)).toBe(true);
});
