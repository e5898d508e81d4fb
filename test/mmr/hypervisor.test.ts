import { describe, expect, it, test } from 'vitest';
import { deviceDemos } from '../../src/cli/demos/index.ts';
import { DmaDomain, functionAddress, GuestMemory } from '../../src/core/index.ts';
import {
  BlockDriver,
  DmaMemory,
  disableVirtualFunctions,
  enableVirtualFunctions,
  FunctionGoneError,
  findFunction,
  NoAnswerError,
  NoFunctionResetError,
  resetFunction,
  runFirmware,
  VirtualFunctionIndexError,
} from '../../src/driver/index.ts';
import {
  AlreadyPresentedError,
  AttachmentError,
  draft2023,
  ForeignDomainError,
  Hypervisor,
  hasMmrId,
  NotPresentableError,
  presentLegacy,
  TranslatorError,
} from '../../src/mmr/index.ts';
import { type Machine, PlaceError } from '../../src/pci/index.ts';
import { BlockDevice, MemoryStorage, virtioFunction, virtualFunctions } from '../../src/virtio/index.ts';
import { clausesIn, configOf, SLOT, smallMachine, watch } from '../pci/support.ts';
import { configProbe, GUEST_SLOT } from './support.ts';
import { guestMachine, guestTransport, VirtualHost, type VirtualHostOptions } from './virtual-support.ts';

const SECTORS = 8;
const SMALL = { requestBytes: 4096, depth: 2 };
/** Registers of the legacy block: their offsets and widths (LEG-LAY-01). */
const registers = [
  [0, 4],
  [4, 4],
  [8, 4],
  [12, 2],
  [14, 2],
  [18, 1],
  [19, 1],
  [20, 1],
  [24, 4],
] as const;

/** A disk of a few sectors, each filled with the number of its function. */
const disk = (index: number) =>
  new BlockDevice({ storage: new MemoryStorage(new Uint8Array(SECTORS * 512).fill(index)) });

const labOf = (options: VirtualHostOptions = {}) => new VirtualHost(disk, options);

const driverOf = (guest: Machine, intx = false, patience = 100) =>
  new BlockDriver(guestTransport(guest, { intx, patience }), new DmaMemory(guest.ram, 0x10000), SMALL);

/** Address of the ports of the guest's function. */
const portsOf = (guest: Machine) => findFunction(guest, GUEST_SLOT)!.bars[0]!.address;
const readsOf = (guest: Machine) =>
  registers.map(([offset, width]) => guest.ioRead(portsOf(guest) + offset, width));
const allOnes = registers.map(([, width]) => 2 ** (8 * width) - 1);

describe('a virtual function in the hands of a guest', () => {
  const able = deviceDemos.filter(({ type }) => hasMmrId(type, draft2023) && type.transitionalId !== null);

  for (const intx of [false, true])
    test.each(able.map((demo) => [demo.type.name, demo] as const))(
      `is a legacy function like any other, interrupts by ${intx ? 'its pin' : 'messages'}: %s`,
      async (_, demo) => {
        const visits = await Promise.all(Array.from({ length: 6 }, () => demo.visit({})));
        const made = new Map<number, (typeof visits)[number]>();
        const next = [...visits];
        const lab = new VirtualHost((index) => {
          const visit = next.pop()!;
          made.set(index, visit);
          return visit.behaviour;
        });
        const guests = [1, 2].map((index) => {
          const guest = guestMachine(16 << 20);
          lab.hypervisor.attach(index, guest, GUEST_SLOT);
          return guest;
        });
        // Both at once, on one physical function.
        const facts = await Promise.all(
          guests.map((guest, i) =>
            made.get(i + 1)!.drive(guestTransport(guest, { intx }), new DmaMemory(guest.ram, 0x100000), {
              markBroughtUp: () => {},
              markFirst: () => {},
            }),
          ),
        );
        for (const each of facts) {
          expect(each.length).toBeGreaterThan(0);
          expect(each.filter(({ good }) => !good)).toEqual([]);
        }
        await Promise.all(visits.map((visit) => visit.close()));
      },
    );

  it('does its DMA in the memory of its guest, whose addresses are those of others too', async () => {
    const lab = labOf();
    const guests = [1, 2, 3].map((index) => {
      const guest = guestMachine();
      lab.hypervisor.attach(index, guest, GUEST_SLOT);
      return guest;
    });
    const drivers = guests.map((guest) => driverOf(guest));
    const read = await Promise.all(drivers.map((driver) => driver.read(0, SECTORS)));
    expect(read.map((bytes) => [...new Set(bytes)])).toEqual([[1], [2], [3]]);
    expect(clausesIn(lab.events)).toEqual([]);
  });

  test.each([false, true])(
    'shares its link with others, whose memory writes are on their way, INTx %s',
    async (intx) => {
      const lab = labOf({ host: { holdPostedWrites: true } });
      const drivers = [1, 2, 3].map((index) => {
        const guest = guestMachine();
        lab.hypervisor.attach(index, guest, GUEST_SLOT);
        return driverOf(guest, intx, 10_000);
      });
      const time = setInterval(() => lab.host.pause(), 0);
      for (let round = 1; round < 4; round++) {
        await Promise.all(
          drivers.map((driver, i) => driver.write(round, new Uint8Array(512).fill(10 * i + round))),
        );
        const read = await Promise.all(drivers.map((driver) => driver.read(round, 2)));
        expect(read.map((bytes) => [bytes[0], bytes[512]])).toEqual(
          [0, 1, 2].map((i) => [10 * i + round, i + 1]),
        );
      }
      clearInterval(time);
    },
  );

  it('reaches no more of it than its domain says', async () => {
    const lab = labOf();
    const guest = guestMachine();
    const domain = new DmaDomain(guest.ram, [{ start: 0x10000, length: 0x50000, write: true }]);
    expect(lab.hypervisor.attach(1, guest, GUEST_SLOT, { domain }).domain === domain).toBe(true);
    expect(lab.host.dmaMemory(lab.functions.addressOf(1)) === guest.ram).toBe(true);
    const driver = new BlockDriver(guestTransport(guest), new DmaMemory(guest.ram, 0x10000, 0x60000), SMALL);
    expect((await driver.read(1, 1))[0]).toBe(1);
    driver.close();
    const outside = new BlockDriver(
      guestTransport(guest, { patience: 3 }),
      new DmaMemory(guest.ram, 0x80000),
      SMALL,
    );
    await expect(outside.read(1, 1)).rejects.toThrow();
  });

  it('is listed, in the order of numbers, until it is taken back', () => {
    const lab = labOf();
    const [one, other] = [guestMachine(), guestMachine()];
    const third = lab.hypervisor.attach(3, one, GUEST_SLOT);
    const first = lab.hypervisor.attach(1, one, functionAddress(0, 6));
    const second = lab.hypervisor.attach(2, other, GUEST_SLOT);
    const listed = () => lab.hypervisor.list().map(({ index }) => index);
    expect(listed()).toEqual([1, 2, 3]);
    expect(lab.hypervisor.list().every((each, i) => each === [first, second, third][i])).toBe(true);
    expect([first.index, first.guest === one, first.place]).toEqual([1, true, functionAddress(0, 6)]);
    lab.hypervisor.detach(1);
    expect(listed()).toEqual([2, 3]);
    expect([lab.hypervisor.find(1), lab.hypervisor.find(2) === second]).toEqual([null, true]);
    expect(findFunction(one, functionAddress(0, 6))).toBeNull();
    const moved = lab.hypervisor.reassign(3, other, functionAddress(0, 7));
    expect([lab.hypervisor.find(3) === moved, findFunction(one, GUEST_SLOT)]).toEqual([true, null]);
  });

  it('works for one guest after the other', async () => {
    const lab = labOf();
    for (let round = 0; round < 3; round++) {
      const guest = guestMachine();
      lab.hypervisor.attach(2, guest, GUEST_SLOT);
      const driver = driverOf(guest, round === 1);
      expect((await driver.read(0, 1))[0]).toBe(2);
      lab.hypervisor.detach(2);
      await expect(driver.read(0, 1)).rejects.toThrow(NoAnswerError);
    }
    expect(lab.host.memory.mappings.length).toBeLessThan(20);
  });

  it('goes on where its state and that of its guest are loaded into machines that are alike', async () => {
    const [from, to] = [labOf(), labOf()].map((lab) => {
      const guest = guestMachine();
      lab.hypervisor.attach(2, guest, GUEST_SLOT);
      runFirmware(guest);
      return { lab, guest };
    }) as [{ lab: VirtualHost; guest: Machine }, { lab: VirtualHost; guest: Machine }];
    const driver = driverOf(from.guest);
    await driver.write(0, new Uint8Array(512).fill(9));
    to.guest.load(from.guest.save());
    to.lab.host.load(from.lab.host.save());
    expect(readsOf(to.guest).slice(0, 5)).toEqual(readsOf(from.guest).slice(0, 5));
    expect((await driverOf(to.guest).read(0, 1))[0]).toBe(2);
  });
});

describe('what is refused', () => {
  const refused = (
    lab: VirtualHost,
    run: () => unknown,
    type: new (...args: never[]) => Error,
    message: RegExp,
  ) => {
    expect(run).toThrow(type);
    expect(run).toThrow(message);
    expect(lab.hypervisor.list()).toHaveLength(0);
  };

  test.each([0, 4, 1.5])('function %d of 3', (index) => {
    const lab = labOf();
    refused(
      lab,
      () => lab.hypervisor.attach(index, guestMachine(), GUEST_SLOT),
      VirtualFunctionIndexError,
      /1 to 3/,
    );
  });

  it('one that a guest has, and one that none has', () => {
    const lab = labOf();
    refused(
      lab,
      () => lab.hypervisor.detach(1),
      AttachmentError,
      /function 1: no guest has it: attach it first/,
    );
    refused(
      lab,
      () => lab.hypervisor.reassign(1, guestMachine(), GUEST_SLOT),
      AttachmentError,
      /no guest has it/,
    );
    const given = lab.hypervisor.attach(1, guestMachine(), GUEST_SLOT);
    const again = () => lab.hypervisor.attach(1, guestMachine(), GUEST_SLOT);
    expect(again).toThrow(AttachmentError);
    expect(again).toThrow('virtual function 1: a guest has it: detach it there first');
    expect(lab.hypervisor.find(1) === given).toBe(true);
  });

  it('one that others have presented, who keep it', async () => {
    const lab = labOf();
    const guest = guestMachine();
    guest.plug(presentLegacy(lab.host, lab.functions.find(1)!).pci, GUEST_SLOT);
    refused(
      lab,
      () => lab.hypervisor.attach(1, guestMachine(), GUEST_SLOT),
      AlreadyPresentedError,
      /00:04.1/,
    );
    runFirmware(guest);
    expect(readsOf(guest)).not.toEqual(allOnes);
  });

  it('to reset what cannot be reset: no guest has it then, nor its memory', () => {
    const lab = labOf();
    const guest = guestMachine();
    lab.hypervisor.attach(2, guest, GUEST_SLOT);
    const { config, capabilities } = lab.virtual.pci.at(2)!;
    config.set(capabilities.offsets[0]! + 4, 4, 0x8000);
    expect(() => lab.hypervisor.detach(2)).toThrow(NoFunctionResetError);
    expect(lab.hypervisor.list()).toHaveLength(0);
    expect([findFunction(guest, GUEST_SLOT), lab.host.dmaMemory(SLOT + 2) === lab.host.ram]).toEqual([
      null,
      true,
    ]);
  });

  it('a domain over the memory of another', () => {
    const lab = labOf();
    const domain = new DmaDomain(GuestMemory.allocate({ start: 0, length: 4096 }));
    refused(
      lab,
      () => lab.hypervisor.attach(1, guestMachine(), GUEST_SLOT, { domain }),
      ForeignDomainError,
      /function 1: its domain is not over the guest's RAM/,
    );
  });

  it('a place that is taken, and nothing is left of the attempt', async () => {
    const lab = labOf();
    const guest = guestMachine();
    refused(lab, () => lab.hypervisor.attach(1, guest, 0), PlaceError, /00:00.0/);
    expect(lab.host.dmaMemory(lab.functions.addressOf(1)) === lab.host.ram).toBe(true);
    lab.hypervisor.attach(1, guest, GUEST_SLOT);
    expect((await driverOf(guest).read(0, 1))[0]).toBe(1);
  });

  it('a place that cannot be given up: the guest keeps its function', () => {
    const lab = labOf();
    const guest = guestMachine();
    const zero = lab.hypervisor.attach(1, guest, GUEST_SLOT);
    lab.hypervisor.attach(2, guest, GUEST_SLOT + 1);
    expect(() => lab.hypervisor.detach(1)).toThrow(PlaceError);
    expect(lab.hypervisor.find(1) === zero).toBe(true);
    lab.hypervisor.detach(2);
    lab.hypervisor.detach(1);
    expect(lab.hypervisor.list()).toHaveLength(0);
  });

  it('one that is not there any more', () => {
    const lab = labOf();
    disableVirtualFunctions(lab.host, SLOT);
    refused(
      lab,
      () => lab.hypervisor.attach(1, guestMachine(), GUEST_SLOT),
      FunctionGoneError,
      /virtual function 1/,
    );
  });

  it('a function that no way leads to', () => {
    const machine = smallMachine();
    const owner = virtioFunction(disk(0), { kind: 'modern', express: true });
    const { pci } = virtualFunctions(owner, { total: 2, make: disk });
    machine.plug(owner.pci, SLOT);
    runFirmware(machine);
    const hypervisor = new Hypervisor(enableVirtualFunctions(machine, SLOT, 2), pci);
    const guest = guestMachine();
    expect(() => hypervisor.attach(1, guest, GUEST_SLOT)).toThrow(NotPresentableError);
    expect(() => hypervisor.attach(1, guest, GUEST_SLOT)).toThrow(/1af4:1042/);
    expect([hypervisor.list().length, machine.dmaMemory(SLOT + 1) === machine.ram]).toEqual([0, true]);
  });

  it('a function without MSI-X, which has no interrupt at all', () => {
    const lab = new VirtualHost(() => configProbe(), { vectors: 0 });
    refused(lab, () => lab.hypervisor.attach(1, guestMachine(), GUEST_SLOT), TranslatorError, /no MSI-X/);
  });
});

describe('under a guest, the host', () => {
  const given = () => {
    const lab = labOf();
    const guest = guestMachine();
    const { presented } = lab.hypervisor.attach(2, guest, GUEST_SLOT);
    const driver = driverOf(guest);
    const events = watch(guest);
    return { lab, guest, driver, presented, events };
  };

  test.each([
    [
      'resets the virtual function',
      ({ host, functions }: VirtualHost) => resetFunction(host, functions.find(2)!),
    ],
    ['resets the physical one', ({ host }: VirtualHost) => resetFunction(host, findFunction(host, SLOT)!)],
    ['takes all virtual functions away', ({ host }: VirtualHost) => disableVirtualFunctions(host, SLOT)],
    [
      'has fewer of them',
      ({ host }: VirtualHost) => {
        disableVirtualFunctions(host, SLOT);
        enableVirtualFunctions(host, SLOT, 1);
      },
    ],
    [
      'has as many of them, but new ones',
      ({ host }: VirtualHost) => {
        disableVirtualFunctions(host, SLOT);
        enableVirtualFunctions(host, SLOT, 3);
      },
    ],
    ['gives it other memory', ({ virtual }: VirtualHost) => virtual.pci.assign(2, null)],
    ['takes the physical function away', ({ host }: VirtualHost) => void host.unplug(SLOT)],
    ['is reset', ({ host }: VirtualHost) => host.reset()],
  ])('%s: the guest reads all ones, and nothing throws', async (_, happen) => {
    const { lab, guest, driver, presented, events } = given();
    const before = driver.read(0, 1);
    expect((await before)[0]).toBe(2);
    happen(lab);
    expect(readsOf(guest)).toEqual(allOnes);
    for (const [offset, width] of registers) guest.ioWrite(portsOf(guest) + offset, width, 0);
    expect(readsOf(guest)).toEqual(allOnes);
    const { write, read } = configOf(guest, GUEST_SLOT);
    const msix = presented.pci.capabilities.offsets[0]!;
    for (const value of [0x8000, 0, 0x8000]) write(msix + 2, 2, value);
    for (const value of [0, 7, 3]) write(4, 2, value);
    expect(read(4, 2)).toBe(3);
    await expect(driver.read(0, 1)).rejects.toThrow(NoAnswerError);
    // Whose memory a function reaches is said of one that is gone, too.
    expect(new Set(clausesIn(events).filter((clause) => clause !== 'RF-16')).size).toBe(1);
    lab.hypervisor.detach(2);
    expect(lab.hypervisor.list()).toHaveLength(0);
  });

  it('gives it to another guest afterwards', async () => {
    const { lab, guest } = given();
    disableVirtualFunctions(lab.host, SLOT);
    expect(readsOf(guest)).toEqual(allOnes);
    lab.hypervisor.detach(2);
    enableVirtualFunctions(lab.host, SLOT, 3);
    const next = guestMachine();
    lab.hypervisor.attach(2, next, GUEST_SLOT);
    expect((await driverOf(next).read(0, 1))[0]).toBe(2);
  });

  it('switches VF MSE off and on again: the guest waits, and goes on', async () => {
    const { lab, guest, driver } = given();
    const { read, write } = configOf(lab.host);
    const control = 0x108;
    const on = read(control, 2);
    write(control, 2, on & ~8);
    expect(readsOf(guest)).toEqual(allOnes);
    write(control, 2, on);
    expect((await driver.read(0, 1))[0]).toBe(2);
  });

  it('moves the BARs of virtual functions: the translator follows', async () => {
    const { lab, driver } = given();
    const before = lab.functions.find(2)!.bars.map(({ address }) => address);
    const moved = {
      reassign: true,
      memory: { start: 0xd0000000, end: 0xe0000000 },
      prefetchable64: { start: 2 ** 41, end: 2 ** 42 },
    };
    runFirmware(lab.host, moved);
    const after = lab.functions.find(2)!.bars.map(({ address }) => address);
    expect(after.every((address, i) => address !== before[i])).toBe(true);
    expect((await driver.read(0, 1))[0]).toBe(2);
  });
});
