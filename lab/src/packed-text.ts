/** Characters that a packed text may have, and bytes that it may become: who wrote an address does not fill the memory. */
const MOST_PACKED = 24_000;
const MOST_BYTES = 2 << 20;

/** What was packed is torn, or too long. */
export class PackedTextError extends Error {}

async function through(
  bytes: Uint8Array<ArrayBuffer>,
  way: CompressionStream | DecompressionStream,
): Promise<Uint8Array<ArrayBuffer>> {
  const reader = new Blob([bytes]).stream().pipeThrough(way).getReader();
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  let length = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    length += value.length;
    if (length > MOST_BYTES) {
      await reader.cancel();
      throw new PackedTextError(`it is longer than ${MOST_BYTES} bytes`);
    }
    pieces.push(value);
  }
  return new Uint8Array(await new Blob(pieces).arrayBuffer());
}

/** A text as it can stand in an address; null for one that is too long for that. */
export async function packText(text: string): Promise<string | null> {
  const bytes = await through(new TextEncoder().encode(text), new CompressionStream('deflate-raw'));
  let signs = '';
  for (const byte of bytes) signs += String.fromCharCode(byte);
  const packed = btoa(signs).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
  return packed.length > MOST_PACKED ? null : packed;
}

/** @throws PackedTextError for what is no packed text */
export async function unpackText(packed: string): Promise<string> {
  if (packed.length > MOST_PACKED)
    throw new PackedTextError(`it has ${packed.length} characters; wants at most ${MOST_PACKED}`);
  try {
    const signs = atob(packed.replaceAll('-', '+').replaceAll('_', '/'));
    const bytes = Uint8Array.from(signs, (sign) => sign.charCodeAt(0));
    return new TextDecoder('utf-8', { fatal: true }).decode(
      await through(bytes, new DecompressionStream('deflate-raw')),
    );
  } catch (error) {
    if (error instanceof PackedTextError) throw error;
    throw new PackedTextError('it is torn');
  }
}
