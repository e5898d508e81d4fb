import { deflateSync, inflateSync } from 'node:zlib';

/** Around a chunk's data: its length and name before, its checksum behind. */
const HEAD = 8;
const FRAME = 12;
const SIGNATURE = 8;
/** Colours of a picture with a palette, and how alike two colours are that count as one. */
const COLOURS = 256;
const ALIKE = 0xf8;

/** The checksum of PNG's chunks. */
function crc(bytes: Uint8Array): number {
  let value = 0xffffffff;
  for (const byte of bytes) {
    value ^= byte;
    for (let bit = 0; bit < 8; bit++) value = (value >>> 1) ^ (0xedb88320 & -(value & 1));
  }
  return ~value >>> 0;
}

function chunk(name: string, data: Uint8Array): Buffer {
  const bytes = Buffer.alloc(data.length + FRAME);
  bytes.writeUInt32BE(data.length);
  bytes.write(name, 4, 'latin1');
  bytes.set(data, HEAD);
  bytes.writeUInt32BE(crc(bytes.subarray(4, HEAD + data.length)), HEAD + data.length);
  return bytes;
}

/** The chunks of a picture with a name, one behind the other. */
function chunksOf(png: Buffer, wanted: string): Buffer {
  const found: Buffer[] = [];
  for (let at = SIGNATURE; at < png.length; ) {
    const length = png.readUInt32BE(at);
    if (png.toString('latin1', at + 4, at + HEAD) === wanted)
      found.push(png.subarray(at + HEAD, at + HEAD + length));
    at += FRAME + length;
  }
  return Buffer.concat(found);
}

/** What a byte was predicted to be, by the number of a line's filter. */
const predictions: readonly ((left: number, up: number, corner: number) => number)[] = [
  () => 0,
  (left) => left,
  (_, up) => up,
  (left, up) => (left + up) >> 1,
  (left, up, corner) => {
    const [a, b, c] = [Math.abs(up - corner), Math.abs(left - corner), Math.abs(left + up - 2 * corner)];
    return a <= b && a <= c ? left : b <= c ? up : corner;
  },
];

/** The bytes of the pixels, line by line. */
function pixels(data: Buffer, width: number, height: number, bytes: number): Uint8Array {
  const line = width * bytes;
  const out = new Uint8Array(line * height);
  for (let y = 0; y < height; y++) {
    const predict = predictions[data[y * (line + 1)]!]!;
    for (let x = 0; x < line; x++) {
      const at = y * line + x;
      const left = x < bytes ? 0 : out[at - bytes]!;
      const up = y === 0 ? 0 : out[at - line]!;
      const corner = x < bytes || y === 0 ? 0 : out[at - line - bytes]!;
      out[at] = data[y * (line + 1) + 1 + x]! + predict(left, up, corner);
    }
  }
  return out;
}

const distance = (a: number, b: number) =>
  Math.abs((a >> 16) - (b >> 16)) +
  Math.abs(((a >> 8) & 0xff) - ((b >> 8) & 0xff)) +
  Math.abs((a & 0xff) - (b & 0xff));

/** A picture of a page with a palette: of letters with soft edges many colours are alike. @param png of 8 bits a channel */
export function smallerPng(png: Buffer): Buffer {
  const header = chunksOf(png, 'IHDR');
  const [width, height, kind] = [header.readUInt32BE(0), header.readUInt32BE(4), header[9]];
  const bytes = kind === 6 ? 4 : 3;
  const image = pixels(inflateSync(chunksOf(png, 'IDAT')), width, height, bytes);
  const colourAt = (i: number) =>
    ((image[i]! & ALIKE) << 16) | ((image[i + 1]! & ALIKE) << 8) | (image[i + 2]! & ALIKE);
  const counts = new Map<number, number>();
  for (let i = 0; i < image.length; i += bytes) counts.set(colourAt(i), (counts.get(colourAt(i)) ?? 0) + 1);
  const common = [...counts].sort((a, b) => b[1] - a[1]).map(([colour]) => colour);
  const palette = common.slice(0, COLOURS);
  const nearest = (colour: number) =>
    palette.reduce(
      (best, each, i) => (distance(each, colour) < distance(palette[best]!, colour) ? i : best),
      0,
    );
  const places = new Map(common.map((colour) => [colour, nearest(colour)]));
  const lines = Buffer.alloc((width + 1) * height);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      lines[y * (width + 1) + 1 + x] = places.get(colourAt((y * width + x) * bytes))!;
  // White stays white: what was cut off is filled up again.
  const full = (channel: number) => channel | (channel >> 5);
  const table = palette.flatMap((c) => [full(c >> 16), full((c >> 8) & 0xff), full(c & 0xff)]);
  const shown = Buffer.from(header);
  shown[9] = 3;
  return Buffer.concat([
    png.subarray(0, SIGNATURE),
    chunk('IHDR', shown),
    chunk('PLTE', Uint8Array.from(table)),
    chunk('IDAT', deflateSync(lines, { level: 9, memLevel: 9 })),
    chunk('IEND', new Uint8Array(0)),
  ]);
}
