import type { RegisterMap } from '../../../core/index.ts';
import { inOrder, sizeOf } from '../../../core/index.ts';
import { findStructures, StructureAccess } from '../../../driver/index.ts';
import {
  adminGroup,
  adminOpcode,
  adminStatus,
  commonConfig,
  feature,
  legacyHeader,
} from '../../../virtio/layout/index.ts';
import { type AdminAsk, AdminUse, legacyRead, legacyWrite } from '../admin-use.ts';
import type { Bench } from '../bench.ts';
import type { Check } from '../check.ts';

const { legacyCommonConfigRead, legacyCommonConfigWrite, legacyDeviceConfigRead, legacyDeviceConfigWrite } =
  adminOpcode;
const registerCommands = [
  legacyCommonConfigWrite,
  legacyCommonConfigRead,
  legacyDeviceConfigWrite,
  legacyDeviceConfigRead,
] as const;
const settings = ['modern'] as const;

const number = (bytes: ArrayLike<number>) =>
  Array.from(bytes).reduceRight((value, byte) => value * 256 + byte, 0);
const bytesOf = (value: number, length: number) =>
  Array.from({ length }, (_, i) => Math.floor(value / 2 ** (8 * i)) & 0xff);

/** An owner with its legacy commands in use. */
async function withLegacy(bench: Bench, clause: string): Promise<AdminUse> {
  const use = new AdminUse(bench);
  await use.startWith(clause, 'legacy commands', ...registerCommands);
  return use;
}

/** A field of member 1's header. */
async function readField(
  use: AdminUse,
  clause: string,
  { offset, width }: { readonly offset: number; readonly width: number },
): Promise<number> {
  return number((await use.done(clause, legacyRead(1, 'header', offset, width))).result);
}

/** Each is refused, and none succeeds. */
async function allFail(
  use: AdminUse,
  clause: string,
  asks: readonly AdminAsk[],
  what: string,
): Promise<void> {
  for (const ask of asks) {
    const { status } = await use.send(clause, ask);
    const failed = status !== adminStatus.ok;
    use.bench.check(clause, failed, `${what} refused`, `OK, at ${ask.data?.[0]}, opcode ${ask.opcode}`);
  }
}

/** Fields of a map within so many bytes. */
const fieldsOf = (map: RegisterMap, length: number) =>
  [...inOrder(map)]
    .map(([, register]) => ({
      offset: register.offset,
      width: register.width,
      end: register.offset + sizeOf(register),
    }))
    .filter(({ end }) => end <= length);

/** Configuration of member 1 as its own structure shows it. */
function ownConfig(use: AdminUse): StructureAccess {
  const { device } = findStructures(use.bench.bus, use.member(1));
  return device === null
    ? use.bench.skip('devices of the type have no configuration')
    : new StructureAccess(use.bench.bus, device);
}

const RING_FEATURES = (1 << feature.ringIndirectDescriptors) | (1 << feature.ringEventIndex);

/** A member's legacy registers by commands of its owner. */
export const adminLegacyChecks: readonly Check[] = [
  {
    id: 'admin-legacy-commands-together',
    clauses: ['ADL-03', 'ADL-14'],
    settings,
    says: 'the four commands for legacy registers come together, and LEGACY_NOTIFY_INFO with them only',
    async run(bench) {
      const use = new AdminUse(bench);
      void use.members;
      const opcodes = await use.list('ADL-03', adminGroup.singleRootIov);
      const some = registerCommands.filter((each) => opcodes.includes(each));
      const together = some.length === 0 || some.length === registerCommands.length;
      if (opcodes.includes(adminOpcode.legacyNotifyInfo))
        bench.check('ADL-14', some.length === registerCommands.length, 'opcodes 2 to 5 too', `${opcodes}`);
      bench.check('ADL-03', together, 'all of opcodes 2 to 5, or none', `${some}`);
    },
  },
  {
    id: 'admin-legacy-header',
    clauses: ['ADL-01', 'ADL-02', 'ADL-04', 'ADL-07', 'ADL-08'],
    settings,
    says: 'header registers are read and written as by a legacy driver, little-endian',
    async run(bench) {
      const use = await withLegacy(bench, 'ADL-08');
      const { common } = findStructures(bench.bus, use.member(1));
      const size = new StructureAccess(bench.bus, common).read(commonConfig.queueSize.offset, 2);
      const { queueSize, deviceStatus, deviceFeatures, driverFeatures } = legacyHeader;
      const read = await readField(use, 'ADL-08', queueSize);
      const swapped = ((size & 0xff) << 8) | (size >> 8);
      if (size !== swapped) bench.check('ADL-04', read !== swapped, `${size}, little-endian`, 'big-endian');
      bench.equal('ADL-08', 'queue_size', read, size);
      const low = await readField(use, 'ADL-02', { ...queueSize, width: 1 });
      bench.equal('ADL-02', 'low byte of queue_size, read alone', low, size & 0xff);
      for (const value of [1, 3]) {
        await use.done('ADL-07', legacyWrite(1, 'header', deviceStatus.offset, [value]));
        bench.equal('ADL-07', 'status that was written', await readField(use, 'ADL-07', deviceStatus), value);
      }
      // Ring features, of which each can be had alone.
      const offered = ((await readField(use, 'ADL-01', deviceFeatures)) & RING_FEATURES) >>> 0;
      await use.done('ADL-01', legacyWrite(1, 'header', driverFeatures.offset, bytesOf(offered, 4)));
      const accepted = await readField(use, 'ADL-01', driverFeatures);
      bench.equal('ADL-01', 'features that the driver wrote', accepted, offered);
      await use.done('ADL-07', legacyWrite(1, 'header', deviceStatus.offset, [0]));
    },
  },
  {
    id: 'admin-legacy-header-borders',
    clauses: ['ADL-05'],
    settings,
    says: 'an access that is not within one field of the header is refused',
    async run(bench) {
      const use = await withLegacy(bench, 'ADL-05');
      const { deviceFeatures, isrStatus } = legacyHeader;
      const places = [
        [deviceFeatures.offset + 2, 4],
        [isrStatus.offset - 1, 2],
        [isrStatus.offset, 2],
        [0x40, 1],
      ] as const;
      const asks = places.flatMap(([offset, length]) => [
        legacyRead(1, 'header', offset, length),
        legacyWrite(1, 'header', offset, bytesOf(0, length)),
      ]);
      await allFail(use, 'ADL-05', asks, 'an access across fields');
    },
  },
  {
    id: 'admin-legacy-config',
    clauses: ['ADL-10'],
    settings,
    says: 'device configuration is read as by a legacy driver',
    async run(bench) {
      const use = await withLegacy(bench, 'ADL-10');
      const own = ownConfig(use);
      for (const { offset, width } of fieldsOf(bench.type.config, own.length)) {
        if (width > 4 || offset > 0xff) continue;
        const { status, result } = await use.send('ADL-10', legacyRead(1, 'config', offset, width));
        // A field that the device has not: it need not say so in the same way.
        if (status !== adminStatus.ok && offset > 0) continue;
        bench.equal(
          'ADL-10',
          `configuration at ${offset}`,
          number(result),
          own.read(offset, width as 1 | 2 | 4),
        );
      }
    },
  },
  {
    id: 'admin-legacy-config-borders',
    clauses: ['ADL-06'],
    settings,
    says: 'an access that is not within one field of device configuration is refused',
    async run(bench) {
      const use = await withLegacy(bench, 'ADL-06');
      const fields = fieldsOf(bench.type.config, ownConfig(use).length);
      const across = fields
        .slice(0, -1)
        .filter(({ end }, i) => fields[i + 1]!.offset === end)
        .map(({ end }) => [end - 1, 2] as const);
      const asks = [...across.slice(0, 3), [0xff, 2] as const].flatMap(([offset, length]) => [
        legacyRead(1, 'config', offset, length),
        legacyWrite(1, 'config', offset, bytesOf(0, length)),
      ]);
      await allFail(use, 'ADL-06', asks, 'an access across fields');
    },
  },
  {
    id: 'admin-legacy-config-written',
    clauses: ['ADL-09'],
    settings,
    types: ['network'],
    says: 'device configuration is written as by a legacy driver: the address of a network device',
    async run(bench) {
      const use = await withLegacy(bench, 'ADL-09');
      const address = [0x52, 0x54, 0, 0xab, 0xcd, 0xef];
      await use.done('ADL-09', legacyWrite(1, 'config', 0, address));
      const { result } = await use.done('ADL-09', legacyRead(1, 'config', 0, address.length));
      bench.check('ADL-09', `${result}` === `${address}`, `the address ${address}`, `${result}`);
    },
  },
  {
    id: 'admin-legacy-ids',
    clauses: ['ADL-11', 'ADL-12'],
    settings,
    says: 'owner and members have ids of functions that are not transitional',
    async run(bench) {
      const use = new AdminUse(bench);
      const commands = [...registerCommands, adminOpcode.legacyNotifyInfo];
      await use.startWith('ADL-12', 'legacy commands with LEGACY_NOTIFY_INFO', ...commands);
      const { deviceId } = bench.found;
      const modern = deviceId >= 0x1040 && deviceId <= 0x107f;
      bench.check('ADL-12', modern, 'a device id of 0x1040 to 0x107f', `0x${deviceId.toString(16)}`);
      for (const { revisionId, subsystemId } of [bench.found, use.member(1)]) {
        const fits = revisionId >= 1 && subsystemId >= 0x40;
        const seen = `revision ${revisionId}, subsystem 0x${subsystemId.toString(16)}`;
        bench.check('ADL-11', fits, 'revision 1 and subsystem 0x40 at least', seen);
      }
    },
  },
];
