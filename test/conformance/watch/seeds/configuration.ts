import { setCommand } from '../../../../src/driver/index.ts';
import {
  BalloonDevice,
  type BlockDevice,
  balloonFeature,
  feature,
  ScsiDevice,
} from '../../../../src/virtio/index.ts';
import { SLOT } from '../../../pci/support.ts';
import type { Lab } from '../support/lab.ts';
import { disk } from '../support/watched.ts';
import { type Seed, seeds } from './seed.ts';

const modern = seeds(disk);
const bare = seeds(disk, { bare: true });
const legacy = seeds(disk, { speaks: 'legacy' });
const vendor = { vendorData: [{ vendorId: 0x1234, bytes: new Uint8Array(8) }] };

/** Where a virtio capability of a kind stands. */
function capability(lab: Lab, kind: number): number {
  const found = lab.fn.capabilities.find(
    ({ id, offset }) => id === 9 && lab.machine.configRead(SLOT, offset + 3, 1) === kind,
  );
  if (found === undefined) throw new Error(`no capability ${kind}`);
  return found.offset;
}
const write = (lab: Lab, at: number, width: 1 | 2 | 4, value: number) =>
  lab.bus.configWrite(SLOT, at, width, value);
const msix = (lab: Lab, value: number) => {
  const at = lab.fn.capabilities.find(({ id }) => id === 0x11)!.offset;
  write(lab, at + 2, 2, value);
};
const window = (lab: Lab, offset: number, length: number) => {
  const at = capability(lab, 5);
  const bar = lab.machine.configRead(SLOT, capability(lab, 1) + 4, 1);
  write(lab, at + 4, 1, bar);
  write(lab, at + 8, 4, offset);
  write(lab, at + 12, 4, length);
  lab.bus.configRead(SLOT, at + 16, 4);
};

/** Device configuration, configuration space, messages, and what comes at the end. */
export const configurationSeeds: readonly Seed[] = [
  modern('config-field-without-feature', 'geometry that is not offered', (lab) => void lab.config(60, 4)),
  modern('config-read-only-written', 'the capacity is written', (lab) => void lab.config(0, 4, 1)),
  seeds(() => new ScsiDevice())(
    'scsi-config-written',
    'max_lun is written',
    (lab) => void lab.config(32, 4, 1),
  ),
  bare('config-written-while-negotiating', 'writeback before FEATURES_OK', (lab) => {
    lab.reset();
    lab.status(1);
    lab.status(3);
    lab.config(32, 1, 0);
  }),
  modern('config-width', 'a byte of the capacity', (lab) => void lab.config(0, 1)),
  modern('wide-field-without-generation', 'capacity without a generation', (lab) => {
    lab.config(0, 4);
    lab.config(4, 4);
    lab.kick(0);
  }),
  legacy('legacy-field-read-once', 'capacity read once', (lab) => {
    lab.config(0, 4);
    lab.kick(0);
  }),
  bare('writeback-read-early', 'writeback before FEATURES_OK', (lab) => {
    lab.reset();
    lab.config(32, 1);
  }),
  seeds(() => new BalloonDevice({ pagePoison: true }), { features: [balloonFeature.pagePoison] })(
    'poison-late',
    'poison_val after DRIVER_OK',
    (lab) => void lab.config(12, 4, 170),
  ),
  seeds(() => new BalloonDevice(), { speaks: 'legacy' })(
    'actual-in-pieces',
    'actual in bytes',
    (lab) => void lab.config(4, 1, 1),
  ),
  legacy('legacy-config-at-24', 'configuration at 24', (lab) => {
    lab.config(4, 4);
    lab.config(8, 4);
    lab.kick(0);
  }),
  modern('capability-written', 'a capability is written', (lab) => write(lab, capability(lab, 1) + 8, 4, 0)),
  seeds(disk, { fn: vendor })('vendor-data-unidentified', "vendor data of an unknown vendor's", (lab) =>
    write(lab, capability(lab, 9) + 8, 4, 0),
  ),
  seeds(disk, { fn: vendor })(
    'vendor-data-in-use',
    'vendor data in use',
    (lab) => void lab.bus.configRead(SLOT, capability(lab, 9) + 8, 4),
  ),
  modern('window-misaligned', 'a window at 2 of 4 bytes', (lab) => window(lab, 2, 4)),
  modern('window-nowhere', 'a window beyond all structures', (lab) => window(lab, 0x3ffffff0, 4)),
  modern('bus-master-taken', 'bus mastering goes off', (lab) => setCommand(lab.bus, SLOT, 0, 4)),
  bare('sriov-accepted-without-capability', 'SR_IOV without virtual functions', (lab) => lab.toFeatures(), {
    features: [feature.singleRootIov],
  }),
  seeds(disk, { speaks: 'legacy', kind: 'transitional' })(
    'mixed-interfaces',
    'both interfaces at once',
    (lab) => void lab.at('common', 8, 4, 0),
  ),
  modern('vector-without-msix', 'a vector without MSI-X', (lab) => lab.set('configMsixVector', 0), {
    fn: { vectors: 0 },
  }),
  bare('no-way-to-interrupt', 'MSI-X without vectors', (lab) => {
    msix(lab, 0x8000);
    lab.bringUp();
  }),
  modern('vector-not-aimed', 'a vector whose entry is not written', (lab) => {
    msix(lab, 0x8000);
    lab.at('msix-table', 0, 4, 0xfee00000);
    lab.set('queueMsixVector', 1);
    lab.get('queueMsixVector');
    lab.kick(0);
  }),
  bare('interrupts-nowhere', 'INTx disabled without MSI-X', (lab) => {
    setCommand(lab.bus, SLOT, 0x400, 0);
    lab.bringUp();
  }),
  modern('isr-read-with-msix', 'ISR with MSI-X', (lab) => {
    msix(lab, 0x8000);
    lab.at('isr', 0, 1);
  }),
  modern('isr-read-twice', 'ISR read twice', (lab) => {
    const end = lab.bus.interrupts.connectLine(lab.fn.interruptLine, () => {
      const isr = lab.at('isr', 0, 1);
      lab.at('isr', 0, 1);
      return isr !== 0;
    });
    lab.post(0, [{ bytes: new Uint8Array(16) }, { length: 512, write: true }, { length: 1, write: true }]);
    end();
  }),
  modern('isr-read-again', 'ISR read twice, and no interrupt is seen', (lab) => {
    lab.post(0, [{ bytes: new Uint8Array(16) }, { length: 512, write: true }, { length: 1, write: true }]);
    lab.at('isr', 0, 1);
    lab.at('isr', 0, 1);
  }),
  modern('config-interrupt-passed-over', 'a change is passed over', (lab) => {
    (lab.behaviour as BlockDevice).resize();
    lab.at('isr', 0, 1);
  }),
  modern('refused-and-not-failed', 'refused, and then nothing', (lab) => {
    lab.reset();
    lab.status(1);
    lab.status(3);
    lab.negotiate([22]);
    lab.status(11);
    lab.get('deviceStatus');
  }),
  legacy('buffers-withdrawn', 'a queue is taken away', (lab) => {
    setCommand(lab.machine, SLOT, 0, 4);
    lab.post(0, [{ bytes: new Uint8Array(16) }, { length: 512, write: true }, { length: 1, write: true }]);
    lab.set('queueAddress', 0);
  }),
];
