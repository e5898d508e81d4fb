import type { DebateFacts, DebateRow } from '../debate-row.ts';
import { type AttributeName, type AttributeSet, oneValue, outside } from './attributes.ts';
import { counted, countOf, devices, type Judge, pairs, verdictOf } from './debate-count.ts';
import { AttributeError } from './errors.ts';
import { formatCompatible, formatLines, formatTree, parseCompatible, parseSelf, parseTree } from './forms.ts';
import { matrixSpecs, refusal } from './matrix.ts';
import type { Movable } from './movable.ts';
import { movableOf } from './specs.ts';
import { strategies } from './strategies.ts';

/** Judged by some of the attributes, as if no others had been published. */
const byAttributes =
  (wanted: (name: AttributeName) => boolean): Judge =>
  (source, target) => {
    const only = (attributes: AttributeSet['self']) =>
      new Map([...attributes].filter(([name]) => wanted(name)));
    const self = only(source.attributes.self);
    return target.attributes.compatible.some((each) => outside(self, only(each)).length === 0);
  };

const COMMON: readonly AttributeName[] = ['software_version', 'device_api', 'type'];
const MUST: readonly AttributeName[] = [...COMMON, 'pci_id'];

const mean = (values: readonly number[]) =>
  Math.round(values.reduce((sum, value) => sum + value, 0) / values.length);
const setOf = ({ party }: Movable) => party.attributes;

/** Reads what one form writes, of every device. @throws AttributeError where that is something else */
function readBack(read: (set: AttributeSet) => AttributeSet): number {
  for (const device of devices()) {
    const again = read(setOf(device));
    if (outside(again.self, again.compatible[0]!).length > 0)
      throw new AttributeError(
        device.name,
        formatLines(again.self),
        'a device that is compatible with itself',
      );
  }
  return devices().length;
}

/** A target that is set up as a source's attribute says. */
function configured(spec: string, option: string, told: (aggregator: number) => number): boolean {
  const source = movableOf(`${spec},${option}=3`);
  const value = told(Number(oneValue(source.party.attributes.self, 'aggregator')));
  const [plain, like] = [movableOf(spec), movableOf(`${spec},${option}=${value}`)];
  return refusal(source.save(), plain) !== null && refusal(source.save(), like) === null;
}

const YAN = 'Yan Zhao';
const MATRIX = 'virtiolab compat --matrix';
const everyone = 'management of any kind';

type Row = Omit<DebateRow, 'seed' | 'run'> & { readonly run: () => DebateFacts };

const rows: readonly Row[] = [
  {
    id: 'attributes-as-files',
    proposal: 'self and compatible as directories of sysfs, one attribute a file',
    proposedBy: YAN,
    usableBy: 'whoever reads files',
    command: 'virtiolab compat network:mmr --write DIRECTORY',
    run: () => {
      const read = readBack((set) => parseTree(formatTree(set)));
      const files = mean(devices().map((device) => formatTree(setOf(device)).size));
      return {
        cost: `${files} files a device, each opened and read; ${read} devices written and read again`,
        ...verdictOf((source, target) => strategies.attributes.judge(source, target).compatible),
      };
    },
  },
  {
    id: 'attributes-as-lines',
    proposal: 'self and compatible as two files with NAME=VALUE lines and ranges',
    proposedBy: YAN,
    usableBy: 'whoever reads files and parses ranges',
    command: 'virtiolab compat network:mmr',
    run: () => {
      readBack((set) => ({
        self: parseSelf(formatLines(set.self)),
        compatible: parseCompatible(formatCompatible(set.compatible)),
      }));
      const bytes = mean(devices().map((device) => formatCompatible(setOf(device).compatible).length));
      return {
        cost: `2 files a device; ${bytes} of at most 4096 bytes for one kind of compatible devices`,
        breaks: `more than ${Math.floor(4096 / (bytes + 1))} kinds of compatible devices: they fit no file`,
        verdict: 'works with limits',
      };
    },
  },
  {
    id: 'dependent-ranges',
    proposal: 'values that depend on each other: type {val1:int:1,2,4,8}, aggregator {val1}/2',
    proposedBy: YAN,
    usableBy: 'whoever parses ranges',
    command: 'test/compare/migration/attributes.test.ts',
    run: () => {
      const lines = (type: string, aggregator: string) =>
        `software_version=0.1.0\ndevice_api=vfio-pci\ntype=i915-GVTg_V5_${type}\npci_id=80865963\naggregator=${aggregator}\n`;
      const [compatible] = parseCompatible(lines('{val1:int:1,2,4,8}', '{val1}/2'));
      const taken = (type: number, aggregator: number) =>
        outside(parseSelf(lines(`${type}`, `${aggregator}`)), compatible!).length === 0;
      const fitting = [1, 2, 4, 8].filter((type) =>
        [0, 1, 2, 4].some((aggregator) => taken(type, aggregator)),
      );
      return {
        cost: 'a parser with 11 kinds of errors',
        breaks: `of the types 1, 2, 4, 8 of the example only ${fitting.join(', ')} fit: half of 1 is no number`,
        verdict: 'works with limits',
      };
    },
  },
  {
    id: 'attribute-group',
    proposal: 'an attribute group on the kobject that a device has already, in place of a tree of its own',
    proposedBy: 'Cornelia Huck',
    usableBy: 'devices that are embedded in a kobject',
    command: 'virtiolab compat block --write DIRECTORY',
    run: () => {
      const files = mean(devices().map((device) => setOf(device).self.size));
      return {
        cost: `${files} files a device for self alone, and no directory more`,
        ...verdictOf((source, target) => strategies.versions.judge(source, target)!.compatible),
      };
    },
  },
  {
    id: 'semantic-versioning',
    proposal: 'semantic versioning and matching, without self and compatible',
    proposedBy: 'Cornelia Huck',
    usableBy: everyone,
    command: 'virtiolab compat block block,serial=other --strategy versions',
    run: () => ({
      cost: '4 attributes compared; vendors promise what versions mean',
      ...verdictOf((source, target) => strategies.versions.judge(source, target)!.compatible),
    }),
  },
  {
    id: 'software-version',
    proposal: 'software_version as MAJOR.MINOR.BUGFIX: an older minor version moves to a newer one',
    proposedBy: YAN,
    usableBy: everyone,
    command: 'virtiolab compat block,release=1.0.0 block',
    run: () => {
      const released = pairs().filter(
        ({ source, target }) =>
          source.name !== target.name &&
          source.name.replace(',release=1.0.0', '') === target.name.replace(',release=1.0.0', ''),
      );
      const [forth, back] = [true, false].map((older) =>
        released.filter(({ source }) => source.name.includes('release') === older),
      );
      return {
        cost: 'an upgrade of every record whose fields change',
        breaks: `${back!.filter(({ loads }) => !loads).length} of ${counted(back!.length, 'move')} back to an older release; ${forth!.filter(({ loads }) => loads).length} of ${forth!.length} forth are loaded`,
        verdict: 'works with limits',
      };
    },
  },
  {
    id: 'vendor-interface',
    proposal: 'an interface of each vendor or framework, as devlink for vDPA network devices',
    proposedBy: 'Jason Wang',
    usableBy: 'tools of that vendor',
    command: MATRIX,
    run: () => ({
      cost: 'a tool for each vendor; here one that knows network devices',
      ...verdictOf((source, target) =>
        source.virtio?.type === 'network' && target.virtio?.type === 'network'
          ? strategies.attributes.judge(source, target).compatible
          : null,
      ),
    }),
  },
  {
    id: 'standard-interface',
    proposal: 'one interface for all vendors; what vendors add is ignored',
    proposedBy: 'Daniel Berrangé',
    usableBy: 'QEMU, libvirt, OpenStack without code for vendors',
    command: MATRIX,
    run: () => ({
      cost: '3 attributes of every device',
      ...verdictOf(byAttributes((name) => COMMON.includes(name))),
    }),
  },
  {
    id: 'vendor-attributes',
    proposal: 'a common part, and a standard way for vendors to add attributes',
    proposedBy: 'Cornelia Huck',
    usableBy: everyone,
    command: 'virtiolab compat block block,packed --strategy attributes',
    run: () => ({
      cost: `${mean(devices().map((device) => setOf(device).self.size))} attributes a device, 8 of them added`,
      ...verdictOf(byAttributes(() => true)),
    }),
  },
  {
    id: 'netlink-tool',
    proposal: 'a tool for vDPA over netlink: all attributes in one message',
    proposedBy: 'Parav Pandit',
    usableBy: 'vDPA devices; mediated and physical PCI functions want a second tool',
    command: 'virtiolab compat network --json',
    run: () => {
      const bytes = mean(devices().map((device) => formatLines(setOf(device).self).length));
      return {
        cost: `1 message of ${bytes} bytes in place of ${mean(devices().map((device) => setOf(device).self.size))} files`,
        breaks: `nothing said of ${counted(pairs().filter(({ source }) => oneValue(setOf(source).self, 'device_api') === 'vfio-pci').length, 'pair')}: all are functions of vfio-pci`,
        verdict: 'breaks',
      };
    },
  },
  {
    id: 'sysfs-or-nothing',
    proposal: 'a driver that does not provide sysfs attributes is never listed as compatible',
    proposedBy: YAN,
    usableBy: 'drivers that provide them',
    command: MATRIX,
    run: () => ({
      cost: 'every driver changed; here those of network devices are not',
      ...verdictOf((source, target) =>
        target.virtio?.type === 'network' ? false : strategies.attributes.judge(source, target).compatible,
      ),
    }),
  },
  {
    id: 'settable-attributes',
    proposal: 'a vendor attribute can be set under the same name: targets are made after the source',
    proposedBy: YAN,
    usableBy: 'devices that are made when they are needed',
    command: 'virtiolab compat network,queue-pairs=3 network',
    run: () => {
      const made = [
        configured('network', 'queue-pairs', (queues) => (queues - 1) / 2),
        configured('block', 'queues', (queues) => queues),
        configured('scsi', 'queues', (queues) => queues - 2),
      ];
      return {
        cost: 'one attribute written before the target is opened; what a number counts is each type’s own',
        breaks: `nothing: ${made.filter(Boolean).length} of ${made.length} types are refused before and loaded after`,
        verdict: 'works',
      };
    },
  },
  {
    id: 'pci-id-required',
    proposal: 'the id of the physical or parent PCI device has to match',
    proposedBy: YAN,
    usableBy: 'devices with a PCI parent',
    command: MATRIX,
    run: () => ({ cost: '4 attributes', ...verdictOf(byAttributes((name) => MUST.includes(name))) }),
  },
  {
    id: 'pci-id-of-no-matter',
    proposal: 'the id of a parent should not matter: a vendor who depends on it says so',
    proposedBy: 'Alex Williamson',
    usableBy: 'mediated devices of whatever parent',
    command: MATRIX,
    run: () => {
      const [with_, without] = [
        countOf(byAttributes((name) => MUST.includes(name))),
        countOf(byAttributes((name) => COMMON.includes(name))),
      ];
      return {
        cost: '3 attributes',
        breaks: `${without.wrongYes - with_.wrongYes} more wrong answers than with the id, ${without.wrongYes} in all: the type says it already`,
        verdict: 'works with limits',
      };
    },
  },
  {
    id: 'signature',
    proposal: 'one signature of a physical device stands for its ids and all that it was made with',
    proposedBy: 'Alex Williamson',
    usableBy: 'everyone; it says nothing of what differs',
    command: MATRIX,
    run: () => ({
      cost: '3 attributes: interface, version, signature',
      ...verdictOf((source, target) => {
        const { profile: from } = source;
        const { profile: to } = target;
        const made = (profile: typeof from) =>
          JSON.stringify(
            [...profile!.rows].map(([path, row]) => [path, row.made]),
            (_, value) => (value instanceof Uint8Array ? [...value] : value),
          );
        return strategies.versions.judge(source, target)!.compatible && made(from) === made(to);
      }),
    }),
  },
  {
    id: 'mdevctl',
    proposal: 'devices are kept as definitions and made again from them, as mdevctl does',
    proposedBy: 'Alex Williamson',
    usableBy: 'whoever makes both devices',
    command: 'virtiolab compat network:mmr,queue-pairs=2 network:mmr,queue-pairs=2',
    run: () => {
      const refused = matrixSpecs.filter((spec) => refusal(movableOf(spec).save(), movableOf(spec)) !== null);
      return {
        cost: 'a definition of each device, one line here',
        breaks:
          refused.length === 0
            ? `nothing: ${matrixSpecs.length} of ${matrixSpecs.length} are loaded`
            : refused.join(', '),
        verdict: refused.length === 0 ? 'works' : 'breaks',
      };
    },
  },
  {
    id: 'device-parts',
    proposal: 'device parts, and verification of the features that a driver has: what virtio adopted',
    proposedBy: 'virtio 1.4',
    usableBy: 'virtual functions of an owner with an administration queue',
    command: 'virtiolab compat block block:modern --strategy parts',
    run: () => ({
      cost: 'features and sizes of queues compared; PCI functions are others’ to make alike',
      ...verdictOf((source, target) => strategies.parts.judge(source, target)!.compatible),
    }),
  },
  {
    id: 'opaque-state',
    proposal: 'an opaque state that the target refuses when it is loaded: what VFIO did',
    proposedBy: 'VFIO, version 2 of migration',
    usableBy: everyone,
    command: 'virtiolab compat block network --strategy opaque',
    run: () => ({
      cost: 'nothing beforehand; a whole move for each wrong guess',
      ...verdictOf((source, target) => strategies.opaque.judge(source, target).compatible),
    }),
  },
  {
    id: 'manifest',
    proposal: 'the records of a state by name, version and what parts were made with: what this package does',
    proposedBy: 'this package',
    usableBy: 'devices whose states are tables',
    command: 'virtiolab compat block block,sectors=128 --strategy records',
    run: () => {
      const rows = mean(devices().map(({ party }) => party.profile!.rows.size));
      return {
        cost: `${rows} records a device compared`,
        ...verdictOf((source, target) => strategies.records.judge(source, target)!.compatible),
      };
    },
  },
];

/** Every system that was proposed in the debate about compatible devices, and what came of it. */
export const compatibilityDebate: readonly DebateRow[] = rows.map((row) => ({ ...row, seed: '004' }));
