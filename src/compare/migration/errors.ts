import { VirtiolabError } from '../../core/index.ts';

/** As much of a text as fits a line. */
const brief = (text: string): string => {
  const quoted = JSON.stringify(text);
  return quoted.length <= 80 ? quoted : `${quoted.slice(0, 77)}..."`;
};

/** Attributes by which a device says what it is, that cannot be read. `where` names the attribute, or the line of a text. */
export class AttributeError extends VirtiolabError {
  readonly where: string;
  readonly found: string;
  readonly expected: string;

  constructor(where: string, found: string, expected: string) {
    super(`${where}: found ${brief(found)}, expected ${expected}`);
    this.where = where;
    this.found = found;
    this.expected = expected;
  }
}

/** A character that is not printable ASCII. */
export class NotAsciiError extends AttributeError {}

/** A text that ends in the middle: a line without its end or without `=`, braces that are never closed. */
export class TornAttributesError extends AttributeError {}

/** A name that is no attribute of a device with that interface. */
export class UnknownAttributeError extends AttributeError {}

/** An attribute that every device of that interface has to have. */
export class MissingAttributeError extends AttributeError {}

/** An attribute that is said twice. */
export class RepeatedAttributeError extends AttributeError {}

/** A value that the attribute cannot have. */
export class AttributeValueError extends AttributeError {}

/** A range of values with nothing in it. */
export class EmptyRangeError extends AttributeError {}

/** Ranges that nothing can be within: one in which values come twice, a value that depends on none, one that is defined twice. */
export class ContradictingRangeError extends AttributeError {}

/** A software version with a major number that nobody knows yet: what its attributes mean is open. */
export class FutureVersionError extends AttributeError {}
