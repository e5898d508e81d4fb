/** Characters of a piece: so much of a long file is in memory at once. */
const PIECE = 4 << 20;

/** A piece of a text, cut between lines. */
export interface Piece {
  readonly text: string;
  /** Lines before it. */
  readonly lines: number;
  /** Bytes of the file up to its end. */
  readonly end: number;
}

const linesOf = (text: string) => {
  let count = 0;
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) count++;
  return count;
};

/** A file's text in pieces of whole lines. */
export async function* pieces(file: Blob): AsyncGenerator<Piece, void> {
  const decoder = new TextDecoder();
  let [rest, lines] = ['', 0];
  for (let at = 0; at < file.size; at += PIECE) {
    const bytes = await file.slice(at, at + PIECE).arrayBuffer();
    rest += decoder.decode(bytes, { stream: true });
    const ends = rest.lastIndexOf('\n') + 1;
    // A line that is longer than a piece is no line of a trace; it is told as it is.
    const cut = ends > 0 ? ends : rest.length;
    const text = rest.slice(0, cut);
    yield { text, lines, end: Math.min(at + PIECE, file.size) };
    lines += linesOf(text);
    rest = rest.slice(cut);
  }
  if (rest !== '') yield { text: rest, lines, end: file.size };
}
