import {
  AttributeValueError,
  ContradictingRangeError,
  FutureVersionError,
  MissingAttributeError,
  NotAsciiError,
  RepeatedAttributeError,
  UnknownAttributeError,
} from './errors.ts';
import { fits, literalOf, type Pattern, parsePattern } from './pattern.ts';

/** Interfaces by which a device is given to a guest (`device_api`), as the kernel names them. */
export const deviceApis = ['vfio-pci', 'vfio-platform', 'vfio-amba', 'vfio-ccw', 'vfio-ap'] as const;
export type DeviceApi = (typeof deviceApis)[number];

/** Version of the software behind a device. */
export interface SoftwareVersion {
  readonly major: number;
  readonly minor: number;
  readonly bugfix: number;
}

const VERSION = /^(\d{1,9})\.(\d{1,9})\.(\d{1,9})$/;

/** @returns null for what is no `MAJOR.MINOR.BUGFIX` */
export function softwareVersion(text: string): SoftwareVersion | null {
  const found = VERSION.exec(text);
  if (found === null) return null;
  return { major: Number(found[1]), minor: Number(found[2]), bugfix: Number(found[3]) };
}

interface AttributeRow {
  /** Everybody has it; or devices of those interfaces have to. Else it may be left out. */
  readonly required: 'all' | readonly DeviceApi[] | null;
  /** Devices of those interfaces alone; by default all. */
  readonly only?: readonly DeviceApi[];
  /** What one value looks like, and in words. */
  readonly form: RegExp;
  readonly wants: string;
}

const anyText = { form: /^[\x21-\x7e]{1,255}$/, wants: 'up to 255 characters without a blank' } as const;
const number = { form: /^(?:0|[1-9]\d{0,8})$/, wants: 'a whole number' } as const;
const hex = { form: /^[0-9a-f]{1,32}$/, wants: 'hexadecimal digits' } as const;
const vendor = { required: null } as const;

/** What the proposal names: a part for all, a part for each interface, and what vendors add. */
const named = {
  software_version: { required: 'all', form: VERSION, wants: 'MAJOR.MINOR.BUGFIX' },
  device_api: { required: 'all', form: /^[a-z]+-[a-z]+$/, wants: deviceApis.join(', ') },
  type: { required: 'all', ...anyText },
  pci_id: {
    required: ['vfio-pci'],
    only: ['vfio-pci'],
    form: /^[0-9a-f]{8}$/,
    wants: 'vendor and device, 8 hexadecimal digits',
  },
  subchannel_type: { required: ['vfio-ccw'], only: ['vfio-ccw'], ...number },
  aggregator: { ...vendor, ...number },
  chpid_type: { ...vendor, only: ['vfio-ccw'], ...hex },
  remote_url: { ...vendor, ...anyText },
} as const satisfies Record<string, AttributeRow>;

/** What devices of this package add, as vendors may. */
const added = {
  migration_flags: {
    ...vendor,
    form: /^[a-z][a-z0-9-]*(?:,[a-z][a-z0-9-]*)*$/,
    wants: 'names with commas between them',
  },
  virtio_features: { ...vendor, ...hex },
  virtio_legacy_features: { ...vendor, ...hex },
  virtio_queue_size: { ...vendor, ...number },
  virtio_config_bytes: { ...vendor, ...number },
  virtio_endian: { ...vendor, form: /^(?:little|big)$/, wants: 'little or big' },
  msix_vectors: { ...vendor, ...number },
} as const satisfies Record<string, AttributeRow>;

export type AttributeName = keyof typeof named | keyof typeof added;

const rows: Readonly<Record<string, AttributeRow>> = { ...named, ...added };
export const attributeNames = Object.keys(rows) as readonly AttributeName[];

/** Values by name: of one device each is one value, of those that it is compatible with each may be many. */
export type Attributes = ReadonlyMap<AttributeName, Pattern>;

/** What a device says of itself, and of those whose state it takes: of any in the list. */
export interface AttributeSet {
  readonly self: Attributes;
  readonly compatible: readonly Attributes[];
}

/** No file of sysfs is longer. */
export const MOST_ATTRIBUTE_BYTES = 4096;
/** The newest major number whose attributes this package knows the meaning of. */
export const NEWEST_MAJOR = 1;

/** @throws NotAsciiError, AttributeValueError for a text that no file of attributes can be */
export function checkAscii(where: string, text: string): void {
  const at = /[^\n\x20-\x7e]/.exec(text)?.index;
  if (at !== undefined)
    throw new NotAsciiError(where, text.slice(at, at + 8), `ASCII; character ${at + 1} is none`);
  if (text.length > MOST_ATTRIBUTE_BYTES)
    throw new AttributeValueError(where, text, `at most ${MOST_ATTRIBUTE_BYTES} bytes`);
}

const isName = (name: string): name is AttributeName => Object.hasOwn(rows, name);

/** The kernel's names have a hyphen; the examples of the proposal an underscore. */
const canonical = (name: AttributeName, text: string) =>
  name === 'device_api' ? text.replace(/^vfio_/, 'vfio-') : text;

/**
 * Names and texts as attributes.
 * @param where names the whole, for errors. @param single every value is but one, as those of a device itself are.
 * @throws AttributeError, a subclass for each reason
 */
export function attributesOf(
  where: string,
  entries: Iterable<readonly [name: string, text: string]>,
  single: boolean,
): Attributes {
  const found = new Map<AttributeName, Pattern>();
  for (const [name, text] of entries) {
    const place = `${where} ${name}`;
    checkAscii(place, text);
    if (!isName(name)) throw new UnknownAttributeError(where, name, attributeNames.join(', '));
    if (found.has(name)) throw new RepeatedAttributeError(place, text, 'each attribute once');
    const value = canonical(name, text);
    const pattern = parsePattern(place, value);
    const literal = literalOf(pattern);
    if (literal === null ? single : !rows[name]!.form.test(literal))
      throw new AttributeValueError(
        place,
        text,
        single && literal === null ? 'one value' : rows[name]!.wants,
      );
    if (name === 'device_api' && literal !== null && !(deviceApis as readonly string[]).includes(literal))
      throw new AttributeValueError(place, text, deviceApis.join(', '));
    found.set(name, pattern);
  }
  checkVariables(where, found);
  checkTogether(where, found);
  return found;
}

/** Variables are defined once, and where something depends on them: a range depends on its own attribute alone. */
function checkVariables(where: string, attributes: Attributes): void {
  const defined = new Map<string, { readonly kind: 'int' | 'string'; readonly by: AttributeName }>();
  const refuse = (name: AttributeName, variable: string, wants: string) => {
    throw new ContradictingRangeError(`${where} ${name}`, `{${variable}}`, wants);
  };
  for (const [name, pattern] of attributes)
    for (const piece of pattern) {
      if (piece.kind === 'of' && defines(pattern) && defined.get(piece.name)?.by !== name)
        refuse(name, piece.name, 'a variable that was defined before it, in the same attribute');
      if (piece.kind !== 'int' && piece.kind !== 'string') continue;
      if (defined.has(piece.name)) refuse(name, piece.name, 'each variable defined once');
      defined.set(piece.name, { kind: piece.kind, by: name });
    }
  for (const [name, pattern] of attributes)
    for (const piece of pattern) {
      if (piece.kind !== 'of') continue;
      const variable = defined.get(piece.name);
      if (variable === undefined) refuse(name, piece.name, 'a variable that is defined');
      if (variable?.kind === 'string' && piece.factor !== 1)
        refuse(name, piece.name, 'a variable with numbers');
    }
}

function checkTogether(where: string, attributes: Attributes): void {
  const literal = (name: AttributeName) => {
    const pattern = attributes.get(name);
    return pattern === undefined ? null : literalOf(pattern);
  };
  const api = literal('device_api');
  for (const [name, { required, only }] of Object.entries(rows) as [AttributeName, AttributeRow][]) {
    const has = attributes.has(name);
    const needed =
      required === 'all' || (required !== null && api !== null && required.includes(api as DeviceApi));
    if (needed && !has)
      throw new MissingAttributeError(where, [...attributes.keys()].join(', '), `the attribute ${name}`);
    if (has && only !== undefined && api !== null && !only.includes(api as DeviceApi))
      throw new UnknownAttributeError(`${where} ${name}`, api, `device_api ${only.join(', ')}`);
  }
  const version = softwareVersion(literal('software_version') ?? '');
  if (version !== null && version.major > NEWEST_MAJOR)
    throw new FutureVersionError(
      `${where} software_version`,
      literal('software_version')!,
      `${NEWEST_MAJOR}.x.y`,
    );
}

/** The value of an attribute of one device; null where it has none. */
export const oneValue = (attributes: Attributes, name: AttributeName): string | null => {
  const pattern = attributes.get(name);
  return pattern === undefined ? null : literalOf(pattern);
};

/** Where a device is not among those that are compatible. */
export interface AttributeDifference {
  readonly name: AttributeName;
  readonly found: string | null;
  readonly wanted: Pattern | null;
}

/** Patterns that define variables come first. */
const defines = (pattern: Pattern | undefined) =>
  pattern?.some(({ kind }) => kind === 'int' || kind === 'string') ?? false;

/** What of a device's attributes is not within those that are compatible; nothing where it is one of them. */
export function outside(self: Attributes, compatible: Attributes): AttributeDifference[] {
  const bindings = new Map<string, string>();
  const names = attributeNames.filter((name) => self.has(name) || compatible.has(name));
  const ordered = [
    ...names.filter((name) => defines(compatible.get(name))),
    ...names.filter((name) => !defines(compatible.get(name))),
  ];
  return ordered.flatMap((name) => {
    const [found, wanted] = [oneValue(self, name), compatible.get(name) ?? null];
    if (found !== null && wanted !== null && fits(wanted, found, bindings)) return [];
    return [{ name, found, wanted }];
  });
}
