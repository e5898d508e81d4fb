import { describe, expect, it, test } from 'vitest';
import { functionAddress } from '../../src/core/index.ts';
import {
  disableVirtualFunctions,
  enableVirtualFunctions,
  placeFunction,
  runFirmware,
  VirtualRoutingError,
} from '../../src/driver/index.ts';
import { Bridge, type BridgeKind } from '../../src/pci/index.ts';
import { bareFunction, bridgeOf, configOf, smallMachine } from './support.ts';
import { ENABLE, MEMORY, physical, sriov } from './virtual-support.ts';

/*
 * ARI forwarding (PCI Express 5.0, section 6.13): on a link there is device 0 alone, so the port above it lets no configuration access to another
 * device number pass, unless software has said that the numbers of device and function are one of 8 bits there.
 */

const PORT = functionAddress(0, 2);
/** Of the capability, the first that a bridge has (sections 7.5.3.15 and 7.5.3.16). */
const EXPRESS = 0x40;
const [CAPABILITIES_2, CONTROL_2] = [EXPRESS + 0x24, EXPRESS + 0x28];
const FORWARDING = 0x20;
const BAR2 = 0xc0000000;

/** A physical function behind a root port, its bus numbered by hand; the first virtual function is `offset` after it. */
function behindPort(offset: number, total = 12) {
  const machine = smallMachine({ ecamBase: 2 ** 40, ecamBuses: 256 });
  machine.plug(new Bridge({ kind: 'root-port' }), PORT);
  const { pf } = physical({ offset, total });
  machine.plug(pf, { behind: machine.functions.get(PORT)!.bridge! });
  const bridge = bridgeOf(machine, PORT);
  bridge.buses(5, 7);
  bridge.memory(BAR2, BAR2 + 0x100000);
  bridge.command(6);
  const port = configOf(machine, PORT);
  const own = configOf(machine, 0x500);
  own.write(sriov.bar + 8, 4, BAR2);
  own.write(sriov.numVfs, 2, total);
  own.write(sriov.control, 2, ENABLE | MEMORY);
  const answers = (index: number) => machine.configRead(0x500 + offset + index - 1, 4, 4) !== 0xffffffff;
  const answering = () => Array.from({ length: total }, (_, i) => i + 1).filter(answers);
  return { machine, pf, port, answering };
}

describe('a port', () => {
  test.each<readonly [BridgeKind, number]>([
    ['root-port', FORWARDING],
    ['downstream-port', FORWARDING],
    ['upstream-port', 0],
  ])('%s: can forward alternative routing ids, or cannot', (kind, supported) => {
    const machine = smallMachine();
    const root = new Bridge({ kind: 'root-port' });
    const up = new Bridge({ kind: 'upstream-port' });
    const down = new Bridge({ kind: 'downstream-port' });
    machine.plug(root, PORT);
    machine.plug(up, { behind: root });
    machine.plug(down, { behind: up });
    runFirmware(machine);
    const bridge = [root, up, down].find((each) => each.kind === kind)!;
    const { read, write } = configOf(machine, bridge.slot.address);
    expect(read(CAPABILITIES_2, 4) & FORWARDING).toBe(supported);
    expect(read(CONTROL_2, 2)).toBe(0);
    write(CONTROL_2, 2, 0xffff);
    expect(read(CONTROL_2, 2)).toBe(0x10 | supported);
    bridge.reset();
    expect(bridge.config.get(CONTROL_2, 2)).toBe(0);
  });

  it('lets accesses to functions of device 0 pass, to others when software says so', () => {
    const { port, answering } = behindPort(3);
    expect(answering()).toEqual([1, 2, 3, 4, 5]);
    port.write(CONTROL_2, 2, FORWARDING);
    expect(answering()).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    port.write(CONTROL_2, 2, 0);
    expect(answering()).toEqual([1, 2, 3, 4, 5]);
  });

  it('has no say in accesses to later buses, nor to memory', () => {
    const { machine, answering } = behindPort(253);
    // 05:1f.5 to .7 behind it, and nine on bus 6.
    expect(answering()).toEqual([4, 5, 6, 7, 8, 9, 10, 11, 12]);
    expect(machine.memoryRead(BAR2 + 0x40, 4)).not.toBe(0xffffffff);
  });

  it('forwards in a state that is loaded as it did when it was saved', () => {
    const before = behindPort(3);
    before.port.write(CONTROL_2, 2, FORWARDING);
    before.answering();
    const after = behindPort(3);
    after.machine.load(before.machine.save());
    expect(after.answering()).toHaveLength(12);
  });
});

describe('firmware', () => {
  const setUp = () => {
    const machine = smallMachine({ ecamBase: 2 ** 40, ecamBuses: 256 });
    const port = new Bridge({ kind: 'root-port', slotNumber: 1 });
    machine.plug(port, PORT);
    const forwards = () => machine.configRead(PORT, CONTROL_2, 2) & FORWARDING;
    return { machine, port, forwards };
  };

  it('has a port forward them where the device behind it has such, and no other', () => {
    const { machine, port, forwards } = setUp();
    const { pf } = physical({ offset: 1, total: 20 });
    machine.plug(pf, { behind: port });
    runFirmware(machine);
    expect(forwards()).toBe(FORWARDING);
    machine.unplug(pf);
    machine.plug(bareFunction({ express: true }), { behind: port });
    runFirmware(machine);
    expect(forwards()).toBe(0);
  });

  it('does so too when the device comes later', () => {
    const { machine, port, forwards } = setUp();
    runFirmware(machine, { spare: { buses: 2, memory: 0x400000, prefetchable64: 0x1000000 } });
    expect(forwards()).toBe(0);
    machine.plug(physical({ offset: 1, total: 20 }).pf, { behind: port });
    placeFunction(machine, port.secondaryBus << 8);
    expect(forwards()).toBe(FORWARDING);
  });

  it('PCI Express 5.0, 9.3.3.4: virtual functions that the port does not let through are not enabled', () => {
    const { machine, port } = setUp();
    machine.plug(physical({ offset: 1, total: 20 }).pf, { behind: port });
    runFirmware(machine);
    const owner = port.secondaryBus << 8;
    expect(enableVirtualFunctions(machine, owner, 20).find(20)).not.toBeNull();
    disableVirtualFunctions(machine, owner);
    machine.configWrite(PORT, CONTROL_2, 2, 0);
    expect(enableVirtualFunctions(machine, owner, 7).find(7)).not.toBeNull();
    disableVirtualFunctions(machine, owner);
    const refused = () => enableVirtualFunctions(machine, owner, 8);
    expect(refused).toThrow(VirtualRoutingError);
    expect(refused).toThrow('port 00:02.0 forwards no accesses to 01:01.0, whose device number is not 0');
  });
});
