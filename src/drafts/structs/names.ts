/** Words that the specification shortens, as the tables of this package write them. */
const WORDS: Readonly<Record<string, string>> = {
  addr: 'address',
  blk: 'block',
  buf: 'buffer',
  cnt: 'count',
  csum: 'checksum',
  desc: 'descriptor',
  dst: 'destination',
  exp: 'exponent',
  fwd: 'forward',
  hdr: 'header',
  hw: 'hardware',
  idx: 'index',
  len: 'length',
  min: 'minimum',
  msg: 'message',
  off: 'offset',
  opt: 'optimal',
  prio: 'priority',
  seg: 'segment',
  src: 'source',
};

const capital = (word: string) => word.charAt(0).toUpperCase() + word.slice(1);

/** A name of a text in camelCase: `queue_notify_off` is `queueNotifyOff`. */
export const camelName = (name: string): string =>
  name
    .split(/[_.]|\[\]/)
    .filter((word) => word !== '')
    .map((word, i) => (i === 0 ? word : capital(word)))
    .join('');

/** A name of the specification as this package has it: `queue_notify_off` is `queueNotifyOffset`. */
export const ourName = (name: string): string =>
  camelName(
    name
      .split('_')
      .map((word) => (Object.hasOwn(WORDS, word) ? WORDS[word]! : word))
      .join('_'),
  );

/** A name of this package as a text writes it: `queueNotifyOffset` is `queue_notify_offset`. */
export const textName = (name: string): string =>
  name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`).replace(/\W+_?/g, '_');
