import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  AttributeError,
  type AttributeName,
  type AttributeSet,
  type Attributes,
  AttributeValueError,
  ContradictingRangeError,
  EmptyRangeError,
  FutureVersionError,
  formatCompatible,
  formatLines,
  formatPattern,
  formatTree,
  MissingAttributeError,
  NotAsciiError,
  oneValue,
  outside,
  parseCompatible,
  parsePattern,
  parseSelf,
  parseTree,
  RepeatedAttributeError,
  TornAttributesError,
  UnknownAttributeError,
} from '../../../src/compare/migration/index.ts';
import { runs } from '../../properties/support/runs.ts';

const vgpu = (changes: Record<string, string> = {}) =>
  Object.entries({
    software_version: '0.1.0',
    device_api: 'vfio-pci',
    type: 'i915-GVTg_V5_4',
    pci_id: '80865963',
    aggregator: '2',
    ...changes,
  })
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');

/** The example with which the debate ends. */
const example = `software_version=0.1.0
device_api=vfio_pci
type=i915-GVTg_V5_{val1:int:1,2,4,8}
pci_id=80865963
aggregator={val1}/2
`;

const differing = (self: string, compatible = example) =>
  outside(parseSelf(self), parseCompatible(compatible)[0]!).map(({ name }) => name);

describe('the example of the debate', () => {
  it.each([
    ['2', '1'],
    ['4', '2'],
    ['8', '4'],
  ])('takes a device of type %s with an aggregator of %s', (type, aggregator) => {
    expect(differing(vgpu({ type: `i915-GVTg_V5_${type}`, aggregator }))).toEqual([]);
  });

  it.each<[Record<string, string>, AttributeName[]]>([
    [{ type: 'i915-GVTg_V5_3' }, ['type', 'aggregator']],
    [{ type: 'i915-GVTg_V5_16' }, ['type', 'aggregator']],
    [{ type: 'i915-GVTg_V5_' }, ['type', 'aggregator']],
    [{ type: 'i915-GVTg_V5_44' }, ['type', 'aggregator']],
    [{ type: 'i915-GVTg_V4_4' }, ['type', 'aggregator']],
    // Half of one is no whole number: nothing fits.
    [{ type: 'i915-GVTg_V5_1', aggregator: '0' }, ['aggregator']],
    [{ aggregator: '4' }, ['aggregator']],
    [{ software_version: '0.2.0' }, ['software_version']],
    [{ pci_id: '80865964' }, ['pci_id']],
    [{ remote_url: 'nbd://there' }, ['remote_url']],
  ])('does not take one with %j', (changes, names) => {
    expect(differing(vgpu(changes))).toEqual(names);
  });

  it('is written again as it was, with the name of the interface as the kernel has it', () => {
    expect(formatCompatible(parseCompatible(example))).toBe(example.replace('vfio_pci', 'vfio-pci'));
  });

  it('is several files as well, and several kinds of devices', () => {
    const compatible = parseCompatible(`${example}\n${vgpu({ aggregator: '7' })}`);
    const set: AttributeSet = { self: parseSelf(vgpu()), compatible };
    const tree = formatTree(set);
    expect(tree.get('self/type')).toBe('i915-GVTg_V5_4\n');
    expect(tree.get('compatible0/aggregator')).toBe('{val1}/2\n');
    expect(tree.get('compatible1/aggregator')).toBe('7\n');
    expect(parseTree(tree)).toEqual(set);
    expect(formatTree({ ...set, compatible: compatible.slice(1) }).get('compatible/aggregator')).toBe('7\n');
    expect(oneValue(set.self, 'aggregator')).toBe('2');
    expect([oneValue(set.self, 'remote_url'), oneValue(compatible[0]!, 'type')]).toEqual([null, null]);
  });
});

type Kind = typeof AttributeError;

describe('attributes that cannot be read', () => {
  it.each<[string, string, Kind]>([
    ['a letter that is not ASCII', vgpu({ type: 'größe' }), NotAsciiError],
    ['a zero byte', vgpu({ type: 'a\0b' }), NotAsciiError],
    ['a tab', vgpu({ type: 'a\tb' }), NotAsciiError],
    ['the end of a line as elsewhere', vgpu().replaceAll('\n', '\r\n'), NotAsciiError],
    ['no end of the last line', vgpu().slice(0, -1), TornAttributesError],
    ['a line without a value', `${vgpu()}aggre\n`, TornAttributesError],
    ['a line without a name', `${vgpu()}=7\n`, TornAttributesError],
    ['nothing', '', TornAttributesError],
    ['two devices', `${vgpu()}\n${vgpu()}`, TornAttributesError],
    ['an unknown name', vgpu({ colour: 'red' }), UnknownAttributeError],
    ['a name of every object', vgpu({ constructor: 'red' }), UnknownAttributeError],
    ['an attribute of another interface', vgpu({ chpid_type: 'b' }), UnknownAttributeError],
    ['an attribute twice', `${vgpu()}aggregator=2\n`, RepeatedAttributeError],
    ['an unknown interface', vgpu({ device_api: 'vfio-usb' }), AttributeValueError],
    ['a version that is none', vgpu({ software_version: '1.0' }), AttributeValueError],
    ['a negative number', vgpu({ aggregator: '-1' }), AttributeValueError],
    ['an empty value', vgpu({ type: '' }), AttributeValueError],
    ['a value with a blank', vgpu({ type: 'a b' }), AttributeValueError],
    ['a range for one device', vgpu({ aggregator: '{a:int:1,2}' }), AttributeValueError],
    ['a text without end', vgpu({ remote_url: 'x'.repeat(5000) }), AttributeValueError],
    ['a version from the future', vgpu({ software_version: '2.0.0' }), FutureVersionError],
    ['no type', vgpu().replace(/type=.*\n/, ''), MissingAttributeError],
    ['no ids of a PCI function', vgpu().replace(/pci_id=.*\n/, ''), MissingAttributeError],
    ['no subchannel', vgpu({ device_api: 'vfio-ccw' }).replace(/pci_id=.*\n/, ''), MissingAttributeError],
  ])('%s', (_, text, error) => {
    expect(() => parseSelf(text)).toThrow(error);
  });

  const ranged = (aggregator: string, type = '{v:int:1,2}') =>
    example.replace(/type=.*/, `type=a-${type}`).replace(/aggregator=.*/, `aggregator=${aggregator}`);

  it.each<[string, string, Kind]>([
    ['a range without values', ranged('{a:int:}'), EmptyRangeError],
    ['a range without words', ranged('{a:string:}'), EmptyRangeError],
    ['a comma too many', ranged('{a:int:1,,2}'), EmptyRangeError],
    ['a span that ends before it begins', ranged('{a:int:4-2}'), EmptyRangeError],
    ['a number twice', ranged('{a:int:1-4,3}'), ContradictingRangeError],
    ['a word twice', ranged('{a:string:x,x}'), ContradictingRangeError],
    ['a number that is none', ranged('{a:int:1,two}'), ContradictingRangeError],
    ['a number with zeros in front', ranged('{a:int:01}'), ContradictingRangeError],
    ['a number that is not exact', ranged('{a:int:9007199254740993}'), ContradictingRangeError],
    ['a kind that there is not', ranged('{a:float:1}'), ContradictingRangeError],
    ['a variable that is defined nowhere', ranged('{w}'), ContradictingRangeError],
    ['a variable that is defined twice', ranged('{v:int:1}'), ContradictingRangeError],
    ['a variable that depends on itself', ranged('{a:int:1}-{b}'), ContradictingRangeError],
    ['a division by zero', ranged('{v}/0'), ContradictingRangeError],
    ['half of a word', ranged('{v}/2', '{v:string:a,b}'), ContradictingRangeError],
    ['a digit right after a number', ranged('{a:int:1,2}5'), ContradictingRangeError],
    ['two variables side by side', ranged('{a:int:1}{b:int:1}'), ContradictingRangeError],
    ['a name that is none', ranged('{1:int:1}'), ContradictingRangeError],
    ['a range without an end', ranged('{a:int:1,2'), TornAttributesError],
    ['a range within a range', ranged('{a:int:{v}}'), TornAttributesError],
    ['a brace that nothing opened', ranged('1}'), TornAttributesError],
    ['a torn text', example.slice(0, -1), TornAttributesError],
  ])('%s', (_, text, error) => {
    expect(() => parseCompatible(text)).toThrow(error);
  });

  it.each<[string, [string, string][], Kind]>([
    ['a file with two lines', [['self/type', 'a\nb\n']], TornAttributesError],
    ['a file without an end', [['self/type', 'a']], TornAttributesError],
    ['a file elsewhere', [['type', 'a\n']], UnknownAttributeError],
    ['a directory that there is not', [['compatible01/type', 'a\n']], UnknownAttributeError],
    ['no device', [['compatible/type', 'a\n']], MissingAttributeError],
  ])('%s', (_, files, error) => {
    expect(() => parseTree(new Map(files))).toThrow(error);
  });

  it('say where, what was there and what would be right', () => {
    expect(() => parseSelf(vgpu({ aggregator: 'four' }))).toThrow(
      'self aggregator: found "four", expected a whole number',
    );
  });
});

const name = fc.stringMatching(/^[a-z][a-z0-9]{0,4}$/);
const numbers = fc
  .uniqueArray(fc.nat(40), { minLength: 1, maxLength: 5 })
  .map((each) => each.sort((a, b) => a - b).map((value) => 3 * value));
const words = fc.uniqueArray(fc.stringMatching(/^[A-Za-z0-9]{1,4}$/), { minLength: 1, maxLength: 4 });
const literal = fc.stringMatching(/^[A-Za-z_.]{0,4}_$/);

/** A pattern for `type`, one for `aggregator` that may depend on it, and a device that is among them. */
const compatible = fc
  .record({
    name,
    before: literal,
    range: fc.oneof(numbers, words),
    after: fc.constantFrom('', '_x', '.1'),
    by: fc.constantFrom('', '*2', '*3', '/3'),
    pick: fc.nat(),
  })
  .map(({ name, before, range, after, by, pick }) => {
    const numeric = typeof range[0] === 'number';
    const value = range[pick % range.length]!;
    const factor = Number(by.slice(1));
    const comes =
      !numeric || by === '' ? value : by[0] === '*' ? Number(value) * factor : Number(value) / factor;
    return {
      text: example
        .replace(
          /type=.*/,
          `type=${before}{${name}:${numeric ? 'int' : 'string'}:${range.join(',')}}${after}`,
        )
        .replace(/aggregator=.*\n/, numeric ? `aggregator={${name}}${by}\n` : `remote_url=x-{${name}}\n`),
      inside: {
        type: `${before}${value}${after}`,
        ...(numeric ? { aggregator: `${comes}` } : { remote_url: `x-${value}` }),
      },
      numeric,
    };
  });

describe('attributes with ranges', () => {
  it('are read as they were written, in both forms', () => {
    fc.assert(
      fc.property(fc.array(compatible, { minLength: 1, maxLength: 3 }), (all) => {
        const read = parseCompatible(all.map(({ text }) => text).join('\n'));
        expect(read).toHaveLength(all.length);
        expect(parseCompatible(formatCompatible(read))).toEqual(read);
        const set = { self: parseSelf(vgpu()), compatible: read };
        expect(parseTree(formatTree(set))).toEqual(set);
        expect(parseSelf(formatLines(set.self))).toEqual(set.self);
      }),
      { numRuns: runs(200) },
    );
  });

  it('take what is within, and nothing that is changed', () => {
    fc.assert(
      fc.property(compatible, fc.nat(), ({ text, inside, numeric }, at) => {
        const [read] = parseCompatible(text) as [Attributes];
        const self = (changes: Record<string, string>) => {
          const lines = vgpu({ ...inside, ...changes });
          return parseSelf(numeric ? lines : lines.replace(/aggregator=.*\n/, ''));
        };
        expect(outside(self({}), read)).toEqual([]);
        const { type } = inside;
        const place = at % type.length;
        const changed = `${type.slice(0, place)}#${type.slice(place + 1)}`;
        expect(outside(self({ type: changed }), read).map(({ name: each }) => each)).toContain('type');
        expect(outside(self({ type: `${type}#` }), read)).not.toEqual([]);
        if (numeric) expect(outside(self({ aggregator: '999' }), read)).not.toEqual([]);
      }),
      { numRuns: runs(300) },
    );
  });

  it('that are cut anywhere are refused, or mean something else by themselves', () => {
    fc.assert(
      fc.property(compatible, fc.nat(), ({ text }, cut) => {
        const piece = text.slice(0, cut % text.length);
        try {
          expect(parseCompatible(piece)).not.toEqual(parseCompatible(text));
          expect(piece === '' || piece.endsWith('\n')).toBe(true);
        } catch (error) {
          expect(error).toBeInstanceOf(AttributeError);
        }
      }),
      { numRuns: runs(200) },
    );
  });

  it('are never more than an error of ours, whatever the text', () => {
    const pieces = fc.constantFrom(
      '{',
      '}',
      ':',
      ',',
      'int',
      'string',
      'v',
      '1',
      '-',
      '/',
      '*',
      '2',
      '\n',
      '=',
      'type',
      'é',
      ' ',
    );
    fc.assert(
      fc.property(
        fc.array(pieces, { maxLength: 30 }).map((each) => each.join('')),
        (text) => {
          const readers = [
            (each: string) => parseCompatible(each),
            (each: string) => parseSelf(each),
            (each: string) => formatPattern(parsePattern('here', each)),
          ];
          for (const read of readers)
            try {
              read(text);
            } catch (error) {
              expect(error).toBeInstanceOf(AttributeError);
            }
        },
      ),
      { numRuns: runs(500) },
    );
  });
});
