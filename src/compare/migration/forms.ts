import {
  type AttributeSet,
  type Attributes,
  attributesOf,
  checkAscii,
  MOST_ATTRIBUTE_BYTES,
} from './attributes.ts';
import {
  AttributeValueError,
  MissingAttributeError,
  TornAttributesError,
  UnknownAttributeError,
} from './errors.ts';
import { formatPattern } from './pattern.ts';

/*
 * The two forms of the proposal. A tree: `self/NAME` and `compatible/NAME`, one value a file; where several kinds of devices are
 * compatible, `compatible0/NAME`, `compatible1/NAME`, ... Lines: the files `self` and `compatible` with `NAME=VALUE` each, several
 * kinds apart by an empty line.
 */

/** Files by their paths below the directory `migration`. */
export type AttributeTree = ReadonlyMap<string, string>;

const COMPATIBLE = /^compatible(?:0|[1-9]\d{0,2})?$/;

/** The one value of a file. @throws TornAttributesError */
function fileValue(path: string, text: string): string {
  checkAscii(path, text);
  if (!text.endsWith('\n') || text.indexOf('\n') !== text.length - 1)
    throw new TornAttributesError(path, text, 'one line with its end');
  return text.slice(0, -1);
}

/** @throws AttributeError, a subclass for each reason */
export function parseTree(tree: AttributeTree): AttributeSet {
  const directories = new Map<string, [name: string, value: string][]>();
  for (const [path, text] of tree) {
    const [directory = '', name = '', more] = path.split('/');
    if (name === '' || more !== undefined || (directory !== 'self' && !COMPATIBLE.test(directory)))
      throw new UnknownAttributeError('migration', path, 'self/NAME or compatible/NAME');
    const entries = directories.get(directory) ?? [];
    entries.push([name, fileValue(path, text)]);
    directories.set(directory, entries);
  }
  const self = directories.get('self');
  if (self === undefined)
    throw new MissingAttributeError('migration', [...directories.keys()].join(', '), 'the directory self');
  const others = [...directories].filter(([directory]) => directory !== 'self');
  others.sort(([a], [b]) => Number(a.slice(10)) - Number(b.slice(10)));
  return {
    self: attributesOf('self', self, true),
    compatible: others.map(([directory, entries]) => attributesOf(directory, entries, false)),
  };
}

const filesOf = (directory: string, attributes: Attributes): [string, string][] =>
  [...attributes].map(([name, pattern]) => [`${directory}/${name}`, `${formatPattern(pattern)}\n`]);

/** The tree that {@link parseTree} reads. */
export function formatTree({ self, compatible }: AttributeSet): AttributeTree {
  const directory = (nth: number) => (compatible.length === 1 ? 'compatible' : `compatible${nth}`);
  return new Map([
    ...filesOf('self', self),
    ...compatible.flatMap((each, nth) => filesOf(directory(nth), each)),
  ]);
}

function lineEntries(where: string, text: string): [name: string, value: string][] {
  return text.split('\n').map((line) => {
    const equals = line.indexOf('=');
    if (equals < 1) throw new TornAttributesError(where, line, 'NAME=VALUE');
    return [line.slice(0, equals), line.slice(equals + 1)];
  });
}

/** Sections of a text, each without its end. @throws AttributeError, a subclass for each reason */
function sectionsOf(where: string, text: string): string[] {
  checkAscii(where, text);
  if (text === '') return [];
  if (!text.endsWith('\n')) throw new TornAttributesError(where, text.slice(-40), 'an end of its last line');
  return text.slice(0, -1).split('\n\n');
}

/** Lines about one device. @throws AttributeError, a subclass for each reason */
export function parseSelf(text: string): Attributes {
  const [first, second] = sectionsOf('self', text);
  if (first === undefined) throw new TornAttributesError('self', text, 'NAME=VALUE');
  if (second !== undefined) throw new TornAttributesError('self', second, 'one device');
  return attributesOf('self', lineEntries('self', first), true);
}

/** Lines about those whose state a device takes. @throws AttributeError, a subclass for each reason */
export function parseCompatible(text: string): readonly Attributes[] {
  return sectionsOf('compatible', text).map((section, nth) => {
    const where = nth === 0 ? 'compatible' : `compatible ${nth + 1}`;
    return attributesOf(where, lineEntries(where, section), false);
  });
}

/** The lines of one device, or of one kind of devices. */
export const formatLines = (attributes: Attributes): string =>
  [...attributes].map(([name, pattern]) => `${name}=${formatPattern(pattern)}\n`).join('');

/** The lines of all kinds. @throws AttributeValueError where they take more than a file of sysfs has */
export function formatCompatible(compatible: readonly Attributes[]): string {
  const text = compatible.map(formatLines).join('\n');
  if (text.length > MOST_ATTRIBUTE_BYTES)
    throw new AttributeValueError('compatible', text, `at most ${MOST_ATTRIBUTE_BYTES} bytes`);
  return text;
}
