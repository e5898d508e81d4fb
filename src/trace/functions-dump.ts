import type { FunctionAddress, Width } from '../core/index.ts';
import { type ConfigImage, walkCapabilities, walkExtended } from '../driver/index.ts';
import { type0Header } from '../pci/layout/index.ts';
import type { ConfigBus } from './config-tables.ts';
import type { FunctionToDecode } from './decode.ts';
import { readDump } from './lspci-dump.ts';

/** Configuration spaces as `lspci -xxxx` lists them, to be read as those of a bus. What was not listed reads 0. */
export class DumpedFunctions implements ConfigBus {
  readonly #images: ReadonlyMap<FunctionAddress, ConfigImage>;

  /** Functions of other segments than 0 are passed over: an access does not name them. @throws DumpError */
  constructor(text: string) {
    const images = new Map<FunctionAddress, ConfigImage>();
    for (const { segment, address, image } of readDump(text)) if (segment === 0) images.set(address, image);
    this.#images = images;
  }

  configRead(fn: FunctionAddress, offset: number, width: Width): number {
    const image = this.#images.get(fn);
    let value = 0;
    for (let i = width - 1; i >= 0; i--)
      value =
        value * 256 + (image === undefined ? 0xff : image.knows(offset + i) ? image.read(offset + i, 1) : 0);
    return value;
  }

  /** Functions of the dump, as the decoder wants them. */
  get functions(): FunctionToDecode[] {
    return [...this.#images.keys()].map((address) => {
      const read = (offset: number, width: Width) => this.configRead(address, offset, width);
      return {
        address,
        vendorId: read(type0Header.vendorId.offset, 2),
        deviceId: read(type0Header.deviceId.offset, 2),
        capabilities: [...walkCapabilities(read)],
        extended: [...walkExtended(read)],
      };
    });
  }
}
