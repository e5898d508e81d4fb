import { readFile, rm, writeFile } from 'node:fs/promises';
import { gunzipSync } from 'node:zlib';
import { hasTool, runTool } from './apt.ts';

/** Ways in which kernels and modules are packed: how their bytes begin, and what unpacks a file beside itself. */
const FORMATS = [
  { suffix: '.gz', magic: [0x1f, 0x8b], tool: null },
  // A kernel's own length stands behind its stream.
  { suffix: '.xz', magic: [0xfd, 0x37, 0x7a, 0x58], tool: ['xz', '--single-stream', '-dkf'] },
  { suffix: '.zst', magic: [0x28, 0xb5, 0x2f, 0xfd], tool: ['zstd', '-qdkf'] },
] as const;

/** A file's bytes, unpacked where its name says that it is packed. @throws PackageToolError where there is no tool for it */
export async function readCompressed(path: string): Promise<Uint8Array> {
  const format = FORMATS.find(({ suffix }) => path.endsWith(suffix));
  if (format === undefined) return readFile(path);
  if (format.tool === null) return gunzipSync(await readFile(path));
  const [tool, ...args] = format.tool;
  const plain = path.slice(0, -format.suffix.length);
  await runTool(tool, [...args, path]);
  return readFile(plain);
}

/** Bytes of the length of what is packed, behind it. */
const LENGTH_BYTES = 4;
const SECTOR_BYTES = 512;
/** Fields of a bzImage's setup header (Documentation/arch/x86/boot.rst). */
const setup = { sectors: 0x1f1, payload: 0x248, payloadLength: 0x24c } as const;

/**
 * The kernel proper of a bzImage: an ELF file that a loader can start at once, where the kernel would first unpack itself,
 * slowly in an emulator.
 * @param scratch a path for temporary files, with this at the beginning.
 * @returns null where it is packed in a way that this machine has no tool for, or no bzImage.
 */
export async function unpackKernel(image: Uint8Array, scratch: string): Promise<Uint8Array | null> {
  if (image.length < setup.payloadLength + 4) return null;
  const data = new DataView(image.buffer, image.byteOffset, image.byteLength);
  const start = ((image[setup.sectors] || 4) + 1) * SECTOR_BYTES + data.getUint32(setup.payload, true);
  const length = data.getUint32(setup.payloadLength, true);
  if (start + length > image.length) return null;
  const payload = image.subarray(start, start + length);
  const format = FORMATS.find(({ magic }) => magic.every((byte, index) => payload[index] === byte));
  if (format === undefined || (format.tool !== null && !(await hasTool(format.tool[0])))) return null;
  const packed = `${scratch}${format.suffix}`;
  await writeFile(packed, payload.subarray(0, format.tool === null ? length : length - LENGTH_BYTES));
  const kernel = await readCompressed(packed);
  await rm(packed);
  return kernel;
}
