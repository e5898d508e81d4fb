/** Characters of one value; a monitor's commands are short. */
const MOST_CHARACTERS = 1 << 20;

/** Text that is no value of JSON. */
export class JsonStreamError extends Error {}

/** Strings may stand in single quotes, as they do on QEMU's monitors. */
const standard = (text: string) =>
  text.replace(/"(?:[^"\\]|\\.)*"|'((?:[^'\\]|\\.)*)'/gs, (whole: string, inner: string | undefined) =>
    inner === undefined ? whole : `"${inner.replaceAll("\\'", "'").replaceAll('"', '\\"')}"`,
  );

/** Values of JSON out of a stream of characters: objects, one after the other, with anything white between them. */
export class JsonStream {
  #text = '';
  /** Where the search for the value's end goes on, how deep it is there, and in which quotes. */
  #at = 0;
  #depth = 0;
  #quote = '';

  add(text: string): void {
    this.#text += text;
  }

  get tooLong(): boolean {
    return this.#text.length > MOST_CHARACTERS;
  }

  /** The next object; undefined while there is no whole one. @throws JsonStreamError for what is none, which is passed over */
  next(): unknown {
    if (this.#at === 0) this.#text = this.#text.trimStart();
    if (this.#text === '') return undefined;
    if (!this.#text.startsWith('{')) {
      const end = this.#text.indexOf('\n');
      if (end < 0) return undefined;
      this.#cut(end + 1);
      throw new JsonStreamError('JSON parse error, expecting an object');
    }
    for (; this.#at < this.#text.length; this.#at++) {
      const character = this.#text[this.#at]!;
      if (this.#quote !== '') {
        if (character === '\\') this.#at++;
        else if (character === this.#quote) this.#quote = '';
      } else if (character === '"' || character === "'") this.#quote = character;
      else if (character === '{' || character === '[') this.#depth++;
      else if ((character === '}' || character === ']') && --this.#depth === 0) return this.#take();
    }
    return undefined;
  }

  #take(): unknown {
    const text = this.#text.slice(0, this.#at + 1);
    this.#cut(this.#at + 1);
    try {
      return JSON.parse(standard(text));
    } catch {
      throw new JsonStreamError('JSON parse error, invalid object');
    }
  }

  #cut(characters: number): void {
    this.#text = this.#text.slice(characters);
    this.#at = this.#depth = 0;
    this.#quote = '';
  }
}
