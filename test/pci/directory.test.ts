import { describe, expect, it } from 'vitest';
import { DmaDomain, functionAddress } from '../../src/core/index.ts';
import { BlockDriver, DmaMemory, findFunction, openTransport } from '../../src/driver/index.ts';
import {
  Bridge,
  type FunctionDirectory,
  type Machine,
  type PciFunction,
  PlaceError,
  SlotError,
} from '../../src/pci/index.ts';
import { BlockDevice, MemoryStorage, virtioFunction } from '../../src/virtio/index.ts';
import { addScratch, bareFunction, bridgeAt, bridgeOf, configOf, smallMachine } from './support.ts';

const PORT = functionAddress(0, 2);
/** First place of the many, and how many: they go on over ten buses. */
const [FIRST, MANY] = [1, 2500];

/** A function behind a port, and beside it a directory of many that `build` makes. */
function withDirectory(build: (nth: number) => PciFunction = (nth) => bareFunction({ deviceId: nth })) {
  const machine = smallMachine();
  const port = new Bridge({ kind: 'root-port' });
  machine.plug(port, PORT);
  machine.plug(bareFunction({ deviceId: 0xabcd }), { behind: port });
  const made = new Map<number, PciFunction>();
  const end = machine.addDirectory(
    { behind: port },
    (slotAt): FunctionDirectory => ({
      at: (place) => {
        const nth = place - FIRST;
        if (nth < 0 || nth >= MANY) return undefined;
        let fn = made.get(nth);
        if (fn === undefined) {
          fn = build(nth);
          fn.plug(slotAt(place, new DmaDomain(machine.ram)));
          made.set(nth, fn);
        }
        return fn;
      },
      get made() {
        return made.values();
      },
    }),
  );
  bridgeOf(machine, PORT).buses(3, 20);
  // Device numbers other than 0 pass.
  machine.configWrite(PORT, 0x68, 2, 0x20);
  return { machine, port, made, end };
}

const idAt = (machine: Machine, address: number) => machine.configRead(address, 2, 2);

describe('a directory of functions', () => {
  it('makes those that software touches, on its own bus and on those whose numbers follow, and no others', () => {
    const { machine, made } = withDirectory();
    expect(idAt(machine, 0x300)).toBe(0xabcd);
    expect(made.size).toBe(0);
    const last = 0x300 + FIRST + MANY - 1;
    expect([0x301, 0x3ff, 0x400, last, last + 1].map((address) => idAt(machine, address))).toEqual([
      0,
      0xfe,
      0xff,
      MANY - 1,
      0xffff,
    ]);
    expect([...made.keys()]).toEqual([0, 0xfe, 0xff, MANY - 1]);
    expect(made.get(MANY - 1)!.slot.address).toBe(last);
    expect([...machine.functions.keys()]).toEqual([0, PORT, 0x300]);
  });

  it('is reached as far as the bridges lead', () => {
    const { machine } = withDirectory();
    const { buses } = bridgeOf(machine, PORT);
    buses(3, 4);
    expect([0x4ff, 0x500].map((address) => idAt(machine, address))).toEqual([0x1fe, 0xffff]);
    buses(7, 20);
    expect([0x301, 0x701, 0x800].map((address) => idAt(machine, address))).toEqual([0xffff, 0, 0xff]);
  });

  it('has functions whose bars, messages and DMA pass the bridges as those of any other do', () => {
    const { machine, made } = withDirectory((nth) => {
      const fn = bareFunction({ deviceId: nth });
      addScratch(fn, 0, 'memory32', 4096);
      return fn;
    });
    const upper = bridgeOf(machine, PORT);
    upper.memory(0xc0000000, 0xc0100000);
    upper.command(7);
    const lower = configOf(machine, 0x400);
    lower.setBar(0, 0xc0000000);
    lower.command(6);
    const fn = made.get(0xff)!;
    expect([machine.memoryRead(0xc0000000, 4), fn.busMaster]).toEqual([0, true]);
    upper.command(0);
    expect([machine.memoryRead(0xc0000000, 4), fn.busMaster]).toEqual([0xffffffff, false]);
    upper.command(7);
    upper.write(bridgeAt.secondary, 1, 2);
    expect(fn.slot.address).toBe(0x300);
    expect(machine.memoryRead(0xc0000000, 4)).toBe(0);
  });

  it('has functions that sit in one slot, as any other', () => {
    const { machine, port, made } = withDirectory();
    idAt(machine, 0x301);
    const fn = made.get(0)!;
    machine.addDirectory({ behind: port }, (slotAt) => {
      expect(() => fn.plug(slotAt(9, new DmaDomain(machine.ram)))).toThrow(SlotError);
      expect(() => fn.plug(slotAt(9, new DmaDomain(machine.ram)))).toThrow(
        'scratch sits in slot 03:00.1 already',
      );
      return { at: () => undefined, made: [] };
    });
    expect([fn.slot.address, idAt(machine, 0x301)]).toEqual([0x301, 0]);
  });

  it('has functions that drivers drive', async () => {
    const { machine } = withDirectory(
      (nth) =>
        virtioFunction(new BlockDevice({ storage: new MemoryStorage(new Uint8Array(512).fill(nth)) }), {
          kind: 'modern',
        }).pci,
    );
    const upper = bridgeOf(machine, PORT);
    upper.memory(0xc0000000, 0xc0200000);
    upper.command(7);
    for (const nth of [3, 2000]) {
      const address = 0x300 + FIRST + nth;
      const config = configOf(machine, address);
      for (const { index } of findFunction(machine, address)!.bars)
        config.setBar(index, 0xc0000000 + 0x10000 * index);
      config.command(2);
      const transport = openTransport(machine, address);
      const driver = new BlockDriver(transport, new DmaMemory(machine.ram, 0x10000), {
        requestBytes: 4096,
        depth: 2,
      });
      expect((await driver.read(0, 1))[0]).toBe(nth & 0xff);
      driver.close();
      config.command(0);
    }
  });

  it('ends, once, and cannot be where there is no bus', () => {
    const { machine, port, end } = withDirectory();
    expect(idAt(machine, 0x301)).toBe(0);
    // Another answers for what the first does not know, and for all once it has ended.
    const other = bareFunction({ deviceId: 0x5555 });
    machine.addDirectory({ behind: port }, (slotAt) => {
      other.plug(slotAt(FIRST, new DmaDomain(machine.ram)));
      return { at: () => other, made: [other] };
    });
    expect(idAt(machine, 0x301)).toBe(0);
    end();
    end();
    expect(idAt(machine, 0x301)).toBe(0x5555);
    expect(() => machine.addDirectory(0x900, () => ({ at: () => undefined, made: [] }))).toThrow(PlaceError);
  });
});
