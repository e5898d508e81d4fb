import { afterEach, expect } from 'vitest';
import { PciFunction } from '../../src/pci/function.ts';
import { VirtioDevice } from '../../src/virtio/device.ts';
import { deviceStatus } from '../../src/virtio/layout/status.ts';
import { misfit, type Reported } from './catalogue.ts';

/*
 * Every finding of every test goes through here, whether somebody listens or not: its clause exists, binds whom it is
 * held against, and belongs to the interface that is spoken.
 */
/** What only the modern structures can see, whoever the driver in charge is. */
const MODERN_WINDOW = /^(PCI-(COM|CFGW|VQ|LAY|KICK)|SUSP|KICK|INIT-04|RF-01)/;
const misfits = new Set<string>();

function look(reported: Reported, message: string): void {
  const wrong = misfit(reported);
  if (wrong !== null) misfits.add(`${wrong}: ${message}`);
}

const ofDevice = VirtioDevice.prototype.report;
VirtioDevice.prototype.report = function (party, clause, message, about) {
  // Before DRIVER_OK a modern driver may not have said yet that it is one; and a hostile one uses both windows.
  const open = (this.status & deviceStatus.driverOk) === 0 || MODERN_WINDOW.test(clause);
  const legacy = this.legacyDriver && open ? null : this.legacyDriver;
  look({ clause, party, legacy }, message);
  ofDevice.call(this, party, clause, message, about);
};

const ofFunction = PciFunction.prototype.report;
PciFunction.prototype.report = function (party, clause, message, about) {
  look({ clause, party, legacy: null }, message);
  ofFunction.call(this, party, clause, message, about);
};

afterEach(() => {
  const seen = [...misfits];
  misfits.clear();
  expect(seen, 'findings whose clause does not fit').toEqual([]);
});
