import {
  described,
  flag,
  list,
  oneOf,
  oneOfNumbers,
  optional,
  type ShapeOf,
  table,
  text,
  whole,
} from './shape.ts';

/*
 * A draft as a document: each table below is a part of it. The JSON schema is made from the same tables.
 */

const MOST_LENGTH = 2 ** 40;
const MOST_NUMBER = Number.MAX_SAFE_INTEGER;

const name = text(
  'a name of 1..128 characters without quotes, on one line',
  '^[^\\s"\'](?:[^\\n\\r"\']{0,126}[^\\s"\'])?$',
);
/** Where the draft says it, in the author's words: a section, a table, a line. */
const at = optional(described('where the draft says it', text()));
const bytes = whole(0, MOST_LENGTH);

const deviceId = table({
  type: described('device type, as `network`', name),
  id: described('PCI device id', whole(0, 0xffff)),
  at,
});

const ids = table({
  vendor: described('PCI vendor id', whole(0, 0xffff)),
  revision: optional(described('PCI revision id', whole(0, 0xff))),
  devices: described('PCI device ids, by device type', list(deviceId)),
});

/** A field of a structure, or a register of a block. */
const field = table({
  name,
  offset: optional(described('in bytes; by default right after the field before', bytes)),
  width: optional(described('bytes of an element', oneOfNumbers(1, 2, 4, 8))),
  structure: optional(described('the field is one of these structures, by name, in place of a width', name)),
  count: optional(described('elements of an array; 0 for one without a fixed length', bytes)),
  access: optional(
    described(
      'what software may do: read, read and write, read what clears itself, write',
      oneOf('ro', 'rw', 'rc', 'wo'),
    ),
  ),
  reset: optional(described('value after reset', whole(0, MOST_NUMBER))),
  reserved: optional(described('nothing is kept here', flag)),
  means: optional(
    described('name that the specification has for it, as `queueSelect`, where the draft has another', name),
  ),
  when: optional(
    described('stands there only while MSI-X is enabled, or only while it is not', oneOf('msix', 'no-msix')),
  ),
  order: optional(described("byte order; by default the draft's rule", oneOf('little', 'big', 'guest'))),
  at,
});

const structure = table({
  name,
  length: optional(described('bytes; by default up to the end of the last field', bytes)),
  fields: optional(list(field)),
  c: optional(described('the structure as C text, in place of fields', text())),
  at,
});

const capability = table({
  name,
  list: described('which list of configuration space it is in', oneOf('ordinary', 'extended')),
  id: described('PCI or PCI Express capability id', whole(0, 0xffff)),
  version: optional(described('version of an extended capability', whole(0, 0xffff))),
  cfgType: optional(described('cfg_type of a virtio capability', whole(0, 0xffff))),
  length: optional(described('bytes; by default up to the end of the last field', bytes)),
  fields: list(field),
  points: optional(described('name of the block that it leads to', name)),
  place: optional(described('offset in configuration space, where the draft fixes one', bytes)),
  next: optional(described('its next pointer, where the draft fixes one', bytes)),
  at,
});

/** Registers at a place in a BAR. */
const block = table({
  name,
  structure: described('name of the structure that says its registers', name),
  space: described(
    'where it stands; `emulated`: software makes it up over other registers',
    oneOf('memory', 'io', 'emulated'),
  ),
  bar: optional(described('BAR number, where the draft fixes one', whole(0, MOST_NUMBER))),
  offset: optional(described('in the BAR, in bytes', bytes)),
  length: optional(described('bytes, where the draft fixes them', bytes)),
  alignment: optional(described('bytes to which the offset is aligned', bytes)),
  prefetchable: optional(flag),
  legacy: optional(described("it stands for the legacy interface's header", flag)),
  at,
});

const spaceValue = table({ name, value: whole(0, MOST_NUMBER), at });
const spaceRange = table({
  from: whole(0, MOST_NUMBER),
  to: whole(0, MOST_NUMBER),
  means: text(),
  reserved: optional(described('nothing may be defined in it', flag)),
  at,
});

/** Numbers of one kind: opcodes, statuses, types of parts. */
const space = table({
  name,
  width: described('bytes of the field that has the number', oneOfNumbers(1, 2, 4)),
  values: optional(list(spaceValue)),
  ranges: optional(list(spaceRange)),
  at,
});

/** One direction of a command: a fixed head, and data behind it. */
const transfer = table({
  structure: optional(described('what it begins with, by name', name)),
  data: optional(described('lengths that what follows may have, in bytes', list(bytes))),
});

const commandGroup = table({
  name,
  member: optional(
    described('member id that the command has to carry; by default one of the group', whole(0, MOST_NUMBER)),
  ),
});

const command = table({
  name,
  opcode: described('its opcode, as its description says', whole(0, MOST_NUMBER)),
  groups: optional(list(commandGroup)),
  in: optional(described('what the driver sends, behind the head of all commands', transfer)),
  out: optional(described('what the device answers, behind the head of all answers', transfer)),
  statuses: optional(described('names of statuses that it may end with', list(name))),
  at,
});

const commands = table({
  opcodes: described('name of the space of opcodes', name),
  statuses: optional(described('name of the space of statuses', name)),
  head: optional(described('structure that every command begins with', name)),
  answer: optional(described('structure that every answer begins with', name)),
  multipleOf: optional(described('bytes of which both directions have to be multiples', whole(1, 4096))),
  groups: optional(
    list(table({ name, from: whole(0, MOST_NUMBER), to: optional(whole(0, MOST_NUMBER)), at })),
  ),
  list: list(command),
});

/** A length that the draft gives as a formula, and what it has to hold. */
const formula = table({
  name,
  variable: described('the name that both formulas use', text('a word', '^[A-Za-z_]\\w*$')),
  from: optional(described('least value of the variable; by default 0', whole(0, 0xffff))),
  to: optional(described('its greatest; by default 65535', whole(0, 0xffff))),
  bytes: described('the length in bytes, as the draft has it', text()),
  bits: described('bits that have to find room', text()),
  at,
});

/** Something that the draft demands or allows. */
const statement = table({
  says: text(),
  binds: oneOf('device', 'driver', 'both'),
  section: optional(described('whose requirements it stands among', oneOf('device', 'driver'))),
  about: optional(described('what it is about: statements about the same thing may contradict', text())),
  demands: optional(described('what it says of that', text())),
  uses: optional(described('names that it relies on', list(name))),
  at,
});

const reset = table({
  by: described('what resets', oneOf('status', 'function-level-reset', 'vf-enable', 'power')),
  what: described('what becomes as it was', list(text())),
});

/** What else decides whether two readers build the same. Whatever is left out is a question to the author. */
const rules = table({
  resetHandshake: optional(described('how a driver learns that a reset is done', oneOf('read-back', 'none'))),
  msixShift: optional(
    described('when the vector registers stand in a legacy block', oneOf('as-legacy', 'fixed')),
  ),
  postedWrites: optional(
    described(
      'what makes a memory write sure to have arrived: a read of the same function, or nothing said',
      oneOf('flushed-by-read', 'in-order', 'unordered'),
    ),
  ),
  registerOrder: optional(described('byte order of registers', oneOf('little', 'big', 'guest'))),
  configOrder: optional(described('byte order of device configuration', oneOf('little', 'big', 'guest'))),
  orderTold: optional(
    described(
      'how a device learns a byte order that is the guest’s',
      oneOf('out-of-band', 'register', 'feature'),
    ),
  ),
  resets: optional(list(reset)),
  accessWidths: optional(described('widths that a register answers', oneOf('natural', 'any'))),
  withoutMsix: optional(
    described('how a function without MSI-X enabled interrupts', oneOf('intx', 'none', 'translated')),
  ),
});

/** The whole of a draft. */
export const draftShape = table({
  $schema: optional(text()),
  draft: described('version of this format', oneOfNumbers(1)),
  name: described(
    'what it is called',
    text('lower-case letters, digits and hyphens', '^[a-z][a-z0-9-]{0,63}$'),
  ),
  title: optional(text()),
  ids: optional(ids),
  capabilities: optional(list(capability)),
  structures: optional(list(structure)),
  blocks: optional(list(block)),
  spaces: optional(list(space)),
  commands: optional(commands),
  lengths: optional(list(formula)),
  statements: optional(list(statement)),
  rules: optional(rules),
  virtualFunctions: optional(described('its functions may be virtual ones', flag)),
  names: optional(described('names that it relies on, and that something else defines', list(name))),
});

export type DraftDocument = ShapeOf<typeof draftShape>;
export type DraftField = ShapeOf<typeof field>;
export type DraftStructure = ShapeOf<typeof structure>;
export type DraftCapability = ShapeOf<typeof capability>;
export type DraftBlock = ShapeOf<typeof block>;
export type DraftSpace = ShapeOf<typeof space>;
export type DraftCommand = ShapeOf<typeof command>;
export type DraftCommands = ShapeOf<typeof commands>;
export type DraftStatement = ShapeOf<typeof statement>;
export type DraftRules = ShapeOf<typeof rules>;
