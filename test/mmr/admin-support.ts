import { DmaDomain, GuestMemory } from '../../src/core/index.ts';
import {
  AdminDriver,
  DmaMemory,
  type FoundFunction,
  findFunction,
  ModernTransport,
  runFirmware,
} from '../../src/driver/index.ts';
import { presentLegacy } from '../../src/mmr/index.ts';
import { Machine } from '../../src/pci/index.ts';
import {
  Administration,
  type AdministrationOptions,
  type DeviceAdministration,
  virtioFunction,
} from '../../src/virtio/index.ts';
import { ScriptedOwner } from '../driver/support/owner.ts';
import { accessesIn, clausesIn, interruptsIn, SLOT, watch } from '../pci/support.ts';
import { HandMadeGroup } from '../virtio/admin/support.ts';
import { Probe } from '../virtio/support/probe.ts';
import { legacyParts, RawRing } from '../virtio/support/ring.ts';
import { configProbe, GUEST_SLOT } from './support.ts';

/** Opcodes of the legacy commands. */
export const LEGACY = [2, 3, 4, 5];
export const words = (...values: number[]) => values.flatMap((value) => [value & 0xff, value >> 8]);

/** An owner that says to have some commands, and answers the others as the test wants. */
export function owner(
  opcodes: readonly number[],
  script: (seen: readonly number[]) => readonly number[] | null,
) {
  const under = new ScriptedOwner();
  const bits = [0, 1, ...opcodes].reduce((sum, bit) => sum | (1 << bit), 0);
  under.script = (chain) => {
    const seen = under.seen.at(-1)!;
    const answer = seen[0]! < 2 ? [...words(0, 0, 0, 0), bits, 0, 0, 0, 0, 0, 0, 0] : script(seen);
    if (answer === null) under.taken.push(chain);
    else under.answer(chain, answer.slice(0, chain.writableBytes));
  };
  return under;
}

const OWNER_SLOT = SLOT + 8;
const PATIENCE = 20;

interface Options {
  readonly legacy?: AdministrationOptions['legacy'];
  /** In the place of an owner of ours. */
  readonly owner?: DeviceAdministration;
  readonly lateAnswers?: boolean;
}

/** A guest that is given a member of a group, by its owner's commands; the member is an ordinary function of the host. */
export function administered({ legacy = {}, owner: scripted, lateAnswers = false }: Options = {}) {
  const ram = GuestMemory.allocate({ start: 0, length: 1 << 20 });
  const host = new Machine({ ram: GuestMemory.allocate({ start: 0, length: 1 << 20 }) });
  const guest = new Machine({ ram });
  const probe = configProbe();
  const fn = virtioFunction(probe, { kind: 'modern', legacyCommands: true });
  const group = new HandMadeGroup([fn]);
  const administration = scripted ?? new Administration({ members: group, legacy, lateAnswers });
  host.plug(virtioFunction(new Probe(), { kind: 'modern', administration }).pci, OWNER_SLOT);
  host.plug(fn.pci, SLOT, new DmaDomain(ram));
  runFirmware(host);
  const found = findFunction(host, OWNER_SLOT) as FoundFunction;
  const transport = new ModernTransport(host, found, { patience: PATIENCE });
  const driver = AdminDriver.bringUp(transport, new DmaMemory(host.ram, 0x20000));
  driver.use('singleRootIov');
  const present = () =>
    presentLegacy(host, SLOT, { member: { driver, owner: found, memberId: 1, configBytes: 6 } });
  const hostEvents = watch(host);
  return {
    ...{ host, guest, fn, probe, group, driver, hostEvents, present },
    /** Presents the member, and runs the guest's firmware. */
    start() {
      const presented = present();
      guest.plug(presented.pci, GUEST_SLOT);
      const ports = runFirmware(guest).find(({ address }) => address === GUEST_SLOT)!.bars[0]!.address;
      guest.configWrite(GUEST_SLOT, 4, 2, 7);
      const events = watch(guest);
      const take = <T>(from: () => T) => {
        const seen = from();
        events.length = 0;
        return seen;
      };
      hostEvents.length = 0;
      return {
        presented,
        in: (offset: number, width: 1 | 2 | 4) => guest.ioRead(ports + offset, width),
        out: (offset: number, width: 1 | 2 | 4, value: number) => guest.ioWrite(ports + offset, width, value),
        interrupts: () => take(() => interruptsIn(events)),
        findings: () => take(() => clausesIn(events)),
        /** Accesses to the member's BARs since the last call. */
        accesses: () => {
          const seen = accessesIn(hostEvents).filter(
            (each) => each.includes('legacy') || each.includes('notify'),
          );
          hostEvents.length = 0;
          return seen;
        },
        ring: () => new RawRing(ram, 8, legacyParts(0x10, 8)),
      };
    },
  };
}
