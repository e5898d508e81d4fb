import { describe, expect, it } from 'vitest';
import { GuestMemory } from '../../../src/core/index.ts';
import { fullMediation, MediatedDevice, UnmediatedTypeError } from '../../../src/mmr/index.ts';
import { VdpaParent, type VdpaRingPlace, VirtioDevice } from '../../../src/virtio/index.ts';
import { deviceStatus } from '../../../src/virtio/layout/index.ts';
import { kits } from '../../properties/kits/index.ts';
import { mediate } from './support.ts';

const RAM_BYTES = 1 << 20;
const { acknowledge, driver, featuresOk, driverOk } = deviceStatus;
/** A ring of the guest's, empty: the areas of each queue lie apart. */
const placeOf = (queue: number): VdpaRingPlace => {
  const base = 0x1000 * (queue + 1);
  return { descriptor: base, driver: base + 0x400, device: base + 0x800 };
};

describe.each(kits.map((kit) => ({ type: kit.type.name, kit })))('a parent of type $type', ({ kit }) => {
  it('is brought up by what Linux has for it', () => {
    const ram = GuestMemory.allocate({ start: 0, length: RAM_BYTES });
    const parent = new VdpaParent(kit.make(8).behaviour, ram);
    parent.map(0, RAM_BYTES);
    parent.setStatus(acknowledge | driver);
    parent.setFeatures(parent.device.features.offered);
    parent.setStatus(acknowledge | driver | featuresOk);
    expect(parent.status).toBe(acknowledge | driver | featuresOk);
    if (parent.configLength > 0)
      expect(parent.readConfig(0, parent.configLength).length).toBe(parent.configLength);
    for (let queue = 0; queue < parent.rings.count; queue++) {
      parent.rings.setSize(queue, 8);
      parent.rings.setAddress(queue, placeOf(queue));
      parent.rings.setReady(queue, true);
    }
    parent.setStatus(parent.status | driverOk);
    for (let queue = 0; queue < parent.rings.count; queue++) parent.kick(queue);
    expect(parent.status).toBe(15);
    expect(parent.suspend()).toBe(true);
  });

  it('is shadowed for a modern guest, and for a big-endian one where its requests are known', () => {
    const mediation = { ...fullMediation, rings: "the mediator's", presents: 'modern' } as const;
    const world = mediate(kit.make(8).behaviour, { mediation });
    const transport = world.modern();
    transport.setStatus(acknowledge | driver);
    transport.writeFeatures(transport.readFeatures());
    transport.setStatus(acknowledge | driver | featuresOk);
    expect(transport.status & featuresOk).toBe(featuresOk);
    transport.setStatus(transport.status | driverOk);
    expect(world.mediated.refusal).toBe(null);
    expect(world.parent.status & driverOk).toBe(driverOk);

    const mediated = new MediatedDevice(kit.make(8).behaviour, { guestOrder: 'big' });
    const device = new VirtioDevice(mediated, { legacy: true, guestEndian: 'big', transportFeatures: [] });
    const { dma, scheduler } = world.fn.pci.slot;
    device.connect({ dma, scheduler, subject: 'guest', address: null, report: () => {} });
    device.setDmaEnabled(true);
    device.speak('legacy');
    device.statusRegister.write(acknowledge | driver | driverOk);
    const known = ['network', 'block', 'entropy', 'p9'].includes(kit.type.name);
    if (known) expect(mediated.refusal).toBe(null);
    else expect(mediated.refusal).toBeInstanceOf(UnmediatedTypeError);
  });
});
