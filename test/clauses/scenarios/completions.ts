import { feature } from '../../../src/virtio/index.ts';
import { BUFFERS, LegacyGuest, ModernGuest } from '../../virtio/support/guests.ts';
import { RawPackedRing } from '../../virtio/support/packed-ring.ts';
import { Probe } from '../../virtio/support/probe.ts';
import { during, type Scenario, scenario } from './scenario.ts';

/*
 * What a device's own code gets wrong about the chains that it was given.
 */

const WRITE = 2;
const PARTS = { descriptor: 0x10000, driver: 0x12000, device: 0x12800 };
const buffer = { address: BUFFERS, length: 4, flags: WRITE };

/** A device with a chain of four writable bytes in hand. */
interface Busy {
  readonly probe: Probe;
  readonly guest: LegacyGuest | ModernGuest;
}

function legacyBusy(): Busy {
  const probe = new Probe();
  const guest = new LegacyGuest(probe);
  const [ring] = guest.start();
  ring!.describe(3, buffer);
  ring!.offer(3);
  guest.kick();
  return { probe, guest };
}

function modernBusy(): Busy {
  const probe = new Probe();
  const guest = new ModernGuest(probe);
  const [ring] = guest.start();
  ring!.describe(3, buffer);
  ring!.offer(3);
  guest.kick();
  return { probe, guest };
}

function packedBusy(): Busy {
  const probe = new Probe();
  const guest = new ModernGuest(probe, { transportFeatures: [feature.ringPacked] });
  guest.negotiate([feature.ringPacked]);
  guest.setUp(0, 8, PARTS);
  guest.block.set('deviceStatus', 15);
  new RawPackedRing(guest.machine.ram, 8, PARTS).offer(7, buffer);
  guest.kick();
  return { probe, guest };
}

const kinds = [
  ['legacy', legacyBusy],
  ['modern', modernBusy],
  ['packed ring', packedBusy],
] as const;

export const completions: readonly Scenario[] = kinds.flatMap(([kind, busy]) => {
  const device = (name: string, wrong: (under: Busy) => void) =>
    scenario(`${kind}: the device ${name}`, () => {
      const under = busy();
      return during(under.guest, () => wrong(under));
    });
  return [
    device('completes a chain twice', ({ probe }) => {
      const [chain] = probe.taken;
      probe.device.complete(chain!, 1);
      probe.device.complete(chain!, 1);
    }),
    device('completes a chain of another device', ({ probe }) =>
      probe.device.complete(busy().probe.taken[0]!, 1),
    ),
    device('says that it wrote more than there is room for', ({ probe }) => probe.finish(5)),
    device('says that it wrote less than nothing', ({ probe }) => probe.finish(-1)),
  ];
});
