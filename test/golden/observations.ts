import type { FunctionKind } from '../../src/virtio/index.ts';
import type { Json } from './difference.ts';
import behaviourFile from './qemu-7.2/behaviour-qtest.json' with { type: 'json' };
import devicesFile from './qemu-7.2/devices.json' with { type: 'json' };
import { device, groups, normalise } from './replay-devices.ts';
import { legacyOdd, legacyRead, msixDelivery } from './replay-legacy.ts';
import { modernRead, pciConfigWindow } from './replay-modern.ts';
import { subjectNames } from './subject.ts';

type Tree = { readonly [key: string]: Json };

/** Facts about the recording itself, not answers of the device. */
const ABOUT_THE_RUN = ['argv', 'commands', 'stderr'];

const answers = (record: Tree): Tree =>
  Object.fromEntries(Object.entries(record).filter(([key]) => !ABOUT_THE_RUN.includes(key)));

/** A recorded device in the shape of a replayed one: the list as a set, long strings of bytes in groups of four. */
function recordedDevice(record: Tree): Tree {
  const { caps, config_hex, ...rest } = answers(record);
  const view = (name: 'legacy' | 'modern', field: string) => {
    const found = record[name] as Tree | undefined;
    return found === undefined ? {} : { [name]: { ...found, [field]: groups(found[field] as string) } };
  };
  return {
    ...rest,
    ...normalise(caps as unknown as Parameters<typeof normalise>[0]),
    header_hex: groups((config_hex as string).slice(0, 128)),
    ...view('legacy', 'devcfg_at_0x14'),
    ...view('modern', 'devcfg'),
  };
}

const kinds = ['transitional', 'legacy', 'modern'] as const satisfies readonly FunctionKind[];

/** One recorded section, and the replay of the same operations on our own function. */
export interface Section {
  readonly name: string;
  readonly observed: Tree;
  readonly replay: () => Json;
}

const behaviour = (name: keyof typeof behaviourFile, replay: () => Json): Section => ({
  name,
  observed: answers(behaviourFile[name]),
  replay,
});

/** Everything that was recorded of the devices that exist here. */
export const sections: readonly Section[] = [
  ...subjectNames.flatMap((name) =>
    kinds.map((kind) => ({
      name: `${name}.${kind}`,
      observed: recordedDevice(devicesFile[name][kind] as unknown as Tree),
      replay: () => device(name, kind),
    })),
  ),
  behaviour('legacy_blk_read', legacyRead),
  behaviour('legacy_odd_blk', () => legacyOdd('blk')),
  behaviour('legacy_odd_rng', () => legacyOdd('rng')),
  behaviour('msix_delivery', msixDelivery),
  behaviour('modern_blk_read_transitional_device', () => modernRead('transitional')),
  behaviour('modern_blk_read_modern_device', () => modernRead('modern')),
  behaviour('pci_cfg_window', pciConfigWindow),
];
