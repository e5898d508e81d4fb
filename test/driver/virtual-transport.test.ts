import { describe, expect, it, test } from 'vitest';
import {
  BlockDriver,
  DmaMemory,
  DriverMsix,
  disableVirtualFunctions,
  enableVirtualFunctions,
  FunctionGoneError,
  findVirtualFunctions,
  LegacyTransport,
  legacyAccess,
  ModernTransport,
  NoDeviceError,
  openTransport,
  powerDown,
  powerUp,
  runFirmware,
  type Transport,
} from '../../src/driver/index.ts';
import {
  draft2023,
  memoryAccess,
  mmrVirtualFunctions,
  NotPresentableError,
  presentLegacy,
} from '../../src/mmr/index.ts';
import {
  BlockDevice,
  MemoryStorage,
  type VirtioFunction,
  type VirtualOptions,
  virtioFunction,
  virtualFunctions,
} from '../../src/virtio/index.ts';
import { at, configOf, SLOT, smallMachine } from '../pci/support.ts';

const disk = (index: number) =>
  new BlockDevice({ storage: new MemoryStorage(new Uint8Array(4096).fill(index)) });

function enabled(add: (owner: VirtioFunction) => void) {
  const machine = smallMachine();
  const owner = virtioFunction(disk(0), { kind: 'modern', express: true });
  add(owner);
  machine.plug(owner.pci, SLOT);
  runFirmware(machine);
  return { machine, functions: enableVirtualFunctions(machine, SLOT, 3) };
}

const modern = (options: Partial<VirtualOptions> = {}) =>
  enabled((owner) => virtualFunctions(owner, { total: 3, make: disk, ...options }));

const first = async ({ ram }: ReturnType<typeof smallMachine>, transport: Transport) => {
  const driver = new BlockDriver(transport, new DmaMemory(ram, 0x10000), { requestBytes: 4096, depth: 2 });
  const [byte] = await driver.read(0, 1);
  driver.close();
  return byte;
};

describe('a virtual function', () => {
  it('is driven by its modern structures, as its ids promise', async () => {
    const { machine, functions } = modern();
    expect(await first(machine, openTransport(machine, functions.find(2)!))).toBe(2);
  });

  it('is driven by a legacy block in its BAR0, as clouds have it', async () => {
    const { machine, functions } = modern({ kind: 'legacy-memory' });
    const found = functions.find(3)!;
    expect(await first(machine, new LegacyTransport(machine, found, legacyAccess(machine, found)))).toBe(3);
  });

  it('is driven by its MMR block', async () => {
    const { machine, functions } = enabled((owner) => mmrVirtualFunctions(owner, { total: 3, make: disk }));
    const found = functions.find(1)!;
    const access = memoryAccess(machine, found, draft2023);
    expect(await first(machine, new LegacyTransport(machine, found, access))).toBe(1);
  });

  test.each([
    ['that has no MSI-X', { vectors: 0 }, {}],
    ['whose driver wants its pin', {}, { intx: true }],
  ])('%s has no interrupt at all', (_, options, transport) => {
    const { machine, functions } = modern(options);
    const memory = new DmaMemory(machine.ram, 0x10000);
    const bringUp = () =>
      new BlockDriver(new ModernTransport(machine, functions.find(1)!, transport), memory);
    expect(bringUp).toThrow(NoDeviceError);
    expect(bringUp).toThrow('a virtual function has no interrupt pin, and no MSI-X that could be used');
  });

  it('has its message table where its owner has the BAR', () => {
    const { machine, functions } = modern();
    const found = functions.find(2)!;
    const msix = DriverMsix.find(machine, found)!;
    msix.aim(2, true, () => {});
    const table = found.bars.find(({ index }) => index === msix.tableBar)!.address;
    expect(table).toBe(functions.barAddress(2, msix.tableBar));
    expect([
      msix.vectors,
      machine.memoryRead(table, 4),
      machine.memoryRead(table + 12, 4),
      msix.intact,
    ]).toEqual([2, 0xfee00000, 1, true]);
    runFirmware(machine, { reassign: true, memory: { start: 0xd0000000, end: 0xe0000000 } });
    expect([msix.intact, findVirtualFunctions(machine, SLOT)!.barAddress(2, 1) >= 0xd0000000]).toEqual([
      true,
      true,
    ]);
    msix.release();
  });

  it('comes back from D3hot without a word to its BARs, which it has none of', async () => {
    const { machine, functions } = modern({ powerManagement: true });
    const found = functions.find(2)!;
    expect(powerDown(machine, found)).toBe(true);
    const config = configOf(machine, found.address);
    powerUp(machine, found);
    expect([config.read(at.bar, 4), await first(machine, openTransport(machine, found))]).toEqual([0, 2]);
  });

  it('is gone for its driver where it was taken away', () => {
    const { machine, functions } = modern();
    const found = functions.find(2)!;
    const transport = openTransport(machine, found);
    disableVirtualFunctions(machine, SLOT);
    expect(() => openTransport(machine, found)).toThrow(FunctionGoneError);
    expect(() => transport.status).toThrow(FunctionGoneError);
  });

  it('is not presented by its address alone, which tells nothing of what it is', () => {
    const { machine, functions } = enabled((owner) => mmrVirtualFunctions(owner, { total: 3, make: disk }));
    const address = functions.addressOf(2);
    expect(() => presentLegacy(machine, address)).toThrow(NotPresentableError);
    expect(() => presentLegacy(machine, address)).toThrow('ffff:ffff');
    expect(presentLegacy(machine, functions.find(2)!).type.name).toBe('block');
  });
});
