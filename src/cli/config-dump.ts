import { type Bus, formatFunctionAddress } from '../core/index.ts';
import type { FoundFunction } from '../driver/index.ts';
import { CONVENTIONAL_BYTES, EXTENDED_BYTES } from '../pci/index.ts';
import { hexText } from './text.ts';

const LINE_BYTES = 16;

/** Configuration space of a function as software reads it: at most `limit` bytes, and no more than it has. */
export function readConfig(bus: Bus, { address, extended }: FoundFunction, limit: number): Uint8Array {
  // Only PCI Express functions have extended space; elsewhere it reads all ones.
  const has = extended.length > 0 || bus.configRead(address, CONVENTIONAL_BYTES, 4) !== 0xffffffff;
  const length = Math.min(limit, has ? EXTENDED_BYTES : CONVENTIONAL_BYTES);
  return Uint8Array.from({ length }, (_, offset) => bus.configRead(address, offset, 1));
}

/**
 * A function in the format that the pciutils write with `-x` and read with `-F`: a line with the slot, then lines of 16
 * bytes, each with its offset.
 */
export function configDump(address: number, title: string, bytes: Uint8Array): string[] {
  const lines = [`${formatFunctionAddress(address)} ${title}`];
  for (let at = 0; at < bytes.length; at += LINE_BYTES) {
    const values = [...bytes.subarray(at, at + LINE_BYTES)].map((byte) => hexText(byte, 2));
    lines.push(`${hexText(at, 2)}: ${values.join(' ')}`);
  }
  return lines;
}
