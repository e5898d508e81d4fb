import { readdirSync, readFileSync } from 'node:fs';
import { ConfigImage } from '../../src/driver/index.ts';
import type { PciFunction } from '../../src/pci/index.ts';
import { type DumpedFunction, readDump } from '../../src/trace/index.ts';

const FOLDER = new URL('../golden/dumps/', import.meta.url);

/** Names of the dumps, without their ending. */
export const dumpNames = readdirSync(FOLDER)
  .filter((name) => name.endsWith('.txt'))
  .map((name) => name.slice(0, -'.txt'.length));

export const dumpFile = (name: string) => new URL(`${name}.txt`, FOLDER);

/** The one function of a dump. */
export const dumped = (name: string): DumpedFunction => readDump(readFileSync(dumpFile(name), 'utf8'))[0]!;

/** All bytes of a function of ours. */
export function imageOf({ config }: PciFunction, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, offset) => config.read(offset, 1));
}

/** The first bytes of what is known of an image. */
export const cut = (image: ConfigImage, length: number): ConfigImage =>
  ConfigImage.of(Uint8Array.from({ length: Math.min(length, image.length) }, (_, at) => image.read(at, 1)));
