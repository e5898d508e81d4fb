import {
  EntropyDevice,
  feature,
  virtioFunction,
  virtualFunctions as withFunctions,
} from '../../../src/virtio/index.ts';
import { watch } from '../../pci/support.ts';
import { BAR0, ENABLE, MEMORY, sriov, withVirtual } from '../../pci/virtual-support.ts';
import { ModernGuest } from '../../virtio/support/guests.ts';
import { Probe } from '../../virtio/support/probe.ts';
import { VirtualGuest } from '../../virtio/support/virtual.ts';
import { during, type Scenario, scenario } from './scenario.ts';

type Virtual = ReturnType<typeof withVirtual>;

/** Virtual functions whose BAR0 has a place; `count` are there, or none yet. */
function virtual(name: string, count: number, wrong: (functions: Virtual) => void): Scenario {
  return scenario(`virtual functions: ${name}`, () => {
    const functions = withVirtual();
    functions.place(0, BAR0);
    if (count > 0) functions.enable(count);
    const events = watch(functions.machine);
    return during({ events }, () => wrong(functions));
  });
}

export const virtualFunctions: readonly Scenario[] = [
  virtual('more than there are', 0, ({ enable }) => enable(9)),
  virtual('another number while they are there', 2, ({ write }) => write(sriov.numVfs, 2, 3)),
  virtual('other pages while they are there', 2, ({ write }) => write(sriov.pages, 4, 2)),
  virtual('pages of no size', 0, ({ write }) => write(sriov.pages, 4, 0)),
  virtual('pages of several sizes', 0, ({ write }) => write(sriov.pages, 4, 3)),
  virtual('a BAR is measured while it is decoded', 2, ({ write }) => write(sriov.bar + 4, 4, 0xffffffff)),
  virtual('a BAR is moved while it is decoded', 2, ({ write }) => write(sriov.bar + 4, 4, 9)),
  virtual('what is wrong with nothing: none, no memory, no place', 0, ({ enable, write }) => {
    enable(0, ENABLE);
    write(sriov.control, 2, 0);
    write(sriov.bar, 4, 0);
    write(sriov.bar + 4, 4, 0);
    enable(8, ENABLE | MEMORY);
  }),
  scenario('virtual functions: enabled before SR_IOV was agreed on', () => {
    const owner = virtioFunction(new EntropyDevice(), { kind: 'modern', express: true });
    const guest = new VirtualGuest(withFunctions(owner, { total: 2, make: () => new EntropyDevice() }));
    return during(guest, () => {
      guest.software.enable(2);
      guest.agree();
      guest.software.disable();
      guest.software.enable(2);
    });
  }),
  scenario('modern: SR_IOV without virtual functions', () => {
    const guest = new ModernGuest(new Probe(), { transportFeatures: [feature.singleRootIov] });
    guest.config.command(2);
    return during(guest, () => guest.config.command(6));
  }),
];
