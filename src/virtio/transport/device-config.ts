import type { BusTarget } from '../../core/index.ts';
import type { VirtioDevice } from '../device.ts';
import { WidthCheck } from './widths.ts';

/** Device configuration through the modern window, little-endian. Writing it while the device is suspended is reported. */
export function deviceConfigWindow(device: VirtioDevice): BusTarget {
  const { little, map, length } = device.config;
  const shown = Object.fromEntries(Object.entries(map).filter(([, { offset }]) => offset < length));
  const widths = new WidthCheck(device, shown, 'the device configuration');
  return {
    read: (offset, width) => {
      widths.check(offset, width);
      return little.read(offset, width);
    },
    write: (offset, width, value) => {
      device.speak('modern');
      if (device.suspended)
        device.report('driver', 'SUSP-05', 'configuration was written while suspended', {
          what: 'register offset',
          value: offset,
        });
      widths.check(offset, width);
      little.write(offset, width, value);
    },
    // A machine that splits a driver's accesses puts them together again: no driver is blamed for its machine.
    widthAt: (offset) => widths.widthAt(offset),
  };
}
