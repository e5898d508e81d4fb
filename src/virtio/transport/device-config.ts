import type { BusTarget } from '../../core/index.ts';
import type { VirtioDevice } from '../device.ts';

/** Device configuration through the modern window, little-endian. Writing it while the device is suspended is reported. */
export function deviceConfigWindow(device: VirtioDevice): BusTarget {
  const { little } = device.config;
  return {
    read: (offset, width) => little.read(offset, width),
    write: (offset, width, value) => {
      device.speak('modern');
      if (device.suspended)
        device.report('driver', 'SUSP-05', 'configuration was written while suspended', {
          what: 'register offset',
          value: offset,
        });
      little.write(offset, width, value);
    },
  };
}
