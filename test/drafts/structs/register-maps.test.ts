import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Access,
  lengthOf,
  type RegisterMap,
  RegisterMapError,
  rc,
  registers,
  ro,
  rw,
} from '../../../src/core/index.ts';
import {
  camelName,
  layoutTables,
  ourName,
  readStructures,
  registerMapOf,
  StructureLayout,
  StructureShapeError,
  structureOf,
  structuresToC,
  structuresToLatex,
  textName,
} from '../../../src/drafts/structs/index.ts';
import { commonConfig } from '../../../src/virtio/layout/index.ts';
import { PATIENCE, runs } from '../../properties/support/runs.ts';

const make = { ro, rw, rc } as const;

/** Register maps of every shape, with holes, in any order of their rows. */
const maps: fc.Arbitrary<RegisterMap> = fc
  .array(
    fc.record({
      width: fc.constantFrom(1 as const, 2 as const, 4 as const, 8 as const),
      count: fc.integer({ min: 1, max: 5 }),
      gap: fc.constantFrom(0, 0, 0, 1, 3, 9),
      access: fc.constantFrom<Access>('ro', 'rw', 'rc'),
    }),
    { minLength: 1, maxLength: 10 },
  )
  .map((rows) => {
    const map: Record<string, RegisterMap[string]> = {};
    let end = 0;
    for (const [i, { width, count, gap, access }] of rows.entries()) {
      const offset = Math.ceil((end + gap) / width) * width;
      map[`queue${i}Field`] = make[access](offset, width, '', { count });
      end = offset + width * count;
    }
    return registers(Object.fromEntries(Object.entries(map).reverse()));
  });

const places = (map: RegisterMap) =>
  Object.entries(map)
    .filter(([name]) => !name.startsWith('hole'))
    .map(([name, { offset, width, count, access }]) => ({ name, offset, width, count, access }))
    .sort((a, b) => a.offset - b.offset);

describe('register maps and structures', () => {
  it.each([
    ['C', structuresToC],
    ['LaTeX', structuresToLatex],
  ])('become each other, through %s', { timeout: PATIENCE }, (_, write) => {
    fc.assert(
      fc.property(maps, (map) => {
        const document = { constants: [], enumerations: [], structures: [structureOf('some_map', map)] };
        const read = readStructures(write(document));
        expect(new StructureLayout(read).sizeOfTag('some_map')).toBe(lengthOf(map));
        expect(places(registerMapOf(read, 'some_map'))).toEqual(places(map));
      }),
      { numRuns: runs(300) },
    );
  });

  it('as the text of the common configuration and our table do', () => {
    const written = structuresToC({
      constants: [],
      enumerations: [],
      structures: [structureOf('common', commonConfig)],
    });
    const map = registerMapOf(readStructures(written), 'common');
    expect(Object.keys(map)).toEqual(Object.keys(commonConfig));
    expect(places(map)).toEqual(places(commonConfig));
  });

  it('by the names of fields, and of structures where a name is there twice', () => {
    const read = readStructures(`struct head { le16 msg_type; u8 reserved[2]; };
struct req { struct head head; le16 a : 4; le16 b : 12; u8 reserved[2]; u8 data[]; le32 left; };`);
    expect(
      Object.entries(registerMapOf(read, 'req')).map(([name, { offset, width, count }]) => [
        name,
        offset,
        width,
        count,
      ]),
    ).toEqual([
      ['msgType', 0, 2, 1],
      ['headReserved', 2, 1, 2],
      ['aB', 4, 2, 1],
      ['reserved', 6, 1, 2],
    ]);
    expect(registerMapOf(read, 'req', { after: 'data', access: 'rw' })).toEqual({ left: rw(0, 4) });
  });

  it.each([
    ['struct a { union { le32 x; le16 y; } u; };', 'a union of several fields'],
    ['union a { le32 x; le16 y; };', 'a union of several fields'],
    ['struct a { struct { le32 x; } y[3]; };', 'an array of structures'],
    ['struct a { struct b y[3]; }; struct b { u8 x; };', 'an array of structures'],
    ['struct b { u8 x; };', 'is not in the document'],
    ['struct a { u8 x_y; u8 xY; };', 'is there twice'],
  ])('are not of %j', (text, reason) => {
    expect(() => registerMapOf(readStructures(text), 'a')).toThrow(StructureShapeError);
    expect(() => registerMapOf(readStructures(text), 'a')).toThrow(reason);
  });

  it('are not of what is not aligned, or begins behind what is not there', () => {
    expect(() => registerMapOf(readStructures('struct a { u8 x; le32 y; };'), 'a')).toThrow(RegisterMapError);
    expect(() => registerMapOf(readStructures('struct a { u8 x; };'), 'a', { after: 'x' })).toThrow(
      StructureShapeError,
    );
  });

  it('refuse tables that overlap, or have widths that nothing has', () => {
    const field = { offset: 0, width: 4, count: 1 };
    expect(() => structureOf('a', { x: field, y: { ...field, offset: 3 } })).toThrow('before 4');
    expect(() => structureOf('a', { x: { ...field, width: 3 } })).toThrow('has 3 bytes');
  });
});

describe('names', () => {
  it('of the text and of ours follow from each other', () => {
    expect(ourName('queue_notify_off')).toBe('queueNotifyOffset');
    expect(camelName('queue_notify_off')).toBe('queueNotifyOff');
    expect(camelName('geometry.heads')).toBe('geometryHeads');
    expect(textName('queueNotifyOffset')).toBe('queue_notify_offset');
    expect(textName('rtcRequests.read.request')).toBe('rtc_requests_read_request');
  });

  it('of ours are written so that they come back', () => {
    for (const { fields } of layoutTables)
      for (const name of Object.keys(fields)) expect(camelName(textName(name))).toBe(name);
  });

  it('of our tables are written each by its own', () => {
    const names = layoutTables.map(({ name }) => textName(name));
    expect(new Set(names).size).toBe(names.length);
  });
});
