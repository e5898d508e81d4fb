import { describe, expect, it, test } from 'vitest';
import { functionAddress, type Width } from '../../src/core/index.ts';
import {
  BarError,
  Bridge,
  type BridgeKind,
  type BridgeOptions,
  FunctionOptionsError,
  type Machine,
  PlaceError,
  routePin,
} from '../../src/pci/index.ts';
import {
  accessesIn,
  addScratch,
  at,
  bareFunction,
  bridgeAt,
  bridgeOf,
  configOf,
  interruptsIn,
  smallMachine,
  watch,
} from './support.ts';

const BRIDGE = functionAddress(0, 2);
const [IO, MEMORY, MASTER] = [1, 2, 4];
const ALL = IO | MEMORY | MASTER;

/** A machine with a bridge at 00:02.0, and a function with three BARs behind it. */
function behindBridge(options: BridgeOptions = { kind: 'pci-to-pci' }, device = 0) {
  const machine = smallMachine();
  const bridge = new Bridge(options);
  machine.plug(bridge, BRIDGE);
  const fn = bareFunction();
  const targets = [
    addScratch(fn, 0, 'io', 32),
    addScratch(fn, 1, 'memory32', 0x1000),
    addScratch(fn, 2, 'memory64', 0x1000),
  ];
  machine.plug(fn, { behind: bridge, device });
  return {
    machine,
    bridge,
    fn,
    targets,
    upper: bridgeOf(machine, BRIDGE),
    place: functionAddress(5, device),
  };
}

/** The same, with everything programmed and open. */
function open(options: BridgeOptions = { kind: 'pci-to-pci' }) {
  const made = behindBridge(options);
  const { machine, upper, place } = made;
  upper.buses(5);
  upper.io(0xc000, 0xd000);
  upper.memory(0xc0000000, 0xc0100000);
  upper.prefetchable(0x80_0000_0000, 0x80_0010_0000);
  upper.command(ALL);
  const lower = configOf(machine, place);
  lower.setBar(0, 0xc000);
  lower.setBar(1, 0xc0000000);
  lower.setBar(2, 0);
  lower.setBar(3, 0x80);
  lower.command(ALL);
  return { ...made, lower };
}

/** Whether each BAR of the function answers where {@link open} puts it. */
function answers(machine: Machine): string {
  const io = machine.ioRead(0xc000, 1) !== 0xff;
  const memory = machine.memoryRead(0xc0000000, 1) !== 0xff;
  const prefetchable = machine.memoryRead(0x80_0000_0000, 1) !== 0xff;
  return [io, memory, prefetchable].map((each) => (each ? 'y' : 'n')).join('');
}

type Row = readonly [name: string, offset: number, width: Width, reset: number, allOnes: number];

const common: Row[] = [
  ['class', 0x08, 4, 0x06040000, 0x06040000],
  ['bus numbers', bridgeAt.primary, 2, 0, 0xffff],
  ['subordinate bus', bridgeAt.subordinate, 1, 0, 0xff],
  ['secondary status', bridgeAt.secondaryStatus, 2, 0, 0],
  ['memory base', bridgeAt.memoryBase, 2, 0, 0xfff0],
  ['memory limit', bridgeAt.memoryLimit, 2, 0, 0xfff0],
];

const windows: Readonly<Record<string, readonly [Partial<BridgeOptions>, readonly Row[]]>> = {
  'with a window of 16-bit I/O and one of 64-bit memory': [
    {},
    [
      ['I/O base and limit', bridgeAt.ioBase, 2, 0, 0xf0f0],
      ['I/O upper halves', bridgeAt.ioBaseUpper, 4, 0, 0],
      ['prefetchable base and limit', bridgeAt.prefetchableBase, 4, 0x00010001, 0xfff1fff1],
      ['prefetchable base, upper half', bridgeAt.prefetchableBaseUpper, 4, 0, 0xffffffff],
      ['prefetchable limit, upper half', bridgeAt.prefetchableLimitUpper, 4, 0, 0xffffffff],
    ],
  ],
  'with a window of 32-bit I/O and one of 32-bit memory': [
    { ioWindow: 32, prefetchableWindow: 32 },
    [
      ['I/O base and limit', bridgeAt.ioBase, 2, 0x0101, 0xf1f1],
      ['I/O upper halves', bridgeAt.ioBaseUpper, 4, 0, 0xffffffff],
      ['prefetchable base and limit', bridgeAt.prefetchableBase, 4, 0, 0xfff0fff0],
      ['prefetchable base, upper half', bridgeAt.prefetchableBaseUpper, 4, 0, 0],
    ],
  ],
  'without both': [
    { ioWindow: null, prefetchableWindow: null },
    [
      ['I/O base and limit', bridgeAt.ioBase, 2, 0, 0],
      ['I/O upper halves', bridgeAt.ioBaseUpper, 4, 0, 0],
      ['prefetchable base and limit', bridgeAt.prefetchableBase, 4, 0, 0],
      ['prefetchable limit, upper half', bridgeAt.prefetchableLimitUpper, 4, 0, 0],
    ],
  ],
};

describe("a bridge's registers (PCI-to-PCI Bridge 1.2, section 3.2)", () => {
  const rows = Object.entries(windows).flatMap(([name, [options, own]]) =>
    [...common, ...own].map(([register, ...row]) => [`${name}: ${register}`, options, ...row] as const),
  );
  test.each(rows)('%s', (_, options, offset, width, reset, allOnes) => {
    const machine = smallMachine();
    machine.plug(new Bridge({ kind: 'pci-to-pci', ...options }), BRIDGE);
    const { read, write } = configOf(machine, BRIDGE);
    expect(read(offset, width)).toBe(reset);
    write(offset, width, 2 ** (8 * width) - 1);
    expect(read(offset, width)).toBe(allOnes);
  });

  it('begin with a header of type 1, also where the device has another function', () => {
    const machine = smallMachine();
    machine.plug(new Bridge({ kind: 'pci-to-pci' }), BRIDGE);
    machine.plug(new Bridge({ kind: 'pci-to-pci' }), BRIDGE + 1);
    expect([BRIDGE, BRIDGE + 1].map((place) => machine.configRead(place, 0x0e, 1))).toEqual([0x81, 0x81]);
  });

  it('leave room for two BARs', () => {
    const bridge = new Bridge({ kind: 'pci-to-pci' });
    addScratch(bridge, 1, 'memory32', 0x1000);
    expect(() => addScratch(bridge, 2, 'memory32', 0x1000)).toThrow(BarError);
    expect(() => addScratch(new Bridge({ kind: 'pci-to-pci' }), 1, 'memory64', 0x1000)).toThrow(BarError);
  });
});

type Port = readonly [kind: BridgeKind, capabilities: number];

/** Version 2, device/port type in bits 7:4, slot implemented in bit 8 (PCI Express 5.0, section 7.5.3.2). */
const ports: Port[] = [
  ['root-port', 0x0142],
  ['upstream-port', 0x0052],
  ['downstream-port', 0x0162],
  ['express-to-pci', 0x0072],
];
const CAP = 0x40;

describe('the Express capability of a port (PCI Express 5.0, section 7.5.3)', () => {
  test.each(ports)('%s', (kind, capabilities) => {
    const { config } = new Bridge({ kind });
    expect([config.get(CAP, 1), config.get(CAP + 0x02, 2)]).toEqual([0x10, capabilities]);
    // No function-level reset: bit 28.
    expect(config.get(CAP + 0x04, 4)).toBe(0x00008000);
  });

  it.each<[BridgeKind, number, number]>([
    ...ports.map(([kind]) => [kind, 4096, 0] as [BridgeKind, number, number]),
    ['pci-to-pci', 256, 0xffffffff],
  ])('goes with extended configuration space: %s has %d bytes', (kind, bytes, beyond) => {
    const { config } = new Bridge({ kind });
    expect([config.length, config.read(0x100, 4)]).toEqual([bytes, beyond]);
  });

  it('has no slot where the device behind it is soldered', () => {
    const { config } = new Bridge({ kind: 'root-port', slotNumber: null });
    expect([config.get(CAP + 0x02, 2), config.get(CAP + 0x14, 4)]).toEqual([0x0042, 0]);
  });

  it('tells the number of its slot, whether anything is in it, and interrupts where that changes', () => {
    const machine = smallMachine();
    const port = new Bridge({ kind: 'root-port', slotNumber: 7 });
    machine.plug(port, BRIDGE);
    const { read, write } = configOf(machine, BRIDGE);
    const [linkStatus, slotCapabilities, slotControl, slotStatus] = [
      CAP + 0x12,
      CAP + 0x14,
      CAP + 0x18,
      CAP + 0x1a,
    ];
    // Slot number 7 in bits 31:19, hot-plug surprise and capable in bits 5 and 6, no command completed in bit 18.
    expect(read(slotCapabilities, 4)).toBe((7 << 19) | (1 << 18) | 0x60);
    expect([read(slotStatus, 2), read(linkStatus, 2) & 0x2000]).toEqual([0, 0]);
    // Presence detect changed and hot-plug interrupt enable.
    write(slotControl, 2, 0x28);
    const events = watch(machine);
    const fn = bareFunction();
    machine.plug(fn, { behind: port });
    // Presence detect state and changed, and the link's change.
    expect([read(slotStatus, 2), read(linkStatus, 2) & 0x2000]).toEqual([0x148, 0x2000]);
    write(slotStatus, 2, 0x108);
    machine.unplug(fn);
    write(slotStatus, 2, 0x108);
    const line = routePin(2, 1);
    expect(interruptsIn(events)).toEqual([
      `line ${line} up`,
      `line ${line} down`,
      `line ${line} up`,
      `line ${line} down`,
    ]);
    expect([read(slotStatus, 2), read(linkStatus, 2) & 0x2000]).toEqual([0, 0]);
  });

  it('is that of an endpoint with a link for a function behind it, and of an integrated one elsewhere', () => {
    const machine = smallMachine();
    const port = new Bridge({ kind: 'root-port' });
    machine.plug(port, BRIDGE);
    const fn = bareFunction({ express: true });
    const read = () => [
      fn.config.get(CAP + 0x02, 2),
      fn.config.get(CAP + 0x0c, 4),
      fn.config.get(CAP + 0x12, 2),
    ];
    const integrated = read();
    machine.plug(fn, { behind: port });
    expect([integrated, read()]).toEqual([
      [0x0092, 0, 0],
      [0x0002, 0x00400011, 0x0011],
    ]);
    fn.reset();
    expect(read()[0]).toBe(0x0002);
    machine.unplug(fn);
    expect(read()).toEqual(integrated);
    machine.plug(fn, functionAddress(0, 3));
    expect(read()).toEqual(integrated);
  });
});

describe('options of a bridge', () => {
  test.each([
    ['kind', { kind: 'cardbus' }, 'root-port, upstream-port, downstream-port, pci-to-pci, express-to-pci'],
    ['ioWindow', { kind: 'pci-to-pci', ioWindow: 64 }, '16, 32 or null'],
    ['prefetchableWindow', { kind: 'pci-to-pci', prefetchableWindow: 16 }, '32, 64 or null'],
    ['slotNumber', { kind: 'root-port', slotNumber: 8192 }, 'a whole number of 0..8191'],
    ['slotNumber', { kind: 'root-port', slotNumber: -1 }, 'a whole number of 0..8191'],
    ['slotNumber', { kind: 'root-port', slotNumber: 0.5 }, 'a whole number of 0..8191'],
    ['slotNumber', { kind: 'upstream-port', slotNumber: 1 }, 'a root port or a downstream port'],
    ['vendorId', { kind: 'root-port', vendorId: 0x10000 }, 'a whole number of 0..0xfffe'],
  ])('that no bridge has are refused: %s', (option, options, wanted) => {
    const value = options[option as keyof typeof options];
    const make = () => new Bridge(options as BridgeOptions);
    expect(make).toThrow(FunctionOptionsError);
    expect(make).toThrow(
      expect.objectContaining({ option, value, message: expect.stringContaining(wanted) }),
    );
  });

  it.each([0, 8191])('may be: slot number %d', (slotNumber) => {
    const { config } = new Bridge({ kind: 'downstream-port', slotNumber });
    expect(config.get(CAP + 0x14, 4) >>> 19).toBe(slotNumber);
  });
});

describe('configuration behind a bridge', () => {
  it('is reached by the bus number that software gave it, and by no other', () => {
    const { machine, upper } = behindBridge();
    const ids = () => [0, 1, 5, 6].map((bus) => machine.configRead(functionAddress(bus, 0), 0, 4));
    expect(ids().slice(1)).toEqual([0xffffffff, 0xffffffff, 0xffffffff]);
    upper.buses(5, 6);
    expect(ids().slice(1)).toEqual([0xffffffff, 0x56781234, 0xffffffff]);
    upper.buses(1, 6);
    expect(ids().slice(1)).toEqual([0x56781234, 0xffffffff, 0xffffffff]);
    // An empty range: the secondary bus above the subordinate one.
    upper.buses(5, 4);
    expect(ids().slice(1)).toEqual([0xffffffff, 0xffffffff, 0xffffffff]);
  });

  it('is reached through every bridge on the way, and only while each leads there', () => {
    const machine = smallMachine();
    const [root, up, down] = (['root-port', 'upstream-port', 'downstream-port'] as const).map(
      (kind) => new Bridge({ kind }),
    );
    machine.plug(root!, BRIDGE);
    machine.plug(up!, { behind: root! });
    machine.plug(down!, { behind: up!, device: 3 });
    const fn = bareFunction();
    machine.plug(fn, { behind: down! });
    const [one, two, three] = [BRIDGE, functionAddress(1, 0), functionAddress(2, 3)].map((place) =>
      bridgeOf(machine, place),
    );
    one!.buses(1, 3);
    two!.buses(2, 3);
    three!.buses(3);
    const found = () => machine.configRead(functionAddress(3, 0), 0, 4) === 0x56781234;
    expect(found()).toBe(true);
    expect([...machine.functions.keys()]).toEqual([0, BRIDGE, 0x100, 0x218, 0x300]);
    expect(machine.functions.get(0x300)).toBe(fn);
    one!.buses(1, 2);
    expect(found()).toBe(false);
    one!.buses(1, 3);
    expect(found()).toBe(true);
    two!.buses(2, 2);
    expect(found()).toBe(false);
    expect(fn.slot.path).toBe('00:02.0/00.0/03.0/00.0');
  });

  it('belongs to the lower bridge where software lets two lead to one bus', () => {
    const { machine, upper, fn } = behindBridge();
    const other = new Bridge({ kind: 'pci-to-pci' });
    machine.plug(other, functionAddress(0, 1));
    upper.buses(5);
    expect(machine.functions.get(0x500)).toBe(fn);
    bridgeOf(machine, functionAddress(0, 1)).buses(5);
    expect(machine.configRead(0x500, 0, 4)).toBe(0xffffffff);
    machine.unplug(other);
    expect(machine.functions.get(0x500)).toBe(fn);
  });

  it('is out of reach below D0, and while the secondary bus is held in reset', () => {
    const machine = smallMachine();
    const bridge = new Bridge({ kind: 'pci-to-pci' });
    bridge.addPowerManagement();
    machine.plug(bridge, BRIDGE);
    machine.plug(bareFunction(), { behind: bridge });
    const { buses, write } = bridgeOf(machine, BRIDGE);
    buses(5);
    const found = () => machine.configRead(0x500, 0, 4) === 0x56781234;
    expect(found()).toBe(true);
    write(0x44, 2, 3);
    expect(found()).toBe(false);
    write(0x44, 2, 0);
    expect(found()).toBe(true);
    write(bridgeAt.control, 2, 0x40);
    expect(found()).toBe(false);
    write(bridgeAt.control, 2, 0);
    expect(found()).toBe(true);
  });

  it('bears the new number in traces and findings where software changes it', () => {
    const { machine, upper, fn } = open();
    const events = watch(machine);
    machine.memoryRead(0xc0000010, 1);
    upper.buses(7);
    machine.memoryRead(0xc0000010, 1);
    expect(accessesIn(events).map((line) => line.split('+')[0])).toEqual([
      'r1 05:00.0 BAR1 scratch1',
      'r1 07:00.0 BAR1 scratch1',
    ]);
    expect(fn.slot.address).toBe(0x700);
    // The secondary number alone, as it changes.
    events.length = 0;
    upper.write(bridgeAt.secondary, 1, 6);
    machine.memoryRead(0xc0000010, 1);
    expect(accessesIn(events).map((line) => line.split('+')[0])).toEqual(['r1 06:00.0 BAR1 scratch1']);
  });

  it('disturbs nobody behind it while the secondary number stays', () => {
    const { upper, fn } = open();
    let decoded = 0;
    fn.onDecode.push(() => decoded++);
    upper.write(bridgeAt.primary, 1, 1);
    upper.write(bridgeAt.secondary, 1, 5);
    upper.write(bridgeAt.subordinate, 1, 9);
    expect(decoded).toBe(0);
    upper.write(bridgeAt.secondary, 1, 6);
    expect(decoded).toBe(1);
  });
});

describe('what a function behind a bridge decodes', () => {
  it('answers where it was put, with its own offsets', () => {
    const { machine, targets } = open();
    expect(answers(machine)).toBe('yyy');
    machine.ioWrite(0xc004, 2, 0x1234);
    machine.memoryWrite(0xc0000ffc, 4, 1);
    machine.memoryWrite(0x80_0000_0008, 4, 2);
    expect(targets.map(({ log }) => log.at(-1))).toEqual(['w2@4=1234', 'w4@ffc=1', 'w4@8=2']);
  });

  test.each<[string, (made: ReturnType<typeof open>) => void, string]>([
    ['I/O is off at the bridge', ({ upper }) => upper.command(MEMORY | MASTER), 'nyy'],
    ['memory is off at the bridge', ({ upper }) => upper.command(IO | MASTER), 'ynn'],
    ['bus mastering is off at the bridge', ({ upper }) => upper.command(IO | MEMORY), 'yyy'],
    ['the I/O window is closed', ({ upper }) => upper.io(0xf000, 0x1000), 'nyy'],
    ['the I/O window is elsewhere', ({ upper }) => upper.io(0xd000, 0xe000), 'nyy'],
    ['the memory window is closed', ({ upper }) => upper.memory(0xfff00000, 0x100000), 'yny'],
    ['the memory window begins later', ({ upper }) => upper.memory(0xc0100000, 0xc0200000), 'yny'],
    ['the prefetchable window is below 4 GiB', ({ upper }) => upper.prefetchable(0, 0x100000), 'yyn'],
    [
      'the memory window holds what the prefetchable one does not',
      ({ upper, lower }) => {
        upper.prefetchable(0xfff00000, 0x100000);
        upper.memory(0xc0000000, 0xd0000000);
        lower.setBar(3, 0);
        lower.setBar(2, 0xc8000000);
      },
      'yyn',
    ],
    ['the secondary bus was reset', ({ upper }) => upper.write(bridgeAt.control, 2, 0x40), 'nnn'],
  ])('while %s', (_, change, expected) => {
    const made = open();
    change(made);
    expect(answers(made.machine)).toBe(expected);
  });

  it('comes back where the window is opened again', () => {
    const { machine, upper } = open();
    upper.command(0);
    expect(answers(machine)).toBe('nnn');
    upper.command(ALL);
    expect(answers(machine)).toBe('yyy');
  });

  it('is seen as far as the window goes', () => {
    const { machine, upper, lower } = open();
    lower.setBar(1, 0xc00ff000);
    upper.memory(0xc0000000, 0xc0100000);
    expect([machine.memoryRead(0xc00ffffc, 4), machine.memoryRead(0xc0100000, 4)]).toEqual([0, 0xffffffff]);
    // Two bytes of it, and two of nobody's.
    expect(machine.memoryRead(0xc00ffffe, 4)).toBe(0xffff0000);
  });

  it('ends where the space ends, however far software lets the window reach', () => {
    const { machine, upper } = open({ kind: 'pci-to-pci', ioWindow: 32 });
    upper.write(bridgeAt.ioLimitUpper, 2, 0xffff);
    upper.write(bridgeAt.prefetchableLimitUpper, 4, 0xffffffff);
    expect(answers(machine)).toBe('yyy');
    upper.write(bridgeAt.ioBaseUpper, 2, 1);
    upper.write(bridgeAt.prefetchableBaseUpper, 4, 0xffffffff);
    expect(answers(machine)).toBe('nyn');
  });

  it('leaves ports to ISA cards where bridge control says so', () => {
    const { machine, upper, lower } = open();
    lower.setBar(0, 0xc0f0);
    lower.setBar(0, 0xc0e0);
    const at = (port: number) => {
      lower.setBar(0, port);
      return machine.ioRead(port, 1) !== 0xff;
    };
    upper.write(bridgeAt.control, 2, 0x04);
    expect([0xc000, 0xc0e0, 0xc100, 0xc3e0, 0xc400, 0xcc00, 0xcd00].map(at)).toEqual([
      true,
      true,
      false,
      false,
      true,
      true,
      false,
    ]);
    upper.write(bridgeAt.control, 2, 0);
    expect(at(0xc100)).toBe(true);
  });

  it('is told in traces by its own name, and nobody answers beside it', () => {
    const { machine } = open();
    const events = watch(machine);
    machine.memoryRead(0xc0000004, 4);
    machine.memoryRead(0xc0002000, 4);
    expect(accessesIn(events)).toEqual(['r4 05:00.0 BAR1 scratch1+4=0', 'r4 +0=ffffffff']);
  });
});

describe('what goes up through a bridge', () => {
  it('passes while the function and every bridge above it masters the bus', () => {
    const { upper, lower, fn } = open();
    const seen: boolean[] = [];
    fn.onBusMaster.push(() => seen.push(fn.busMaster));
    upper.command(IO | MEMORY);
    lower.command(MEMORY);
    upper.command(ALL);
    lower.command(MEMORY | MASTER);
    expect([seen, fn.busMaster]).toEqual([[false, true], true]);
  });

  it('is held back as pending messages until the bridge passes them', () => {
    const { machine, bridge } = behindBridge();
    const fn = bareFunction();
    const msix = fn.addMsix(1, 2);
    machine.plug(fn, { behind: bridge, device: 1 });
    const upper = bridgeOf(machine, BRIDGE);
    upper.buses(5);
    const lower = configOf(machine, functionAddress(5, 1));
    lower.command(MEMORY | MASTER);
    lower.write(0x42, 2, 0x8000);
    const events = watch(machine);
    msix.table.write(12, 4, 0);
    msix.trigger(0);
    expect([msix.isPending(0), interruptsIn(events)]).toEqual([true, []]);
    upper.command(MASTER);
    expect([msix.isPending(0), events.filter(({ kind }) => kind === 'access').length > 0]).toEqual([
      false,
      true,
    ]);
  });

  it.each([0, 1, 2, 3, 5, 31].flatMap((inner) => [1, 2, 3, 4].map((pin) => [inner, pin] as const)))(
    'has its pin at the root bus as wires go: device %d behind device 6, pin %d',
    (device, pin) => {
      const machine = smallMachine();
      const [outer, inner] = [new Bridge({ kind: 'pci-to-pci' }), new Bridge({ kind: 'pci-to-pci' })];
      machine.plug(outer, BRIDGE);
      machine.plug(inner, { behind: outer, device: 6 });
      const fn = bareFunction({ interruptPin: pin as 1 });
      machine.plug(fn, { behind: inner, device });
      // INTA# of device n is wired to the n-th pin after INTA#, and so on: at the inner bridge, and then at device 6.
      const wires = [1, 2, 3, 4];
      const turned = (from: number, by: number) => {
        let at = wires.indexOf(from);
        for (let i = 0; i < by; i++) at = at === 3 ? 0 : at + 1;
        return wires[at]!;
      };
      expect(fn.config.get(at.line, 1)).toBe(routePin(2, turned(turned(pin, device), 6)));
    },
  );

  it('turns interrupt pins by the device number at each bridge (section 9.1), whatever is switched off', () => {
    const machine = smallMachine();
    const [outer, inner] = [new Bridge({ kind: 'pci-to-pci' }), new Bridge({ kind: 'pci-to-pci' })];
    machine.plug(outer, BRIDGE);
    machine.plug(inner, { behind: outer, device: 3 });
    const fn = bareFunction({ interruptPin: 2 });
    machine.plug(fn, { behind: inner, device: 5 });
    // INTB# of device 5 is INTC# of the inner bridge, at device 3: INTB# of the outer one, at device 2.
    const line = routePin(2, 2);
    expect(fn.config.get(at.line, 1)).toBe(line);
    const events = watch(machine);
    fn.setInterrupt(true);
    expect(machine.interrupts.isAsserted(line)).toBe(true);
    bridgeOf(machine, BRIDGE).buses(1, 2);
    fn.setInterrupt(false);
    expect(interruptsIn(events)).toEqual([`line ${line} up`, `line ${line} down`]);
    expect(machine.interrupts.isAsserted(line)).toBe(false);
  });
});

describe('resets', () => {
  it('of the secondary bus reset what is behind, once, and leave the bridge alone', () => {
    const { machine, upper, fn } = open();
    let resets = 0;
    fn.onReset.push(() => resets++);
    upper.write(bridgeAt.control, 2, 0x40);
    upper.write(bridgeAt.control, 2, 0x42);
    upper.write(bridgeAt.control, 2, 0);
    expect([resets, fn.config.get(at.command, 2), upper.read(bridgeAt.secondary, 1)]).toEqual([1, 0, 5]);
    expect(answers(machine)).toBe('nnn');
  });

  it('of the machine reset bridges and what is behind them', () => {
    const { machine, fn, bridge } = open();
    let resets = 0;
    fn.onReset.push(() => resets++);
    machine.reset();
    expect([resets, bridge.secondaryBus, answers(machine), [...machine.functions.keys()]]).toEqual([
      1,
      0,
      'nnn',
      [0, BRIDGE],
    ]);
  });
});

describe('plugging behind a bridge', () => {
  it('takes an address too, once software has given the bus a number', () => {
    const { machine, upper } = behindBridge();
    const fn = bareFunction();
    expect(() => machine.plug(fn, functionAddress(5, 1))).toThrow(/05:01.0: no bridge leads to its bus/);
    upper.buses(5);
    machine.plug(fn, functionAddress(5, 1));
    expect(machine.functions.get(functionAddress(5, 1))).toBe(fn);
    expect(machine.unplug(functionAddress(5, 1))).toBe(fn);
    expect(fn.plugged).toBe(false);
  });

  it('is hot: what comes is there, what goes is gone, and its neighbour is not touched', () => {
    const { machine, fn } = open();
    const before = fn.config.save();
    const added = bareFunction();
    addScratch(added, 0, 'memory32', 0x1000);
    machine.plug(added, functionAddress(5, 1));
    const config = configOf(machine, functionAddress(5, 1));
    config.setBar(0, 0xc0004000);
    config.command(MEMORY);
    expect(machine.memoryRead(0xc0004000, 4)).toBe(0);
    machine.unplug(added);
    expect([machine.memoryRead(0xc0004000, 4), config.read(0, 4)]).toEqual([0xffffffff, 0xffffffff]);
    expect([fn.config.save(), answers(machine)]).toEqual([before, 'yyy']);
  });

  test.each<[string, (made: { machine: Machine; bridges: Record<BridgeKind, Bridge> }) => void, RegExp]>([
    [
      'device 1 of a link',
      ({ machine, bridges }) => machine.plug(bareFunction(), { behind: bridges['root-port'], device: 1 }),
      /device 0 only/,
    ],
    [
      'device 32',
      ({ machine, bridges }) => machine.plug(bareFunction(), { behind: bridges['pci-to-pci'], device: 32 }),
      /devices 0..31/,
    ],
    [
      'function 8',
      ({ machine, bridges }) => machine.plug(bareFunction(), { behind: bridges['pci-to-pci'], function: 8 }),
      /functions 0..7/,
    ],
    [
      'function -1, which is no function 7 of the device before',
      ({ machine, bridges }) =>
        machine.plug(bareFunction(), { behind: bridges['express-to-pci'], device: 1, function: -1 }),
      /00:06.0\/01.-1: wants functions 0..7/,
    ],
    [
      'function 0.5',
      ({ machine, bridges }) =>
        machine.plug(bareFunction(), { behind: bridges['pci-to-pci'], function: 0.5 }),
      /00:03.0\/00.0.5: wants functions 0..7/,
    ],
    [
      'device 0.5, which is no function 4',
      ({ machine, bridges }) =>
        machine.plug(bareFunction(), { behind: bridges['express-to-pci'], device: 0.5 }),
      /00:06.0\/0.5.0: wants devices 0..31/,
    ],
    [
      'no address',
      ({ machine }) => machine.plug(bareFunction(), -1),
      /wants an address of segment, bus, device and function/,
    ],
    [
      'function 1 of nothing',
      ({ machine, bridges }) => machine.plug(bareFunction(), { behind: bridges['pci-to-pci'], function: 1 }),
      /00:03.0\/00.1: the device has no function 0/,
    ],
    [
      'a bridge that is plugged nowhere',
      ({ machine }) => machine.plug(bareFunction(), { behind: new Bridge({ kind: 'pci-to-pci' }) }),
      /not plugged/,
    ],
    [
      "another machine's bridge",
      ({ bridges }) => smallMachine().plug(bareFunction(), { behind: bridges['pci-to-pci'] }),
      /not plugged/,
    ],
    [
      'an endpoint in a switch',
      ({ machine, bridges }) => machine.plug(bareFunction(), { behind: bridges['upstream-port'] }),
      /downstream ports only/,
    ],
    [
      'a root port behind a bridge',
      ({ machine, bridges }) =>
        machine.plug(new Bridge({ kind: 'root-port' }), { behind: bridges['pci-to-pci'] }),
      /root-port: belongs on a root bus/,
    ],
    [
      'an upstream port on the root bus',
      ({ machine }) => machine.plug(new Bridge({ kind: 'upstream-port' }), functionAddress(0, 9)),
      /belongs behind a root port/,
    ],
    [
      'a downstream port without a switch',
      ({ machine, bridges }) =>
        machine.plug(new Bridge({ kind: 'downstream-port' }), { behind: bridges['root-port'] }),
      /belongs behind an upstream port/,
    ],
    [
      'a place that is taken',
      ({ machine, bridges }) => machine.plug(bareFunction(), { behind: bridges['express-to-pci'] }),
      /is taken by scratch/,
    ],
  ])('is refused, and changes nothing: %s', (_, plug, reason) => {
    const machine = smallMachine();
    const bridges = {} as Record<BridgeKind, Bridge>;
    const put = (kind: BridgeKind, place: Parameters<Machine['plug']>[1]) =>
      machine.plug((bridges[kind] = new Bridge({ kind })), place);
    put('root-port', functionAddress(0, 4));
    put('upstream-port', { behind: bridges['root-port'] });
    put('downstream-port', { behind: bridges['upstream-port'] });
    machine.unplug(bridges['downstream-port']);
    machine.unplug(bridges['upstream-port']);
    put('root-port', functionAddress(0, 2));
    const { 'root-port': free } = bridges;
    put('root-port', functionAddress(0, 5));
    put('upstream-port', { behind: bridges['root-port'] });
    bridges['root-port'] = free;
    put('pci-to-pci', functionAddress(0, 3));
    put('express-to-pci', functionAddress(0, 6));
    machine.plug(bareFunction(), { behind: bridges['express-to-pci'] });
    expect(() => plug({ machine, bridges })).toThrow(PlaceError);
    expect(() => plug({ machine, bridges })).toThrow(reason);
  });

  it('keeps the bridge in its place until nothing is behind it', () => {
    const { machine, bridge, fn } = behindBridge();
    expect(() => machine.unplug(bridge)).toThrow(/scratch stands behind it/);
    expect(bridge.plugged).toBe(true);
    machine.unplug(fn);
    expect(machine.unplug(bridge)).toBe(bridge);
    expect(machine.unplug(bridge)).toBeUndefined();
  });
});

describe('the state of a machine with bridges', () => {
  it('is taken over by one that is made alike: buses, windows, and who stands where', () => {
    const from = open();
    from.targets[1]!.bytes.fill(0x5a);
    const into = behindBridge();
    expect(into.machine.configRead(0x500, 0, 4)).toBe(0xffffffff);
    into.machine.load(from.machine.save());
    expect(into.machine.configRead(0x500, 0, 4)).toBe(0x56781234);
    expect([answers(into.machine), into.fn.slot.address, into.fn.busMaster]).toEqual(['yyy', 0x500, true]);
    expect([...into.machine.functions.keys()]).toEqual([0, BRIDGE, 0x500]);
    const back = behindBridge();
    back.machine.load(behindBridge().machine.save());
    into.machine.load(back.machine.save());
    expect([answers(into.machine), [...into.machine.functions.keys()]]).toEqual(['nnn', [0, BRIDGE]]);
  });

  it('fits no machine in which a function stands elsewhere', () => {
    const into = behindBridge({ kind: 'pci-to-pci' }, 1);
    const { machine } = open();
    expect(() => into.machine.load(machine.save())).toThrow(/00:02.0\/00.0/);
    expect([answers(into.machine), into.bridge.secondaryBus]).toEqual(['nnn', 0]);
  });

  it('keeps memory writes on their way behind a bridge', () => {
    const make = () => {
      const machine = smallMachine({ holdPostedWrites: true });
      const bridge = new Bridge({ kind: 'pci-to-pci' });
      machine.plug(bridge, BRIDGE);
      const fn = bareFunction();
      const target = addScratch(fn, 0, 'memory32', 0x1000);
      machine.plug(fn, { behind: bridge });
      return { machine, target, bridge };
    };
    const from = make();
    const upper = bridgeOf(from.machine, BRIDGE);
    upper.buses(5);
    upper.memory(0xc0000000, 0xc0100000);
    upper.command(ALL);
    configOf(from.machine, 0x500).setBar(0, 0xc0000000);
    configOf(from.machine, 0x500).command(MEMORY);
    from.machine.memoryWrite(0xc0000008, 4, 7);
    expect([from.machine.posted!.count, from.target.log]).toEqual([1, []]);
    const into = make();
    into.machine.load(from.machine.save());
    expect(into.machine.posted!.count).toBe(1);
    // A read of the function pushes it on.
    expect([into.machine.memoryRead(0xc0000000, 4), into.target.log]).toEqual([0, ['w4@8=7', 'r4@0']]);
  });
});

describe('software that watches a function behind a bridge', () => {
  it('hears when a window closes or opens, and when the function is taken away', () => {
    const { machine, upper, fn, place } = open();
    const heard: string[] = [];
    const hear = (what: string) => () => void heard.push(what);
    machine.watchFunction(place, {
      moved: hear('moved'),
      removed: hear('removed'),
      loading: hear('loading'),
      loaded: hear('loaded'),
      resume: (go) => go(),
    });
    // A window alone: those behind master the bus as before.
    upper.command(IO | MASTER);
    expect(heard.length).toBeGreaterThan(0);
    heard.length = 0;
    upper.command(ALL);
    expect(heard).toContain('moved');
    heard.length = 0;
    upper.buses(9);
    machine.unplug(fn);
    expect(heard.at(-1)).toBe('removed');
  });
});
