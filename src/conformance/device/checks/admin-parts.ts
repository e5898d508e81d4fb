import {
  type AdminDriver,
  type DevicePart,
  ModernTransport,
  RequestFailedError,
  VirtioDriver,
} from '../../../driver/index.ts';
import { adminGroup, adminOpcode, adminPart } from '../../../virtio/layout/index.ts';
import { AdminUse } from '../admin-use.ts';
import type { Bench } from '../bench.ts';
import type { Check } from '../check.ts';
import { MemoryWatch } from '../memory-watch.ts';

const o = adminOpcode;
const settings = ['modern'] as const;
const { self, singleRootIov } = adminGroup;

const capabilityCommands = [o.capabilityIdListQuery, o.deviceCapabilityGet, o.driverCapabilitySet] as const;
/** RESOURCE_OBJ_MODIFY and RESOURCE_OBJ_QUERY have two numbers each in the text; together they are these two. */
const resourceCommands = [o.resourceCreate, o.resourceModify, o.resourceQuery, o.resourceDestroy] as const;
const partsCommands = [
  o.devicePartsMetadataGet,
  o.devicePartsGet,
  o.devicePartsSet,
  o.deviceModeSet,
] as const;

/** An owner whose driver may have one object of each kind for device parts; with virtual functions. */
function withParts(bench: Bench): { readonly use: AdminUse; readonly admin: AdminDriver } {
  const use = new AdminUse(bench);
  const admin = use.driver();
  const own = admin.use('self');
  const has = (name: 'self' | 'singleRootIov', opcodes: readonly number[]) =>
    opcodes.every((each) => admin.used(name).includes(each));
  if (own.length === 0 || !has('self', capabilityCommands) || !has('singleRootIov', partsCommands))
    bench.skip('the owner has no device parts');
  admin.setPartsLimits(1, 1);
  return { use, admin };
}

/** Member 1 with a driver of its own, and the queue of the small request. */
function running(use: AdminUse): VirtioDriver {
  const { bench } = use;
  const transport = new ModernTransport(bench.bus, use.member(1));
  transport.connect = () => {};
  const driver = new VirtioDriver(transport, bench.memory);
  const queues = [use.running.request.queue];
  driver.bringUp({ features: [], queues, ringFeatures: [] }, { queue: () => {}, config: () => {} });
  return driver;
}

const byteOf = (parts: readonly DevicePart[], type: number) =>
  parts.find((part) => part.type === type)?.value[0] ?? null;

/** All of some commands, or none. */
async function together(
  bench: Bench,
  clause: string,
  group: number,
  wanted: readonly number[],
): Promise<void> {
  const use = new AdminUse(bench);
  if (group === singleRootIov) void use.members;
  const opcodes = await use.list(clause, group);
  const some = wanted.filter((each) => opcodes.includes(each));
  const fits = some.length === 0 || some.length === wanted.length;
  bench.check(clause, fits, `all of opcodes ${wanted}, or none`, `${some}`);
}

/** Whether a command was carried out. */
function succeeds(command: () => void): boolean {
  try {
    command();
    return true;
  } catch (error) {
    if (error instanceof RequestFailedError) return false;
    throw error;
  }
}

/** Capabilities, resource objects and device parts. */
export const adminPartsChecks: readonly Check[] = [
  {
    id: 'admin-capability-commands-together',
    clauses: ['ADC-01'],
    settings,
    says: 'the three commands about capabilities come together',
    run: (bench) => together(bench, 'ADC-01', self, capabilityCommands),
  },
  {
    id: 'admin-parts-commands-together',
    clauses: ['ADP-01'],
    settings,
    says: 'the commands about device parts come together, with those about objects',
    run: (bench) => together(bench, 'ADP-01', singleRootIov, [...resourceCommands, ...partsCommands]),
  },
  {
    id: 'admin-failure-changes-nothing',
    clauses: ['ADM-11'],
    settings,
    says: 'a command that fails changes nothing: an object that is made twice stays what it was',
    run(bench) {
      const { admin } = withParts(bench);
      admin.createPartsObject(1, 0, 'get');
      if (succeeds(() => admin.createPartsObject(1, 0, 'get')))
        bench.skip('an object could be made twice by one number');
      const stays = succeeds(() => void admin.readParts(1, 0));
      bench.check('ADM-11', stays, 'the first object still there', 'no such object');
    },
  },
  {
    id: 'admin-capabilities-after-reset',
    clauses: ['ADC-02'],
    settings,
    says: 'a reset takes back what the driver said of capabilities: no object can be made before it says so again',
    run(bench) {
      const { admin } = withParts(bench);
      admin.createPartsObject(1, 0, 'get');
      const use = new AdminUse(bench);
      const again = use.driver();
      again.use('self');
      const made = succeeds(() => again.createPartsObject(1, 1, 'set'));
      bench.check('ADC-02', !made, 'no object without DRIVER_CAP_SET', 'one was made');
    },
  },
  {
    id: 'admin-stopped-member',
    clauses: ['ADP-02', 'ADP-03'],
    settings,
    says: 'a member that is stopped answers its registers, and touches no queue',
    async run(bench) {
      const { use, admin } = withParts(bench);
      const driver = running(use);
      const { queue, out, inBytes } = use.running.request;
      const before = driver.transport.status;
      admin.setStopped(1, true);
      driver.add(queue, bench.buffers(out, inBytes));
      driver.kick(queue);
      const watch = new MemoryWatch(bench);
      driver.transport.notify(queue, driver.rings.get(queue)!.position);
      await bench.lull();
      const at = watch.strayed([]);
      const untouched = at === null && driver.take(queue) === null;
      bench.check('ADP-03', untouched, 'the chain left alone', `a write at 0x${at?.toString(16)}`);
      bench.equal('ADP-02', 'status of the member', driver.transport.status, before);
      admin.setStopped(1, false);
      driver.close();
    },
  },
  {
    id: 'admin-parts-after-reset',
    clauses: ['ADP-04'],
    settings,
    says: 'a reset puts the device parts of a member back',
    run(bench) {
      const { use, admin } = withParts(bench);
      const driver = running(use);
      admin.createPartsObject(1, 0, 'get');
      const up = byteOf(admin.readParts(1, 0), adminPart.deviceStatus);
      if (up === null) bench.skip('the member has no part for its status');
      driver.transport.reset();
      const down = byteOf(admin.readParts(1, 0), adminPart.deviceStatus);
      bench.equal('ADP-04', 'the part of the status, after a reset', down ?? -1, 0);
    },
  },
];
