import { describe, expect, it, test } from 'vitest';
import { registers, rw } from '../../src/core/index.ts';
import { IoBarBackend, TranslatorError } from '../../src/mmr/index.ts';
import { Machine } from '../../src/pci/index.ts';
import { DeviceConfig, virtioFunction } from '../../src/virtio/index.ts';
import { accessesIn, at, SLOT } from '../pci/support.ts';
import { Probe } from '../virtio/support/probe.ts';
import { DOWN, GUEST_SLOT, hostWith, Pair, UP } from './support.ts';

function pair() {
  const config = new DeviceConfig(registers({ wide: rw(0, 4) }));
  config.set('wide', 0x44332211);
  return new Pair(new Probe({ type: 'block', config, queueSizes: [8] }), { way: 'io-bar' });
}

describe('the reference back end: ports in front of ports', () => {
  it('sends every access as it is, with MSI-X off and on', () => {
    const under = pair();
    under.hostEvents.length = 0;
    expect([under.in(20, 4), under.in(22, 2)]).toEqual([0x44332211, 0x4433]);
    under.out(14, 2, 1);
    under.enableMsix();
    expect([under.in(24, 4), under.in(20, 2)]).toEqual([0x44332211, 0xffff]);
    expect(under.block()).toEqual([
      'r4 +14=44332211',
      'r2 +16=4433',
      'w2 +e=1',
      'r4 +18=44332211',
      'r2 +14=ffff',
    ]);
    expect(under.function.pci.msixEnabled).toBe(true);
    under.disableMsix();
    expect([under.function.pci.msixEnabled, under.in(20, 4)]).toEqual([false, 0x44332211]);
  });

  it('passes the interrupt line on, and holds it off at the function until the guest has read ISR', () => {
    const under = pair();
    under.setUp().offer(0, 1);
    under.set('queueNotify', 0);
    under.probe.finish(1);
    expect([under.interrupts(), under.host.interrupts.isAsserted(11)]).toEqual([[UP], false]);
    expect(under.config.read(at.status, 2) & 8).toBe(8);
    expect([under.get('isrStatus'), under.get('isrStatus'), under.interrupts()]).toEqual([1, 0, [DOWN]]);
    under.probe.finish(1);
    expect([under.interrupts(), under.get('isrStatus'), under.interrupts()]).toEqual([[UP], 1, [DOWN]]);
  });

  it('drops the line at a reset', () => {
    const under = pair();
    under.function.interrupts.config();
    expect(under.interrupts()).toEqual([UP]);
    under.set('deviceStatus', 0);
    expect([under.interrupts(), under.get('isrStatus')]).toEqual([[DOWN], 0]);
  });

  it('passes messages on with the vectors that the guest chose', () => {
    const under = pair();
    under.enableMsix();
    under.setUp().offer(0);
    under.set('queueMsixVector', 1);
    under.set('configMsixVector', 0);
    under.set('queueNotify', 0);
    under.interrupts();
    under.probe.finish(1);
    under.function.interrupts.config();
    expect(under.interrupts()).toEqual(['message 1', 'message 0']);
  });

  it('follows bus mastering, and resets the function with the guest', () => {
    const under = pair();
    under.config.command(0x3);
    expect(under.host.configRead(SLOT, at.command, 2) & 4).toBe(0);
    under.config.command(0x7);
    expect(under.host.configRead(SLOT, at.command, 2) & 4).toBe(4);
    under.enableMsix();
    under.set('deviceStatus', 7);
    under.guest.unplug(GUEST_SLOT);
    expect([under.function.device.status, under.function.pci.msixEnabled]).toEqual([0, false]);
  });

  it('gives the host its line and its vectors back', () => {
    const under = pair();
    const before = under.host.interrupts.allocateMessage(() => {}).data;
    (under.presented.backend as IoBarBackend).release();
    under.function.interrupts.config();
    expect(under.interrupts()).toEqual([]);
    const next = [0, 1].map(() => under.host.interrupts.allocateMessage(() => {}).data);
    expect(next.every((vector) => vector < before)).toBe(true);
  });

  test.each([
    ['has no I/O BAR0', () => hostWith(virtioFunction(new Probe(), { kind: 'modern' }).pci), /not io space/],
    [
      'has no address yet',
      () => {
        const machine = new Machine();
        machine.plug(virtioFunction(new Probe(), { kind: 'legacy' }).pci, SLOT);
        return machine;
      },
      /no address/,
    ],
  ])('does not take a function that %s', (_, make, reason) => {
    expect(() => new IoBarBackend(make(), SLOT, 0)).toThrow(TranslatorError);
    expect(() => new IoBarBackend(make(), SLOT, 0)).toThrow(reason);
  });

  it('touches no memory of the function but its vector table', () => {
    const under = pair();
    under.hostEvents.length = 0;
    under.in(0, 4);
    under.out(18, 1, 3);
    expect(accessesIn(under.hostEvents).every((access) => access.includes('BAR0 legacy'))).toBe(true);
  });
});
