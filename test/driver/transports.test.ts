import { describe, expect, it, test } from 'vitest';
import { DmaDomain, registers, rw, type Width } from '../../src/core/index.ts';
import {
  DeviceFailedError,
  findFunction,
  legacyAccess,
  ModernTransport,
  NoDeviceError,
  ResourceError,
  runFirmware,
  swapBytes,
  type Transport,
  type TransportOptions,
} from '../../src/driver/index.ts';
import {
  DeviceConfig,
  feature,
  featureWords,
  structureCapability,
  type VirtioFunction,
  virtioFunction,
} from '../../src/virtio/index.ts';
import { accessesIn, at, configOf, interruptsIn, SLOT, smallMachine, watch } from '../pci/support.ts';
import { Probe } from '../virtio/support/probe.ts';
import { functionWith, type Kind, kinds, transportOf } from './support/kinds.ts';

const config = () => {
  const made = new DeviceConfig(registers({ wide: rw(0, 4), half: rw(4, 2), byte: rw(6, 1) }));
  made.set('wide', 0x11223344);
  made.set('half', 0x5566);
  made.set('byte', 0x77);
  return made;
};

interface Options extends TransportOptions {
  readonly vectors?: number;
  readonly held?: boolean;
  readonly transportFeatures?: readonly number[];
}

/** One device behind one of the three transports. */
function open(kind: Kind, { vectors, held = false, transportFeatures, ...options }: Options = {}) {
  const machine = smallMachine({ holdPostedWrites: held });
  const probe = new Probe({ type: 'block', config: config(), features: [3], queueSizes: [8, 8] });
  const some = {
    ...(vectors === undefined ? {} : { vectors }),
    ...(transportFeatures === undefined ? {} : { transportFeatures }),
    guestEndian: options.bigEndian === true ? ('big' as const) : ('little' as const),
  };
  const fn: VirtioFunction = functionWith(kind, probe, some);
  machine.plug(fn.pci, SLOT, new DmaDomain(machine.ram));
  runFirmware(machine);
  const found = findFunction(machine, SLOT)!;
  const transport: Transport = transportOf(kind, machine, found, options);
  return { machine, probe, fn, found, transport, events: watch(machine) };
}

const place = { descriptor: 0x10000, driver: 0x10080, device: 0x11000 };

describe.each(kinds)('the %s transport', (kind) => {
  it('takes the function over: bus mastering on, MSI-X off, INTx not disabled', () => {
    const { machine, fn, found } = open(kind);
    const { read, write } = configOf(machine);
    const msix = found.capabilities.find(({ id }) => id === 0x11)!.offset;
    write(msix + 2, 2, 0x8000);
    write(at.command, 2, 0x403);
    const again = findFunction(machine, SLOT)!;
    transportOf(kind, machine, again);
    expect([fn.pci.msixEnabled, fn.pci.busMaster, read(at.command, 2) & 0x404]).toEqual([false, true, 0x004]);
  });

  it('writes and reads status, and resets until it is 0', () => {
    const { transport, probe } = open(kind);
    transport.setStatus(3);
    expect([transport.status, probe.device.status]).toEqual([3, 3]);
    transport.reset();
    expect(transport.status).toBe(0);
  });

  it('gives up a device that does not finish its reset', () => {
    const { transport, probe } = open(kind);
    transport.setStatus(1);
    probe.device.reset = () => {};
    expect(() => transport.reset()).toThrow(DeviceFailedError);
  });

  it('carries features by word', () => {
    const { transport, probe } = open(kind);
    const offered = transport.readFeatures();
    expect([offered[0]! & 8, offered[1]]).toEqual([8, kind === 'modern' ? 0x101 : 0]);
    transport.writeFeatures(featureWords(kind === 'modern' ? [3, 32] : [3]));
    expect([probe.device.has(3), probe.device.legacyDriver]).toEqual([true, kind !== 'modern']);
  });

  it('knows which queues there are, sets them up, and kicks the one that it means', () => {
    const { transport, probe, machine } = open(kind);
    expect([transport.queueSize(0), transport.queueSize(1), transport.queueSize(2)]).toEqual([8, 8, 0]);
    transport.setUpQueue(1, 8, place);
    const ring = probe.device.queue(1)!;
    expect([ring.ready, ring.size]).toEqual([true, 8]);
    expect((['descriptor', 'driver', 'device'] as const).map((area) => ring.addresses.get(area))).toEqual([
      0x10000, 0x10080, 0x11000,
    ]);
    if (kind === 'modern') {
      transport.writeFeatures(featureWords([32]));
      transport.setStatus(0x0f);
    }
    machine.ram.write(0x10080, Uint8Array.of(0, 0, 1, 0));
    transport.notify(1, 0);
    expect(probe.handled).toEqual(['1:0']);
  });

  it('reads and writes configuration in the order of the device, at each width', () => {
    const bigEndian = kind !== 'modern';
    for (const { transport } of [open(kind), open(kind, { bigEndian })]) {
      expect([transport.readConfig(0, 4), transport.readConfig(4, 2), transport.readConfig(6, 1)]).toEqual([
        0x11223344, 0x5566, 0x77,
      ]);
      transport.writeConfig(4, 2, 0x1234);
      transport.writeConfig(0, 4, 0xffee_ddcc);
      expect([transport.readConfig(4, 2), transport.readConfig(0, 4)]).toEqual([0x1234, 0xffeeddcc]);
      transport.connect({ queue: () => {}, config: () => {} });
      expect(transport.readConfig(4, 2)).toBe(0x1234);
    }
  });

  it.each([
    ['messages', {}, ['message 0', 'message 1']],
    [
      'the line, where the driver wants it',
      { intx: true },
      ['line 11 up', 'line 11 down', 'line 11 up', 'line 11 down'],
    ],
    [
      'the line, where there is one vector only (PCI-MSIX-11)',
      { vectors: 1 },
      ['line 11 up', 'line 11 down', 'line 11 up', 'line 11 down'],
    ],
    [
      'the line, where there is no MSI-X',
      { vectors: 0 },
      ['line 11 up', 'line 11 down', 'line 11 up', 'line 11 down'],
    ],
  ])('hears of both kinds of events by %s, and of none once it has let go', (_, options, signals) => {
    const { transport, fn, events, machine } = open(kind, options);
    const log: string[] = [];
    // INTx is off with MSI-X on, and back afterwards.
    const intxOff = () => (configOf(machine).read(at.command, 2) & 0x400) !== 0;
    transport.connect({ queue: () => log.push('queue'), config: () => log.push('config') });
    expect(intxOff()).toBe(fn.pci.msixEnabled);
    transport.setUpQueue(0, 8, place);
    events.length = 0;
    fn.interrupts.config();
    fn.interrupts.queue(0);
    expect([log, interruptsIn(events)]).toEqual([['config', 'queue'], signals]);
    transport.disconnect();
    fn.interrupts.queue(0);
    expect([log.length, fn.pci.msixEnabled, intxOff()]).toEqual([2, false, false]);
  });

  it('PCI-MSIX-14: reads back each vector, and fails where the device cannot map it', () => {
    const { transport, fn } = open(kind);
    const { interrupts } = fn;
    transport.connect({ queue: () => {}, config: () => {} });
    interrupts.setQueueVector = () => {};
    expect(() => transport.setUpQueue(0, 8, place)).toThrow(DeviceFailedError);
  });

  it.each([
    ['there', false, []],
    ['gone', true, ['config']],
  ] as const)('does not answer for others on a shared line, be it %s', (_, gone, expected) => {
    const { transport, machine } = open(kind, { intx: true });
    const log: string[] = [];
    transport.connect({ queue: () => log.push('queue'), config: () => log.push('config') });
    if (gone) machine.unplug(SLOT);
    // Who is asked again and again has said that the interrupt was its own.
    machine.interrupts.setLine(11, 0x99, true);
    expect([log, machine.interrupts.isAsserted(11)]).toEqual([expected, true]);
  });
});

describe('the legacy transport', () => {
  it('PCI-LAY-01: uses each register with its own width', () => {
    const { transport, events } = open('legacy');
    transport.setStatus(1);
    transport.writeFeatures(featureWords([3]));
    transport.setUpQueue(0, 8, place);
    transport.notify(0, 0);
    const seen = accessesIn(events).map((access) => access.replace(/ .*legacy/, ' ').replace(/=.*/, ''));
    expect(seen).toEqual(['w1 +12', 'w4 +4', 'w2 +e', 'r4 +8', 'w4 +8', 'w2 +10']);
  });

  it('does not take a queue that somebody else uses', () => {
    const { transport } = open('legacy');
    transport.setUpQueue(0, 8, place);
    expect(() => transport.setUpQueue(0, 8, place)).toThrow(/in use already/);
  });

  // LEG-VQ-02: the register holds a page number of 32 bits, and 0 says that there is no queue.
  test.each([
    ['at page 0', 0],
    ['beyond 32-bit page numbers', 2 ** 44],
    ['that does not begin a page', 0x10010],
  ])('LEG-VQ-02: takes no ring %s, and touches nothing', (_, descriptor) => {
    const { transport, probe, events } = open('legacy');
    events.length = 0;
    expect(() => transport.setUpQueue(0, 8, { ...place, descriptor })).toThrow(ResourceError);
    expect([probe.device.queue(0)!.ready, accessesIn(events)]).toEqual([false, []]);
  });

  it('has no reset of a single queue', () => {
    expect(() => open('legacy').transport.resetQueue(0)).toThrow(DeviceFailedError);
  });

  it('LEG-DET-01: wants a BAR0 with an address', () => {
    const machine = smallMachine();
    machine.plug(virtioFunction(new Probe(), { kind: 'modern' }).pci, SLOT);
    expect(() => legacyAccess(machine, findFunction(machine, SLOT)!)).toThrow(NoDeviceError);
    const other = smallMachine();
    other.plug(virtioFunction(new Probe(), { kind: 'legacy' }).pci, SLOT);
    expect(() => legacyAccess(other, findFunction(other, SLOT)!)).toThrow(NoDeviceError);
  });

  test.each([
    [0x12, 1, 0x12],
    [0x1234, 2, 0x3412],
    [0xff00, 2, 0x00ff],
    [0x12345678, 4, 0x78563412],
    [0x000000ff, 4, 0xff000000],
  ] as const)('swaps %d of %d bytes', (value, width, swapped) => {
    expect(swapBytes(value, width as Width)).toBe(swapped);
    expect(swapBytes(swapped, width as Width)).toBe(value);
  });
});

describe('the native MMR transport', () => {
  it('pushes each write but a notification with a read of status, and never of ISR', () => {
    const { transport, events, machine } = open('native-mmr', { held: true });
    events.length = 0;
    transport.setStatus(3);
    expect(machine.posted!.count).toBe(0);
    transport.setUpQueue(0, 8, place);
    transport.notify(0, 0);
    expect(machine.posted!.count).toBe(1);
    const seen = accessesIn(events).map((access) => access.replace(/ .*legacy/, ' ').replace(/=.*/, ''));
    expect(seen).toEqual(['w1 +12', 'r1 +12', 'w2 +e', 'r1 +12', 'r4 +8', 'w4 +8', 'r1 +12', 'w2 +10']);
  });
});

describe('the modern transport', () => {
  const broken = (change: (fn: VirtioFunction, structure: (type: number) => number) => void) => {
    const machine = smallMachine();
    const fn = virtioFunction(new Probe({ config: config() }), { kind: 'modern' });
    const structure = (type: number) =>
      fn.pci.capabilities.offsets.find(
        (offset) => fn.pci.config.get(offset, 1) === 9 && fn.pci.config.get(offset + 3, 1) === type,
      )!;
    change(fn, structure);
    machine.plug(fn.pci, SLOT);
    runFirmware(machine);
    return () => new ModernTransport(machine, findFunction(machine, SLOT)!);
  };

  test.each([
    ['common', 1],
    ['notify', 2],
    ['isr', 3],
  ])('LEG-DET-05: fails cleanly without a %s structure', (name, type) => {
    const make = broken((fn, structure) =>
      fn.pci.config.set(structure(type) + structureCapability.structureType.offset, 1, 0x55),
    );
    expect(make).toThrow(NoDeviceError);
    expect(make).toThrow(new RegExp(name));
  });

  test.each([
    ['PCI-CAP-10: in a BAR that does not exist', 'bar', 1, 6],
    ['in a BAR that was not given', 'bar', 1, 2],
    ['that leaves its BAR', 'offset', 4, 0x10000000],
    ['that is longer than its BAR', 'length', 4, 0x5000],
  ] as const)('passes over a structure %s', (_, field, width, value) => {
    const make = broken((fn, structure) =>
      fn.pci.config.set(structure(1) + structureCapability[field].offset, width, value),
    );
    expect(make).toThrow(NoDeviceError);
  });

  it('PCI-CAP-07, PCI-CAP-08: passes over reserved types, and takes the first of a type', () => {
    const make = broken((fn, structure) => {
      const window = structure(5);
      // A second common structure at the end of the list, in a BAR that would not do; a reserved type in the middle.
      fn.pci.config.set(window + structureCapability.bar.offset, 1, 1);
      fn.pci.config.set(window + structureCapability.structureType.offset, 1, 1);
      fn.pci.config.set(structure(4) + structureCapability.structureType.offset, 1, 0x77);
    });
    const transport = make();
    transport.setStatus(3);
    expect([transport.status, transport.queueSize(0)]).toEqual([3, 8]);
  });

  it('works without device configuration, and says so when it is read', () => {
    const transport = broken((fn, structure) => fn.pci.config.set(structure(4) + 3, 1, 0x55))();
    expect(() => transport.readConfig(0, 1)).toThrow(NoDeviceError);
    expect(() => transport.writeConfig(0, 1, 0)).toThrow(NoDeviceError);
  });

  test.each([
    [[], 'w2 00:04.0 BAR4 notify+4=1'],
    [[feature.notificationData], 'w4 00:04.0 BAR4 notify+4=80030001'],
    [[feature.notificationConfigData], 'w2 00:04.0 BAR4 notify+4=4001'],
    [[feature.notificationData, feature.notificationConfigData], 'w4 00:04.0 BAR4 notify+4=80034001'],
  ])('PCI-KICK-01..06: kicks with what was negotiated: %j', (transportFeatures, kick) => {
    const { transport, events } = open('modern', { transportFeatures });
    transport.writeFeatures(featureWords([...transportFeatures, feature.version1]));
    transport.setUpQueue(1, 8, place);
    events.length = 0;
    transport.notify(1, 0x8003);
    expect(accessesIn(events)).toEqual([kick]);
  });

  it('PCI-NOT-05: does not kick outside the structure', () => {
    const { transport, found, machine, fn } = open('modern');
    const notify = fn.pci.capabilities.offsets.find((offset) => fn.pci.config.get(offset + 3, 1) === 2)!;
    fn.pci.config.set(notify + 16, 4, 0x1000);
    const misled = new ModernTransport(machine, found);
    expect(() => misled.setUpQueue(0, 8, place)).not.toThrow();
    expect(() => misled.setUpQueue(1, 8, place)).toThrow(DeviceFailedError);
    transport.setUpQueue(1, 8, place);
  });

  it('PCI-COM-24: takes one queue down, and believes it when queue_reset reads 0', () => {
    const { transport, probe, events } = open('modern');
    transport.writeFeatures(featureWords([feature.ringReset, feature.version1]));
    transport.setUpQueue(1, 8, place);
    events.length = 0;
    transport.resetQueue(1);
    expect(probe.device.queue(1)!.ready).toBe(false);
    expect(accessesIn(events).map((access) => access.replace(/00:04.0 BAR4 /, ''))).toEqual([
      'w2 common+16=1',
      'w2 common+3a=1',
      'r2 common+3a=0',
      'r2 common+1c=0',
    ]);
    transport.setUpQueue(1, 4, place);
    expect(probe.device.queue(1)!.size).toBe(4);
  });

  it.each([
    ['never ends', { queueResetRuns: (): boolean => true }],
    ['leaves the queue enabled', { startQueueReset: (): void => {} }],
  ])('PCI-COM-13, BF-VQR-03: gives a device up whose queue reset %s', (_, broken) => {
    const { transport, probe } = open('modern');
    transport.writeFeatures(featureWords([feature.ringReset, feature.version1]));
    transport.setUpQueue(1, 8, place);
    Object.assign(probe.device, broken);
    expect(() => transport.resetQueue(1)).toThrow(DeviceFailedError);
  });

  it('kicks a queue at its own place (PCI-NOT-03)', () => {
    const { transport, events } = open('modern');
    transport.setUpQueue(1, 8, place);
    events.length = 0;
    transport.notify(1, 0);
    expect(accessesIn(events)).toEqual(['w2 00:04.0 BAR4 notify+4=1']);
  });
});
