import { type FunctionAddress, functionAddress, type Width } from '../core/index.ts';
import { walkCapabilities, walkExtended } from '../driver/index.ts';
import { EXTENDED_BYTES, type0Header } from '../pci/layout/index.ts';
import type { ConfigBus } from './config-tables.ts';
import type { FunctionToDecode } from './decode.ts';
import { TraceError } from './foreign.ts';

const SLOT = /^(?:0000:)?([0-9a-f]{2}):([01][0-9a-f])\.([0-7])(?:\s|$)/i;
const BYTES = /^([0-9a-f]{2,3}):((?: [0-9a-f]{2}){1,16})\s*$/i;
const LOOKS_LIKE_BYTES = /^[0-9a-f]{2,3}:(?: |$)/i;

/** Configuration spaces as `lspci -xxxx` lists them, to be read as those of a bus. What was not listed reads 0. */
export class DumpedFunctions implements ConfigBus {
  readonly #spaces = new Map<FunctionAddress, Uint8Array>();

  /** @throws TraceError for a text without functions, or with a line that is broken. */
  constructor(text: string) {
    let space: Uint8Array | null = null;
    for (const [i, line] of text.split(/\r?\n/).entries()) {
      const [, bus, device, fn] = SLOT.exec(line) ?? [];
      if (bus !== undefined) {
        space = new Uint8Array(EXTENDED_BYTES);
        const place = functionAddress(Number.parseInt(bus, 16), Number.parseInt(device!, 16), Number(fn));
        this.#spaces.set(place, space);
      } else if (LOOKS_LIKE_BYTES.test(line)) {
        const [, at, bytes] = BYTES.exec(line) ?? [];
        if (at === undefined)
          throw new TraceError(i + 1, 'has broken bytes of configuration space: it is cut');
        if (space === null) throw new TraceError(i + 1, 'has bytes, and there is no function before it');
        const row = Uint8Array.from(bytes!.trim().split(' '), (byte) => Number.parseInt(byte, 16));
        space.set(row, Math.min(Number.parseInt(at, 16), EXTENDED_BYTES - row.length));
      }
    }
    if (this.#spaces.size === 0)
      throw new TraceError(0, 'there is no function in it: wants what lspci -xxxx prints');
  }

  configRead(fn: FunctionAddress, offset: number, width: Width): number {
    const space = this.#spaces.get(fn);
    let value = 0;
    for (let i = width - 1; i >= 0; i--)
      value = value * 256 + (space === undefined ? 0xff : space[offset + i]!);
    return value;
  }

  /** Functions of the dump, as the decoder wants them. */
  get functions(): FunctionToDecode[] {
    return [...this.#spaces.keys()].map((address) => {
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
