import { PciFunction } from '../../src/pci/function.ts';
import { VirtioDevice } from '../../src/virtio/device.ts';
import { misfit, type Reported } from './catalogue.ts';

/*
 * Every finding of every test goes through here, whether somebody listens or not: its clause exists, binds whom it is
 * held against, and belongs to the interface that is spoken. Apart from `watch.ts`, which
 * runs for every file: reports are wrapped once, also where files share their modules.
 */
/** What only one window can see, whoever the driver in charge is: a hostile one uses both. */
const MODERN_WINDOW = /^(PCI-(COM|CFGW|VQ|LAY|KICK)|SUSP|KICK|INIT-04|RF-01)/;
const LEGACY_WINDOW = /^LEG-VQ-02/;
/** What did not fit since somebody last looked. */
export const misfits = new Set<string>();

function look(reported: Reported, message: string): void {
  const wrong = misfit(reported);
  if (wrong !== null) misfits.add(`${wrong}: ${message}`);
}

const ofDevice = VirtioDevice.prototype.report;
VirtioDevice.prototype.report = function (party, clause, message, about) {
  const { spoken } = this.features;
  const open = (spoken === 'legacy' ? MODERN_WINDOW : LEGACY_WINDOW).test(clause);
  const legacy = spoken === null || open ? null : spoken === 'legacy';
  look({ clause, party, legacy }, message);
  ofDevice.call(this, party, clause, message, about);
};

const ofFunction = PciFunction.prototype.report;
PciFunction.prototype.report = function (party, clause, message, about) {
  look({ clause, party, legacy: null }, message);
  ofFunction.call(this, party, clause, message, about);
};
