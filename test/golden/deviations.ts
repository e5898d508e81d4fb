import type { Json } from './difference.ts';

/** One answer of ours that is not the recorded one, and why that is meant. */
export interface Deviation {
  /** Short name, shared by the rows that have one reason. */
  readonly id: string;
  /** Where in the observations. */
  readonly path: string;
  readonly observed: Json;
  readonly ours: Json;
  readonly reason: string;
  /** The clause that decides, or that leaves the matter open. */
  readonly clause: string;
}

type Row = readonly [path: string, observed: Json, ours: Json];

const deviation = (id: string, clause: string, reason: string, rows: readonly Row[]): Deviation[] =>
  rows.map(([path, observed, ours]) => ({ id, path, observed, ours, reason, clause }));

/** The same row under several prefixes. */
const under = (prefixes: readonly string[], rows: readonly Row[]): Row[] =>
  prefixes.flatMap((prefix) => rows.map(([path, observed, ours]): Row => [prefix + path, observed, ours]));

const legacyViews = ['blk.transitional.legacy', 'blk.legacy.legacy'];
const modernViews = ['blk.transitional.modern', 'blk.modern.modern'];
const functions = (kinds: readonly string[]) =>
  ['blk', 'net', 'rng', 'balloon', 'serial', 'scsi', '9p'].flatMap((name) => kinds.map((kind) => `${name}.${kind}`));
const modernFunctions = functions(['transitional', 'modern']);
/** The recorded balloon has no MSI-X, and its list is the shorter for it. */
const isBalloon = (fn: string) => fn.startsWith('balloon.');
/** Those with a field that their device sets before anybody reads it. */
const presetConfigs = functions(['transitional.modern', 'modern.modern']).filter(
  (fn) => !isBalloon(fn) && !fn.startsWith('rng.'),
);
const odd = ['legacy_odd_blk', 'legacy_odd_rng'];
const modernOdd = ['modern_blk_read_transitional_device.odd', 'modern_blk_read_modern_device.odd'];

/** Every answer in which the emulator differs from the recorded QEMU. */
export const deviations: readonly Deviation[] = [
  ...deviation(
    'pfn-zero-one-queue',
    'LEG-VQ-02',
    'QEMU resets the whole device when a queue address of 0 is written; here that takes down the selected queue and nothing else',
    [
      ['legacy_blk_read.after_pfn0.status', '0x00', '0x07'],
      ...under(odd, [['.queue_select.sel_after_pfn0', 0, 63]]),
    ],
  ),
  ...deviation(
    'queue-select-16-bits',
    'PCI-COM-14',
    'QEMU ignores selectors from 1024 on; here every selector is kept, so that an absent queue shows size 0',
    [
      ...under(odd, [
        ['.queue_select.1024.sel', 0, 1024],
        ['.queue_select.65535.sel', 0, 65535],
      ]),
      ['legacy_odd_blk.queue_select.1024.size', 256, 0],
      ['legacy_odd_blk.queue_select.65535.size', 256, 0],
      ['legacy_odd_rng.queue_select.1024.size', 8, 0],
      ['legacy_odd_rng.queue_select.65535.size', 8, 0],
      ...under(modernOdd, [
        ['.qsel1024', 5, 1024],
        ['.qselffff', 5, 65535],
      ]),
    ],
  ),
  ...deviation(
    'status-3-bus-master',
    'PCI-BUS-01',
    'QEMU sets bus master when a driver writes status 3, for drivers that forget it; a function does not change its own command register',
    under(odd, [
      ['.command_after_status_1_then_3[1]', '0x0005', '0x0001'],
      ['.command_after_status0', '0x0005', '0x0001'],
    ]),
  ),
  ...deviation(
    'absent-queue-vector',
    'PCI-MSIX-09',
    'QEMU keeps a vector for a queue that does not exist; an event that cannot occur cannot be mapped, so NO_VECTOR is read',
    under(odd, [['.msix.qvec_absent_queue_after_write1', '0x0001', '0xffff']]),
  ),
  ...deviation(
    'modern-queue-size-power-of-two',
    'PCI-COM-15',
    'QEMU takes any queue size but 0, even above the one it offers; without packed rings only powers of two up to the offered one are sizes',
    under(modernOdd, [
      ['.qsize_100', 100, 256],
      ['.qsize_512', 512, 256],
      ['.qsize_0', 512, 256],
    ]),
  ),
  ...deviation(
    'unoffered-features-refused',
    'BF-FEAT-11',
    'QEMU lets FEATURES_OK stand with bits accepted that were not offered; here it stays clear',
    under(modernOdd, [['.status_after_bad_features_ok', '0x0b', '0x03']]),
  ),
  ...deviation(
    'absent-queue-notify-off',
    'PCI-NOT-05',
    'QEMU shows the selector as queue_notify_off of a queue that does not exist; no place in the structure belongs to it, so it reads all ones',
    under(modernOdd, [['.qsel5.noff', 5, 0xffff]]),
  ),
  ...deviation(
    'blk-legacy-only-features',
    'LEG-RF-03',
    'QEMU offers SCSI requests (7) and leaves ANY_LAYOUT (27) out where a function is legacy only; here both kinds of function offer the same, and SCSI requests are not built',
    [['blk.legacy.legacy.device_features', '0x71006ed4', '0x79006e54']],
  ),
  ...deviation(
    'blk-config-end',
    'BLK-INIT-11',
    'write_zeroes_may_unmap is 0, as an array of bytes gives nothing back (BLK-OP-21), and the padding behind it is 0 where QEMU ends the structure before it',
    [
      ...under(
        legacyViews.map((view) => `${view}.devcfg_at_0x14`),
        [['[14]', '01ffffff', '00000000']],
      ),
      ...under(
        modernViews.map((view) => `${view}.devcfg`),
        [['[14]', 'ffffffff', '00000000']],
      ),
    ],
  ),
  ...deviation(
    'blk-minimum-io-size',
    'BF-CFG-06',
    'min_io_size is one block where QEMU leaves it 0; the topology feature is offered by both',
    [
      ...under(
        legacyViews.map((view) => `${view}.devcfg_at_0x14`),
        [['[6]', '00000000', '00000100']],
      ),
      ...under(
        modernViews.map((view) => `${view}.devcfg`),
        [['[6]', '00000000', '00000100']],
      ),
    ],
  ),
  ...deviation(
    'generation-start',
    'PCI-COM-06',
    'the generation counts from what the device set before anybody read; only that it changes is asked for',
    under(presetConfigs, [['.config_generation', 0, 1]]),
  ),
  ...deviation(
    'notify-wide-read',
    'PCI-LAY-01',
    'QEMU answers a four-byte read of queue notify with all ones; here it is zero-extended as every other register is',
    under(odd, [['.every_offset.l[16]', '0xffffffff', '0x0000ffff']]),
  ),
  ...deviation(
    'capability-order',
    'PCI-CAP-17',
    'QEMU lists the last capability first; only the order among structures of one type means something',
    [
      ...under(
        modernFunctions.filter((fn) => !isBalloon(fn)),
        [
          [
            '.capsOrder',
            '0x98 MSI-X, 0x84 pci_cfg, 0x70 notify, 0x60 device, 0x50 isr, 0x40 common',
            '0x40 MSI-X, 0x4c common, 0x5c isr, 0x6c device, 0x7c notify, 0x90 pci_cfg',
          ],
          ['.header_hex[13]', '98000000', '40000000'],
        ],
      ),
      ...under(modernFunctions.filter(isBalloon), [
        [
          '.capsOrder',
          '0x84 pci_cfg, 0x70 notify, 0x60 device, 0x50 isr, 0x40 common',
          '0x40 common, 0x50 isr, 0x60 device, 0x70 notify, 0x84 pci_cfg',
        ],
        ['.header_hex[13]', '84000000', '40000000'],
      ]),
    ],
  ),
  ...deviation(
    'interrupt-line-preset',
    'PCI-BUS-01',
    'the machine fills in the interrupt line as board firmware would, since it alone knows the wiring; the recording is from before any firmware',
    under([...modernFunctions, ...functions(['legacy'])], [['.header_hex[15]', '00010000', '0b010000']]),
  ),
];
