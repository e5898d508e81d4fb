import { GuestMemory, immediate, type Scheduler } from '../../../src/core/index.ts';
import type { AdminQueueOptions } from '../../../src/driver/index.ts';
import {
  AdminDriver,
  DmaMemory,
  findFunction,
  ModernTransport,
  runFirmware,
} from '../../../src/driver/index.ts';
import { Machine } from '../../../src/pci/index.ts';
import {
  Administration,
  type AdministrationOptions,
  type Chain,
  type DeviceAdministration,
  type DevicePort,
  type VirtioFunction,
  virtioFunction,
} from '../../../src/virtio/index.ts';
import { SLOT, watch } from '../../pci/support.ts';
import { HandMadeGroup } from '../../virtio/admin/support.ts';
import { Probe, type ProbeOptions } from '../../virtio/support/probe.ts';

/** The owner of a group whose every answer is the test's. */
export class ScriptedOwner implements DeviceAdministration {
  readonly queueSizes = [16];
  device!: DevicePort;
  /** Chains that came, oldest first, until the test answers. */
  readonly taken: Chain[] = [];
  /** Of each command that came, its readable part. */
  readonly seen: number[][] = [];
  /** Runs at each command. */
  script: (chain: Chain) => void = (chain) => void this.taken.push(chain);

  attach(device: DevicePort): void {
    this.device = device;
  }

  handle(chain: Chain): void {
    const bytes = new Uint8Array(chain.readableBytes);
    chain.read(0, bytes, 0, bytes.length);
    this.seen.push([...bytes]);
    this.script(chain);
  }

  /** Answers with some bytes; the used length says so, or something else. */
  answer(chain: Chain, bytes: readonly number[], used = bytes.length): void {
    chain.write(0, Uint8Array.from(bytes), 0, Math.min(bytes.length, chain.writableBytes));
    this.device.complete(chain, used);
  }

  reset(): void {
    this.taken.length = 0;
  }

  save() {
    return null;
  }

  load(): void {}
}

interface OwnerOptions {
  readonly queue?: AdminQueueOptions;
  readonly patience?: number;
  readonly owner?: ConstructorParameters<typeof Probe>[0];
  readonly scheduler?: Scheduler;
}

function driverOf(
  administration: DeviceAdministration,
  { queue, patience = 20, scheduler = immediate }: OwnerOptions,
) {
  const machine = new Machine({ ram: GuestMemory.allocate({ start: 0, length: 1 << 20 }), scheduler });
  const fn = virtioFunction(new Probe({ type: 'network', queueSizes: [8, 8] }), {
    kind: 'modern',
    administration,
  });
  machine.plug(fn.pci, SLOT);
  runFirmware(machine);
  const events = watch(machine);
  const transport = new ModernTransport(machine, findFunction(machine, SLOT)!, { patience });
  const driver = AdminDriver.bringUp(transport, new DmaMemory(machine.ram, 0x20000), queue);
  return { machine, fn, events, driver };
}

/** A driver with an owner whose answers are the test's. */
export function scripted(options: OwnerOptions = {}) {
  const owner = new ScriptedOwner();
  return { owner, ...driverOf(owner, options) };
}

/** A driver with an owner of ours, and members that have a legacy interface. */
export function owned(
  members: readonly ProbeOptions[] = [],
  administration: AdministrationOptions = {},
  options: OwnerOptions = {},
) {
  const group = new HandMadeGroup();
  const under = driverOf(new Administration({ members: group, legacy: {}, ...administration }), options);
  const functions: VirtioFunction[] = members.map((probe) =>
    virtioFunction(new Probe(probe), { kind: 'modern', legacyCommands: true }),
  );
  group.members = functions;
  return { group, functions, ...under };
}
