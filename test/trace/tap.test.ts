import { describe, expect, it } from 'vitest';
import type { AccessEvent, LabEvent } from '../../src/core/index.ts';
import { BlockDriver, DmaMemory, findFunction, openTransport, runFirmware } from '../../src/driver/index.ts';
import { Bridge } from '../../src/pci/index.ts';
import { Decoder, placesOf, Recorder, tap, walk } from '../../src/trace/index.ts';
import {
  BlockDevice,
  type FunctionKind,
  functionKindNames,
  MemoryStorage,
  virtioFunction,
} from '../../src/virtio/index.ts';
import { SLOT, smallMachine } from '../pci/support.ts';

const storage = () => new MemoryStorage(new Uint8Array(4096).fill(3));
const SMALL = { requestBytes: 4096, depth: 2 };

function machineWith(kind: FunctionKind) {
  const machine = smallMachine();
  machine.plug(virtioFunction(new BlockDevice({ storage: storage() }), { kind }).pci, SLOT);
  return machine;
}

const accessesOf = (events: readonly LabEvent[]) =>
  events.filter((event): event is AccessEvent => event.kind === 'access');

describe('a tapped bus', () => {
  it.each(functionKindNames)(
    'tells accesses by the places that configuration space names, as the machine does by its own: %s',
    async (kind) => {
      const machine = machineWith(kind);
      const [own, told]: [LabEvent[], LabEvent[]] = [[], []];
      const bus = tap(machine, (event) => void told.push(event));
      runFirmware(bus);
      machine.events = (event) => void own.push(event);
      told.length = 0;
      const driver = new BlockDriver(openTransport(bus, SLOT), new DmaMemory(bus.ram, 0x10000), SMALL);
      expect((await driver.read(0, 1))[0]).toBe(3);
      driver.close();
      machine.events = null;
      const decode = (events: readonly LabEvent[]) => {
        const decoder = new Decoder();
        decoder.add(machine, findFunction(machine, SLOT)!);
        return accessesOf(events).map((event) => decoder.decode(event));
      };
      // What the tap reads in order to know places is seen by the machine, not by those who listen to the tap.
      const of = (events: readonly LabEvent[]) =>
        decode(events).filter(({ place }) => /^(legacy|common|isr|device|notify|msix-table)$/.test(place));
      expect(of(told)).toEqual(of(own));
      expect(of(told).length).toBeGreaterThan(20);
      expect(told.filter(({ kind: each }) => each === 'interrupt').length).toBe(1);
    },
  );

  it('names the places of what is behind bridges, and the registers of bridges', () => {
    const machine = smallMachine();
    const outer = new Bridge({ kind: 'root-port' });
    machine.plug(outer, SLOT);
    const inner = new Bridge({ kind: 'pci-to-pci' });
    machine.plug(inner, { behind: outer });
    const { pci } = virtioFunction(new BlockDevice({ storage: storage() }), { kind: 'legacy' });
    machine.plug(pci, { behind: inner, device: 3 });
    const events: LabEvent[] = [];
    const bus = tap(machine, (event) => void events.push(event));
    runFirmware(bus);
    bus.ioRead(pci.bars.find(({ kind }) => kind === 'io')!.address + 18, 1);
    const decoder = new Decoder();
    for (const fn of [SLOT, 0x100, 0x218]) decoder.add(machine, findFunction(machine, fn)!);
    const decoded = accessesOf(events).map((event) => decoder.decode(event));
    expect(decoded.at(-1)).toMatchObject({ function: '02:03.0', place: 'legacy', register: 'deviceStatus' });
    const names = new Set(decoded.map(({ function: fn, register }) => `${fn} ${register}`));
    expect(['00:04.0 memoryBase', '01:00.0 subordinateBusNumber'].filter((name) => !names.has(name))).toEqual(
      [],
    );
  });

  it('follows a BAR that is moved', () => {
    const machine = machineWith('legacy');
    const events: LabEvent[] = [];
    const bus = tap(machine, (event) => void events.push(event));
    runFirmware(bus);
    const port = findFunction(machine, SLOT)!.bars[0]!.address;
    bus.ioRead(port + 18, 1);
    bus.configWrite(SLOT, 0x10, 4, port + 0x100);
    bus.ioRead(port + 18, 1);
    bus.ioRead(port + 0x112, 1);
    expect(
      accessesOf(events)
        .filter(({ space }) => space === 'io')
        .map(({ target, offset }) => [target, offset]),
    ).toEqual([
      ['00:04.0 BAR0 legacy', 18],
      ['', 0],
      ['00:04.0 BAR0 legacy', 18],
    ]);
  });

  it('may be tapped again, by others, and recorded', () => {
    const machine = machineWith('modern');
    const recorder = new Recorder();
    const other: LabEvent[] = [];
    const bus = tap(tap(machine, recorder.sink('inner')), (event) => void other.push(event));
    runFirmware(bus);
    const { start } = placesOf(bus).find(({ target }) => target.endsWith('common'))!;
    bus.memoryWrite(start + 20, 1, 0x1ff);
    expect(bus.memoryRead(start + 20, 1)).toBe(machine.memoryRead(start + 20, 1));
    expect(
      accessesOf(other)
        .slice(-2)
        .map(({ operation, value }) => [operation, value]),
    ).toEqual([
      ['write', 0xff],
      ['read', machine.memoryRead(start + 20, 1)],
    ]);
    const kept = [...walk(recorder.roots)].map(({ node }) => node.event);
    expect(kept.filter((event) => event?.kind === 'access' && event.target.endsWith('common')).length).toBe(
      2,
    );
    bus.pause();
    expect(bus.dmaMemory?.(SLOT)).toBe(machine.ram);
  });

  it('tells of functions that move, go and are loaded as the bus does', () => {
    const machine = machineWith('modern');
    const bus = tap(machine, () => {});
    const heard: string[] = [];
    const hear = (what: string) => () => void heard.push(what);
    bus.watchFunction!(SLOT, {
      moved: hear('moved'),
      removed: hear('removed'),
      loading: hear('loading'),
      loaded: hear('loaded'),
      resume: (go) => go(),
    });
    runFirmware(bus);
    machine.load(machine.save());
    machine.unplug(SLOT);
    expect(new Set(heard)).toEqual(new Set(['moved', 'loading', 'loaded', 'removed']));
  });

  it('tells the bounds of every access around what the bus does', () => {
    const machine = smallMachine();
    const told: string[] = [];
    const sink = (who: string) => (event: LabEvent) => void told.push(`${who} ${event.kind}`);
    const bus = tap(machine, sink('tap'));
    bus.ioRead(0x80, 1);
    machine.events = sink('bus');
    const of = (access: () => void) => {
      told.length = 0;
      access();
      return told;
    };
    const own = ['bus enter', 'bus access', 'bus leave'];
    const read = ['tap enter', ...own, 'tap access', 'tap leave'];
    const write = ['tap enter', 'tap access', ...own, 'tap leave'];
    expect(of(() => bus.ioRead(0x80, 1))).toEqual(read);
    expect(of(() => bus.ioWrite(0x80, 1, 1))).toEqual(write);
    expect(of(() => bus.memoryRead(0x1000, 4))).toEqual(read);
    expect(of(() => bus.memoryWrite(0x1000, 4, 1))).toEqual(write);
    expect(of(() => bus.configRead(0, 4, 2))).toEqual(read);
    expect(of(() => bus.configWrite(0, 0x3c, 1, 0))).toEqual(write);
  });

  it('closes the bounds of an access that throws', () => {
    const machine = smallMachine();
    const broken = () => {
      throw new Error('broken');
    };
    machine.io.map({ name: 'broken', start: 0x200, length: 4, target: { read: broken, write: broken } });
    const told: string[] = [];
    const bus = tap(machine, ({ kind }) => void told.push(kind));
    expect(() => bus.ioRead(0x200, 1)).toThrow('broken');
    expect(() => bus.ioWrite(0x200, 1, 0)).toThrow('broken');
    expect(told).toEqual(['enter', 'leave', 'enter', 'access', 'leave']);
  });

  it('tells of an interrupt before its handler runs, by its line, its entry, or its data', () => {
    const machine = smallMachine();
    const seen: unknown[] = [];
    const bus = tap(machine, (event) => void seen.push(event));
    const { interrupts } = bus;
    const disconnect = interrupts.connectLine(11, () => {
      seen.push('line');
      machine.interrupts.setLine(11, SLOT, false);
      return true;
    });
    const bare = interrupts.allocateMessage(() => void seen.push('bare'));
    const placed = interrupts.allocateMessage(() => void seen.push('placed'), { fn: SLOT, entry: 3 });
    machine.interrupts.setLine(11, SLOT, true);
    for (const { data } of [bare, placed]) machine.interrupts.message(SLOT, data);
    machine.pause();
    const interrupt = { kind: 'interrupt', asserted: true };
    expect(seen).toEqual([
      { ...interrupt, signal: 'line', vector: 11, source: null },
      'line',
      { ...interrupt, signal: 'message', vector: bare.data, source: null },
      'bare',
      { ...interrupt, signal: 'message', vector: 3, source: SLOT },
      'placed',
    ]);
    disconnect();
    machine.interrupts.setLine(11, SLOT, true);
    machine.pause();
    expect(seen).toHaveLength(6);
  });
});
