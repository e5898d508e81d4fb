import { describe, expect, it, test } from 'vitest';
import { lengthOf, type Width } from '../../../src/core/index.ts';
import { BarError } from '../../../src/pci/index.ts';
import {
  commonConfig,
  deviceStatus,
  feature,
  notifyCapability,
  P9Device,
  P9MemoryServer,
  StructurePlaceError,
  type StructurePlaces,
  structureCapability,
  structureType,
  virtioFunction,
} from '../../../src/virtio/index.ts';
import { BUFFERS, Guest, type GuestOptions } from '../support/guests.ts';
import { Probe } from '../support/probe.ts';

const typeNames = new Map<number, string>(Object.entries(structureType).map(([name, type]) => [type, name]));

/** A place that a capability names. */
interface Place {
  readonly type: string;
  readonly bar: number;
  readonly offset: number;
  readonly length: number;
  readonly multiplier: number | null;
}

/** Reads the structures' capabilities as a driver does, and reaches the structures wherever they stand. */
class AnyGuest extends Guest {
  readonly places: readonly Place[];

  constructor(structures: StructurePlaces, options: GuestOptions = {}) {
    super(new Probe({ queueSizes: [4, 4, 4] }), { kind: 'modern', shape: { structures }, ...options });
    const field = (at: number, name: keyof typeof structureCapability) =>
      this.config.read(at + structureCapability[name].offset, structureCapability[name].width as Width);
    this.places = this.found.capabilities
      .filter(({ id, offset }) => id === 0x09 && field(offset, 'structureType') <= structureType.device)
      .map(({ offset: at }) => {
        const type = typeNames.get(field(at, 'structureType'))!;
        const isNotify = type === 'notify';
        expect(field(at, 'capabilityLength')).toBe(
          lengthOf(isNotify ? notifyCapability : structureCapability),
        );
        return {
          type,
          bar: field(at, 'bar'),
          offset: field(at, 'offset'),
          length: field(at, 'length'),
          multiplier: isNotify ? this.config.read(at + notifyCapability.notifyOffMultiplier.offset, 4) : null,
        };
      });
  }

  /** The `index`th place of a structure. */
  place(type: string, index = 0): Place {
    return this.places.filter((each) => each.type === type)[index]!;
  }

  isIo({ bar }: Place): boolean {
    return this.found.bars.find(({ index }) => index === bar)!.kind === 'io';
  }

  read(place: Place, offset: number, width: Width): number {
    const address = this.bar(place.bar) + place.offset + offset;
    return this.isIo(place) ? this.machine.ioRead(address, width) : this.machine.memoryRead(address, width);
  }

  write(place: Place, offset: number, width: Width, value: number): void {
    const address = this.bar(place.bar) + place.offset + offset;
    if (this.isIo(place)) this.machine.ioWrite(address, width, value);
    else this.machine.memoryWrite(address, width, value);
  }

  common(name: keyof typeof commonConfig, value?: number, index = 0): number {
    const { offset, width } = commonConfig[name];
    const place = this.place('common', index);
    if (value !== undefined) this.write(place, offset, width as Width, value);
    return this.read(place, offset, width as Width);
  }

  /** Brings queue 1 up with rings at fixed places, through the common structure's `index`th place. */
  start(features: readonly number[] = []): void {
    this.common('deviceStatus', deviceStatus.acknowledge | deviceStatus.driver);
    this.common('driverFeatureSelect', 1);
    const high = features.reduce((bits, bit) => bits | (1 << (bit - 32)), 1);
    this.common('driverFeature', high >>> 0);
    this.common('deviceStatus', 0x0b);
    this.common('queueSelect', 1);
    this.common('queueDescriptorLow', 0x10000);
    this.common('queueDriverLow', 0x11000);
    this.common('queueDeviceLow', 0x12000);
    this.common('queueEnable', 1);
    expect(this.common('deviceStatus', 0x0f)).toBe(0x0f);
  }

  /** Offers one more chain of one byte. */
  offer(count: number): void {
    const { machine } = this;
    machine.memoryWrite(0x10000, 4, BUFFERS);
    machine.memoryWrite(0x10008, 4, 1);
    machine.memoryWrite(0x1000c, 2, 2);
    machine.memoryWrite(0x11002, 2, count);
  }

  get handled(): readonly unknown[] {
    return (this.device.behaviour as Probe).handled;
  }
}

const everywhere: StructurePlaces = {
  common: ['io', 'memory'],
  isr: ['io', 'memory'],
  device: ['io', 'memory'],
  notify: ['io', 'memory'],
};
const onlyPorts: StructurePlaces = { common: ['io'], isr: ['io'], device: ['io'], notify: ['io'] };

describe('the modern structures stand', () => {
  it('in memory where nothing is said', () => {
    const guest = new AnyGuest({});
    expect(guest.places.map(({ type, bar, offset, length }) => [type, bar, offset, length])).toEqual([
      ['common', 4, 0, 0x1000],
      ['isr', 4, 0x1000, 0x1000],
      ['device', 4, 0x2000, 0x1000],
      ['notify', 4, 0x3000, 0x1000],
    ]);
    expect(guest.found.bars.map(({ kind }) => kind)).not.toContain('io');
  });

  it('in I/O space beside memory, the preferred place first (PCI-CAP-03, PCI-CAP-17)', () => {
    const guest = new AnyGuest({ notify: ['io', 'memory'] });
    expect(guest.places.map((place) => [place.type, guest.isIo(place), place.multiplier])).toEqual([
      ['common', false, null],
      ['isr', false, null],
      ['device', false, null],
      ['notify', true, 0],
      ['notify', false, 4],
    ]);
    const turned = new AnyGuest({ notify: ['memory', 'io'] });
    expect(turned.places.slice(3).map((place) => turned.isIo(place))).toEqual([false, true]);
  });

  it('wholly in I/O space, with no memory BAR but that of MSI-X', () => {
    const guest = new AnyGuest(onlyPorts);
    expect(guest.places.map((place) => guest.isIo(place))).toEqual([true, true, true, true]);
    expect(guest.found.bars.map(({ kind, index }) => [index, kind])).toEqual([
      [0, 'io'],
      [1, 'memory32'],
    ]);
  });

  test.each([
    ['modern', {}, 0],
    ['transitional', {}, 2],
    ['modern', { sharedMemory: [{ id: 1, bytes: new Uint8Array(16) }] }, 0],
  ] as const)('in I/O space in a BAR that is free: %s %j', (kind, options, bar) => {
    expect(new AnyGuest({ notify: ['io'] }, { kind, ...options }).place('notify').bar).toBe(bar);
  });

  test.each([everywhere, onlyPorts, { notify: ['io', 'memory'] }, {}] as StructurePlaces[])(
    'each in its place, none over another, aligned, inside its BAR (PCI-NOT-02, PCI-NOT-07, PCI-DEV-02): %j',
    (structures) => {
      const guest = new AnyGuest(structures);
      for (const [i, place] of guest.places.entries()) {
        const size = guest.found.bars.find(({ index }) => index === place.bar)!.size;
        expect([place.offset % 4, place.offset + place.length <= size]).toEqual([0, true]);
        for (const other of guest.places.slice(i + 1))
          if (other.bar === place.bar)
            expect(
              place.offset + place.length <= other.offset || other.offset + other.length <= place.offset,
            ).toBe(true);
      }
      // PCI-NOT-09: every queue's place lies in the structure, whatever its multiplier.
      for (const place of guest.places.filter(({ type }) => type === 'notify'))
        for (let queue = 0; queue < 3; queue++) {
          guest.common('queueSelect', queue);
          const at = guest.common('queueNotifyOffset') * place.multiplier!;
          expect(at + 4).toBeLessThanOrEqual(place.length);
        }
    },
  );

  test.each([
    [{ notify: [] }],
    [{ common: ['io', 'io'] }],
    [{ isr: ['rom'] }],
    [{ pciConfig: ['io'] }],
  ] as unknown as [StructurePlaces][])('nowhere else: %j', (structures) => {
    expect(() => virtioFunction(new Probe(), { kind: 'modern', shape: { structures } })).toThrow(
      StructurePlaceError,
    );
  });

  it('in no I/O BAR that is too small for them, or not free', () => {
    const server = new P9MemoryServer({});
    const large = new P9Device({ server, mountTag: 'x'.repeat(200) });
    expect(() => virtioFunction(large, { kind: 'modern', shape: { structures: onlyPorts } })).toThrow(
      BarError,
    );
    const sharedMemory = [{ id: 1, bytes: new Uint8Array(16) }];
    expect(() =>
      virtioFunction(new Probe(), {
        kind: 'transitional',
        shape: { structures: { notify: ['io'] } },
        sharedMemory,
      }),
    ).toThrow(/shared memory/);
  });
});

describe('a driver of the structures', () => {
  test.each([onlyPorts, everywhere])('is served through ports: %j', (structures) => {
    const guest = new AnyGuest(structures);
    guest.start();
    guest.offer(1);
    guest.write(guest.place('notify'), 0, 2, 1);
    expect([guest.handled, guest.read(guest.place('isr'), 0, 1) & 1, guest.clauses()]).toEqual([
      ['1:0'],
      0,
      [],
    ]);
    guest.function.interrupts.queue(1);
    expect([guest.read(guest.place('isr'), 0, 1), guest.read(guest.place('isr'), 0, 1)]).toEqual([1, 0]);
  });

  it('finds one state in both places', () => {
    const guest = new AnyGuest(everywhere);
    guest.common('queueSelect', 2, 1);
    expect(guest.common('queueSelect', undefined, 0)).toBe(2);
    guest.function.interrupts.config();
    expect([0, 1].map((index) => guest.read(guest.place('isr', index), 0, 1))).toEqual([2, 0]);
  });

  it('kicks every queue at one port, by its number (PCI-NOT-05), and in memory each at its place', () => {
    const guest = new AnyGuest({ notify: ['io', 'memory'] });
    guest.start();
    guest.offer(1);
    guest.write(guest.place('notify', 0), 0, 2, 1);
    expect([guest.handled.length, guest.clauses()]).toEqual([1, []]);
    (guest.device.behaviour as Probe).finish(1);
    guest.offer(2);
    guest.write(guest.place('notify', 1), 4, 2, 1);
    expect([guest.handled.length, guest.clauses()]).toEqual([2, []]);
    guest.write(guest.place('notify', 1), 0, 2, 1);
    expect(guest.clauses()).toEqual(['PCI-KICK-03']);
  });

  it('kicks with notification data at a port as well (PCI-KICK-02, PCI-NOT-08)', () => {
    const guest = new AnyGuest({ notify: ['io'] }, { transportFeatures: [feature.notificationData] });
    guest.start([feature.notificationData]);
    guest.offer(1);
    guest.write(guest.place('notify'), 0, 4, 0x0001_0001);
    expect([guest.handled.length, guest.clauses()]).toEqual([1, []]);
  });

  it('reaches them through the window in configuration space, which reaches no other I/O (PCI-CFGW-02)', () => {
    const guest = new AnyGuest({ common: ['io'] }, { kind: 'transitional' });
    const window = guest.found.capabilities.find(
      ({ id, offset }) => id === 0x09 && guest.config.read(offset + 3, 1) === structureType.pciConfig,
    )!.offset;
    const aim = (bar: number, offset: number, length: number) => {
      guest.config.write(window + 4, 1, bar);
      guest.config.write(window + 8, 4, offset);
      guest.config.write(window + 12, 4, length);
      return guest.config.read(window + 16, 4);
    };
    const { bar, offset } = guest.place('common');
    expect([bar, aim(bar, offset + commonConfig.numQueues.offset, 2), guest.clauses()]).toEqual([2, 3, []]);
    // The legacy block's features.
    expect([aim(0, 0, 4), guest.clauses()]).toEqual([0, ['PCI-CFGW-05']]);
  });
});
