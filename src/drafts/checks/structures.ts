import type { DraftModel, PlacedField } from '../model.ts';
import { type DraftChecks, duplicates, hex, overlaps, type Say } from './check.ts';

const MOST_ALIGNMENT = 4;

/** Structures whose fields are registers: those that blocks show. */
const registerNames = ({ document }: DraftModel) =>
  new Set((document.blocks ?? []).map(({ structure }) => structure));

/** Every list of fields: of structures, and of capabilities. */
export function* fieldLists(model: DraftModel): Generator<{
  name: string;
  path: string;
  registers: boolean;
  fields: readonly PlacedField[];
}> {
  const registers = registerNames(model);
  for (const { structure, path, fields } of model.structures.values())
    yield { name: structure.name, path, registers: registers.has(structure.name), fields };
  for (const { capability, path, fields } of model.capabilities)
    yield { name: capability.name, path, registers: false, fields };
}

const each = (model: DraftModel, visit: (field: PlacedField, registers: boolean) => void) => {
  for (const { fields, registers } of fieldLists(model)) for (const field of fields) visit(field, registers);
};

/** A field of 8 bytes is two halves to a CPU on PCI (PCI-LAY-01). */
const isMisaligned = ({ offset, width, field }: PlacedField) =>
  field.structure === undefined && offset % Math.min(width, MOST_ALIGNMENT) !== 0;

const misaligned = ({ field, offset, width }: PlacedField) =>
  `${field.name} of ${width} bytes stands at ${hex(offset)}; wants a multiple of ${Math.min(width, MOST_ALIGNMENT)}`;

/** Fields that stand there at the same time: those that come and go with MSI-X share bytes rightly. */
function layersOf(fields: readonly PlacedField[]): (readonly PlacedField[])[] {
  if (!fields.some(({ field }) => field.when !== undefined)) return [fields];
  return (['msix', 'no-msix'] as const).map((when) =>
    fields.filter(({ field }) => field.when === undefined || field.when === when),
  );
}

const endOf = ({ offset, bytes }: PlacedField) => offset + bytes;

function sayOverlaps(fields: readonly PlacedField[], say: Say): void {
  const said = new Set<string>();
  for (const layer of layersOf(fields)) {
    const spans = layer.map((placed) => ({ placed, start: placed.offset, end: endOf(placed) }));
    for (const [first, second] of overlaps(spans)) {
      const { path, field, offset } = second.placed;
      const message = `${field.name} at ${hex(offset)} begins inside ${first.placed.field.name}, which ends at ${hex(first.end)}`;
      if (!said.has(message)) say(path, message);
      said.add(message);
    }
  }
}

function sayHoles(fields: readonly PlacedField[], length: number, path: string, say: Say): void {
  let end = 0;
  for (const field of fields) {
    if (field.offset > end)
      say(
        field.path,
        `nothing is said of ${hex(end)} to ${hex(field.offset - 1)}, before ${field.field.name}`,
      );
    end = Math.max(end, field.offset + field.bytes);
  }
  const open = fields.some(({ bytes }) => bytes === 0);
  if (length > end && !open) say(path, `nothing is said of ${hex(end)} to ${hex(length - 1)}, at its end`);
}

export const structureChecks: DraftChecks = {
  'structure-duplicate': {
    level: 'error',
    clause: null,
    about: 'two structures have one name',
    run({ document }, say) {
      for (const [{ name }, i] of duplicates(document.structures ?? [], (each) => each.name))
        say(`structures[${i}].name`, `${name} is the name of a structure before it`);
    },
  },
  'structure-cycle': {
    level: 'error',
    clause: null,
    about: 'a structure contains itself',
    run({ cycles }, say) {
      for (const cycle of cycles) say('structures', cycle.slice(0, 10).join(' contains '));
    },
  },
  'structure-empty': {
    level: 'error',
    clause: null,
    about: 'a structure has no fields',
    run({ structures }, say) {
      for (const { structure, path, fields } of structures.values())
        if (fields.length === 0 && structure.c === undefined) say(path, `${structure.name} says nothing`);
    },
  },
  'structure-unread': {
    level: 'error',
    clause: null,
    about: 'a structure as C text cannot be read',
    run({ unread }, say) {
      for (const { path, message } of unread) say(path, message);
    },
  },
  'structure-twice': {
    level: 'error',
    clause: null,
    about: 'a structure has fields and C text: one of the two may be wrong',
    run({ structures }, say) {
      for (const { structure, path } of structures.values())
        if (structure.fields !== undefined && structure.c !== undefined)
          say(path, `${structure.name} is said twice`);
    },
  },
  'field-duplicate': {
    level: 'error',
    clause: null,
    about: 'two fields of a structure have one name',
    run(model, say) {
      for (const { fields, name } of fieldLists(model))
        for (const [{ field, path }] of duplicates(fields, (each) => each.field.name))
          say(`${path}.name`, `${field.name} is the name of another field of ${name}`);
    },
  },
  'field-width': {
    level: 'error',
    clause: null,
    about: 'a field has a width or is a structure, one of the two',
    run: (model, say) =>
      each(model, ({ field: { name, width, structure }, path }) => {
        if ((width === undefined) === (structure === undefined))
          say(
            path,
            `${name} has ${width === undefined ? 'neither a width nor' : 'both a width and'} a structure`,
          );
      }),
  },
  'field-overlap': {
    level: 'error',
    clause: null,
    about: 'two fields share bytes',
    run(model, say) {
      for (const { fields } of fieldLists(model)) sayOverlaps(fields, say);
    },
  },
  'field-hole': {
    level: 'warning',
    clause: null,
    about: 'bytes of a structure have no field; a reserved one says that they are meant to be free',
    run(model, say) {
      for (const { fields, length, path } of model.structures.values()) sayHoles(fields, length, path, say);
      for (const { fields, length, path } of model.capabilities) sayHoles(fields, length, path, say);
    },
  },
  'register-misaligned': {
    level: 'error',
    clause: 'PCI-LAY-01',
    about: 'a register is not aligned to its width: a driver must not access it so',
    run: (model, say) =>
      each(model, (field, registers) => {
        if (registers && isMisaligned(field)) say(field.path, misaligned(field));
      }),
  },
  'field-misaligned': {
    level: 'warning',
    clause: null,
    about: 'a field of a structure in memory, or of a capability, is not aligned to its width',
    run: (model, say) =>
      each(model, (field, registers) => {
        if (!registers && isMisaligned(field)) say(field.path, misaligned(field));
      }),
  },
  'open-array-inside': {
    level: 'error',
    clause: null,
    about: 'an array without a fixed length is not the last field',
    run(model, say) {
      for (const { fields } of fieldLists(model)) {
        const last = fields.at(-1);
        for (const field of fields)
          if (field.field.count === 0 && field.offset < (last?.offset ?? 0))
            say(
              field.path,
              `${last!.field.name} stands behind ${field.field.name}, which has no fixed length`,
            );
      }
    },
  },
  'structure-length': {
    level: 'error',
    clause: null,
    about: 'a structure is longer than it says',
    run({ structures }, say) {
      for (const { structure, path, end, length } of structures.values())
        if (end > length)
          say(`${path}.length`, `${structure.name} says ${length} bytes, and its fields take ${end}`);
    },
  },
  'reset-value': {
    level: 'error',
    clause: null,
    about: 'a reset value does not fit its register',
    run: (model, say) =>
      each(model, ({ field, path, width }) => {
        if (field.reset !== undefined && field.structure === undefined && field.reset >= 2 ** (8 * width))
          say(`${path}.reset`, `${field.name} has ${width} bytes, which cannot hold ${hex(field.reset)}`);
      }),
  },
  'reserved-access': {
    level: 'warning',
    clause: null,
    about: 'a reserved field can be written, or reading it has an effect',
    run: (model, say) =>
      each(model, ({ field, path }) => {
        const { name, reserved, access = 'ro' } = field;
        if (reserved === true && access !== 'ro') say(`${path}.access`, `${name} is reserved and ${access}`);
      }),
  },
  'register-of-8': {
    level: 'question',
    clause: 'PCI-LAY-01 PCI-LAY-03',
    about:
      'a CPU accesses 64 bits on PCI as two halves: is each half a register of its own, and when does a write take effect?',
    run: (model, say) =>
      each(model, ({ field, path, width }, registers) => {
        if (registers && width === 8 && field.structure === undefined)
          say(path, `${field.name} has 8 bytes: when does it change that a driver writes in two halves?`);
      }),
  },
};
