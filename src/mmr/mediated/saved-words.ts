/** Words as bytes of a state, little-endian. */
export function bytesOfWords(words: Uint32Array): Uint8Array<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(4 * words.length));
  for (const [i, word] of words.entries()) view.setUint32(4 * i, word, true);
  return new Uint8Array(view.buffer);
}

/** Puts as many words in place as there are. */
export function setWords(words: Uint32Array, saved: Uint8Array): void {
  const view = new DataView(saved.buffer, saved.byteOffset, saved.byteLength);
  for (const i of words.keys()) words[i] = view.getUint32(4 * i, true);
}
