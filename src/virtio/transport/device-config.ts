import type { BusTarget, Width } from '../../core/index.ts';
import type { VirtioDevice } from '../device.ts';
import { WidthCheck } from './widths.ts';

/** Device configuration through the modern window, little-endian. Writing it while the device is suspended is reported. */
export class DeviceConfigWindow implements BusTarget {
  readonly #device: VirtioDevice;
  readonly #little: BusTarget;
  readonly #widths: WidthCheck;

  constructor(device: VirtioDevice) {
    const { little, map, length } = device.config;
    this.#device = device;
    this.#little = little;
    this.#widths = new WidthCheck(device, map, 'the device configuration', length);
  }

  read(offset: number, width: Width): number {
    this.#widths.check(offset, width);
    return this.#little.read(offset, width);
  }

  write(offset: number, width: Width, value: number): void {
    const device = this.#device;
    device.speak('modern');
    if (device.suspended)
      device.report('driver', 'SUSP-05', 'configuration was written while suspended', {
        what: 'register offset',
        value: offset,
      });
    this.#widths.check(offset, width);
    this.#little.write(offset, width, value);
  }

  /** A machine that splits a driver's accesses puts them together again: no driver is blamed for its machine. */
  widthAt(offset: number): Width {
    return this.#widths.widthAt(offset);
  }
}
