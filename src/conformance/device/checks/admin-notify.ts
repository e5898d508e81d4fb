import {
  type BlockAccess,
  type EnabledVirtualFunctions,
  LegacyTransport,
  VirtioDriver,
} from '../../../driver/index.ts';
import { sriovCapability } from '../../../pci/layout/index.ts';
import {
  ADMIN_ANSWER_BYTES,
  ADMIN_NOTIFY_ENTRIES,
  ADMIN_NOTIFY_ENTRY_BYTES,
  adminGroup,
  adminNotifyEntry,
  adminNotifyFlag,
  adminOpcode,
  NOTIFICATION_BYTES,
} from '../../../virtio/layout/index.ts';
import { AdminUse } from '../admin-use.ts';
import type { Bench } from '../bench.ts';
import type { Check } from '../check.ts';

const { legacyNotifyInfo } = adminOpcode;
const settings = ['modern'] as const;

/** An entry of LEGACY_NOTIFY_INFO's result. */
interface Entry {
  readonly flags: number;
  readonly bar: number;
  readonly offset: number;
}

/** An owner that tells where its members are kicked, and what it tells of the first. */
async function withEntries(bench: Bench, clause: string) {
  const use = new AdminUse(bench);
  await use.startWith(clause, 'LEGACY_NOTIFY_INFO', legacyNotifyInfo);
  const { result } = await use.done(clause, {
    opcode: legacyNotifyInfo,
    group: adminGroup.singleRootIov,
    member: 1,
    writableBytes: ADMIN_ANSWER_BYTES + ADMIN_NOTIFY_ENTRIES * ADMIN_NOTIFY_ENTRY_BYTES,
  });
  // What was not written is 0 (AVQ-17).
  const bytes = new Uint8Array(ADMIN_NOTIFY_ENTRIES * ADMIN_NOTIFY_ENTRY_BYTES);
  bytes.set(result);
  const view = new DataView(bytes.buffer);
  const { flags, bar, offset } = adminNotifyEntry;
  const entries = Array.from({ length: ADMIN_NOTIFY_ENTRIES }, (_, i): Entry => {
    const at = ADMIN_NOTIFY_ENTRY_BYTES * i;
    return {
      flags: view.getUint8(at + flags.offset),
      bar: view.getUint8(at + bar.offset),
      offset:
        view.getUint32(at + offset.offset + 4, true) * 2 ** 32 + view.getUint32(at + offset.offset, true),
    };
  });
  const end = entries.findIndex((each) => each.flags === adminNotifyFlag.end);
  return { use, entries, valid: end < 0 ? entries : entries.slice(0, end) };
}

/** Where an entry's address is; 0 for nowhere. */
function addressOf(bench: Bench, members: EnabledVirtualFunctions, { flags, bar, offset }: Entry): number {
  const base =
    flags === adminNotifyFlag.owner
      ? (bench.found.bars.find(({ index }) => index === bar)?.address ?? 0)
      : members.barAddress(1, bar);
  return base === 0 ? 0 : base + offset;
}

/** A member that a legacy driver has by commands of its owner. Nobody is told of anything: it is looked at. */
function legacyMember(use: AdminUse): VirtioDriver {
  const { bench } = use;
  const admin = use.driver();
  const access: BlockAccess = {
    name: 'legacy',
    fixedVectors: false,
    read: (offset, width) => admin.readLegacy(1, 'header', offset, width),
    write: (offset, width, value) => admin.writeLegacy(1, 'header', offset, width, value),
  };
  const transport = new LegacyTransport(bench.bus, use.member(1), access);
  transport.connect = () => {};
  const driver = new VirtioDriver(transport, bench.memory);
  const { queue } = use.running.request;
  driver.bringUp({ features: [], queues: [queue] }, { queue: () => {}, config: () => {} });
  return driver;
}

/** Where a member is kicked without a command. */
export const adminNotifyChecks: readonly Check[] = [
  {
    id: 'admin-notify-entries',
    clauses: ['ADL-15', 'ADL-16', 'ADL-17', 'ADL-18'],
    settings,
    says: 'addresses for kicks are even, in a BAR that there is, and the last entry ends their list',
    async run(bench) {
      const { use, entries, valid } = await withEntries(bench, 'ADL-15');
      bench.equal('ADL-15', 'flags of the last entry', entries.at(-1)!.flags, adminNotifyFlag.end);
      for (const entry of valid) {
        bench.check('ADL-18', entry.flags <= adminNotifyFlag.member, 'flags 1 or 2', `${entry.flags}`);
        bench.check('ADL-17', entry.offset % 2 === 0, 'an even offset', `${entry.offset}`);
        const address = addressOf(bench, use.members, entry);
        bench.check('ADL-16', address !== 0, 'a BAR that is not hardwired to 0', `BAR ${entry.bar}`);
      }
    },
  },
  {
    id: 'admin-notify-kicks',
    clauses: ['ADL-13'],
    settings,
    says: "a queue's number at an address for kicks is a kick",
    async run(bench) {
      const { use, valid } = await withEntries(bench, 'ADL-13');
      if (valid.length === 0) bench.skip('the owner names no address for kicks');
      const driver = legacyMember(use);
      const { queue, out, inBytes } = use.running.request;
      for (const entry of valid) {
        const address = addressOf(bench, use.members, entry);
        driver.add(queue, bench.buffers(out, inBytes));
        driver.rings.get(queue)!.publish();
        bench.bus.memoryWrite(address, NOTIFICATION_BYTES, queue);
        await bench.taken(driver, queue, 'ADL-13');
      }
      driver.close();
    },
  },
  {
    id: 'admin-no-vf-bar0',
    clauses: ['ADL-19'],
    settings,
    says: 'where LEGACY_NOTIFY_INFO is, virtual functions have no BAR0',
    async run(bench) {
      const use = new AdminUse(bench);
      await use.startWith('ADL-19', 'LEGACY_NOTIFY_INFO', legacyNotifyInfo);
      use.dismiss();
      const { fn } = bench.subject.target;
      const at = use.sriov.at + sriovCapability.bar.offset;
      const before = bench.bus.configRead(fn, at, 4);
      bench.bus.configWrite(fn, at, 4, 0xffffffff);
      const read = bench.bus.configRead(fn, at, 4);
      bench.bus.configWrite(fn, at, 4, before);
      bench.equal('ADL-19', 'VF BAR0 after ones were written', read, 0);
    },
  },
];
