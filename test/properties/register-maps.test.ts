import { existsSync, readdirSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import {
  type Handlers,
  lengthOf,
  maskOf,
  RegisterBlock,
  type RegisterMap,
  RegisterMapError,
  registers,
  ro,
  rw,
  type Width,
} from '../../src/core/index.ts';
import { ConfigSpace } from '../../src/pci/index.ts';
import { blockConfig, DeviceConfig } from '../../src/virtio/index.ts';
import { BlockModel, plainRegister, servable } from '../core/register-model.ts';
import { piecesOf, StructModel } from '../virtio/struct-model.ts';

/* Property 4. Register maps: no two fields overlap, every byte and width has a defined answer, table and behaviour agree. */

const WIDTHS: readonly Width[] = [1, 2, 4];
const SOURCE = new URL('../../src/', import.meta.url);

const isRegister = (value: unknown) =>
  typeof value === 'object' && value !== null && 'offset' in value && 'width' in value && 'access' in value;
const isMap = (value: unknown): value is RegisterMap =>
  typeof value === 'object' &&
  value !== null &&
  Object.values(value).length > 0 &&
  Object.values(value).every(isRegister);

/** Maps among exports, and one level deeper in tables of maps. */
const mapsOf = (exports: object, prefix: string): [name: string, map: RegisterMap][] =>
  Object.entries(exports).flatMap(([name, value]): [string, RegisterMap][] =>
    isMap(value)
      ? [[`${prefix}${name}`, value]]
      : typeof value === 'object' && value !== null && Object.values(value).every(isMap)
        ? mapsOf(value, `${prefix}${name}.`)
        : [],
  );

const floors = readdirSync(SOURCE).filter((floor) => existsSync(new URL(`${floor}/layout/index.ts`, SOURCE)));
const layouts = await Promise.all(
  floors.map(async (floor) =>
    mapsOf((await import(new URL(`${floor}/layout/index.ts`, SOURCE).href)) as object, `${floor} `),
  ),
);
const maps = layouts.flat();

/** A block over plain variables that tells which registers were reached. */
function serve(map: RegisterMap, values: Record<string, number>, length: number, hole: 'ones' | 'zeros') {
  const log: string[] = [];
  const handlers = Object.fromEntries(
    Object.entries(map).map(([name, { access }]) => {
      const read = () => {
        log.push(`read ${name}`);
        return values[name]!;
      };
      const write = (_: unknown, value: number) => void log.push(`write ${name}=${value}`);
      return [name, access === 'rw' ? { read, write } : { read }];
    }),
  );
  const block = new RegisterBlock(map, handlers as Handlers<RegisterMap, typeof values>, length, hole);
  const take = () => log.splice(0);
  return { block, take };
}

/** Values that differ in every byte, so that a byte from the wrong place shows. */
const distinct = (map: RegisterMap) =>
  Object.fromEntries(
    Object.entries(map).map(([name, { width }], i) => [
      name,
      Math.floor((0x9e3779b1 * (i + 1)) % 2 ** 32) % 2 ** (8 * width),
    ]),
  );

function expectSame(map: RegisterMap, length: number, hole: 'ones' | 'zeros', value: number): void {
  const values = distinct(map);
  const { block, take } = serve(map, values, length, hole);
  const model = new BlockModel(map, values, length, hole);
  for (let offset = 0; offset < length + 5; offset++)
    for (const width of WIDTHS) {
      const what = `${hole} ${width} bytes at ${offset}`;
      const expected = model.read(offset, width);
      expect([block.read(values, offset, width), take()], `read ${what}`).toEqual([
        expected.value,
        expected.reached,
      ]);
      block.write(values, offset, width, value % 2 ** (8 * width));
      expect(take(), `write ${what}`).toEqual(model.write(offset, width, value % 2 ** (8 * width)));
    }
}

describe('every table of the layout folders', () => {
  it('is found by this test', () => {
    const names = maps.map(([name]) => name);
    for (const known of [
      'pci type0Header',
      'virtio legacyHeader',
      'virtio blockConfig',
      'mmr encodings.bare',
    ])
      expect(names).toContain(known);
  });

  test.each(maps)('%s: no two fields share a byte, and each stands at a multiple of its width', (_, map) => {
    const taken = new Map<number, string>();
    for (const [name, { offset, width, count }] of Object.entries(map)) {
      expect([offset % width, count >= 1], name).toEqual([0, true]);
      for (let byte = offset; byte < offset + width * count; byte++) {
        expect(taken.get(byte), `byte ${byte} of ${name}`).toBeUndefined();
        taken.set(byte, name);
      }
    }
    expect(Math.max(...taken.keys()) + 1).toBe(lengthOf(map));
  });

  test.each(maps)('%s: bits lie in their field, and only what may be written is writable', (_, map) => {
    for (const [name, row] of Object.entries(map)) {
      for (const bits of [row.reset, row.writable, row.writeOneToClear])
        expect((bits & ~maskOf(row.width)) >>> 0, name).toBe(0);
      expect(row.writable & row.writeOneToClear, name).toBe(0);
      expect(row.writable !== 0, name).toBe(row.access === 'rw');
      expect(name).toMatch(/^[a-z][a-zA-Z0-9]*$/);
      for (const clause of row.clauses) expect(clause).toMatch(/^[A-Z][A-Z0-9]*(-[A-Z]+)*-[0-9]{2}$/);
    }
  });

  test.each(maps)('%s: a block answers every byte and width as the rule says', (_, map) => {
    const single = servable(map);
    for (const hole of ['ones', 'zeros'] as const) expectSame(single, lengthOf(single), hole, 0xd1c2b3a4);
  });

  test.each(
    maps.filter(([, map]) => Object.values(map).some(({ width, count }) => width === 8 || count > 1)),
  )('%s: arrays and 64-bit fields are not served as one register', (_, map) => {
    expect(() => serve(map, {}, lengthOf(map), 'ones')).toThrow(RegisterMapError);
  });

  test.each(maps.filter(([name, map]) => name.startsWith('pci ') && lengthOf(map) <= 0x100))(
    '%s: configuration space keeps each bit as the table says',
    (_, map) => {
      const single = servable(map);
      const write = fc.record({
        offset: fc.nat(lengthOf(map) - 1),
        width: fc.constantFrom(...WIDTHS),
        value: fc.nat(0xffffffff),
      });
      fc.assert(
        fc.property(fc.array(write, { maxLength: 12 }), (writes) => {
          const space = new ConfigSpace(0x200);
          space.place(map, 0x40);
          const bits = (mask: (row: RegisterMap[string]) => number) => {
            const view = new DataView(new ArrayBuffer(0x200));
            for (const row of Object.values(single))
              for (let i = 0; i < row.width; i++) view.setUint8(row.offset + i, mask(row) >>> (8 * i));
            return new Uint8Array(view.buffer);
          };
          const [model, writable, clearable] = [
            bits((row) => row.reset),
            bits((row) => row.writable),
            bits((row) => row.writeOneToClear),
          ];
          for (const { offset, width, value } of writes) {
            space.write(0x40 + offset, width, value);
            for (let i = 0; i < width; i++) {
              const byte = Math.floor(value / 2 ** (8 * i)) % 256;
              for (let bit = 0; bit < 8; bit++) {
                const mask = 1 << bit;
                if ((writable[offset + i]! & mask) !== 0)
                  model[offset + i] = (model[offset + i]! & ~mask) | (byte & mask);
                else if ((clearable[offset + i]! & byte & mask) !== 0) model[offset + i]! &= ~mask;
              }
            }
          }
          const read = Array.from({ length: lengthOf(map) }, (_, i) => space.read(0x40 + i, 1));
          expect(read).toEqual([...model.slice(0, lengthOf(map))]);
        }),
        { numRuns: 30 },
      );
    },
  );
});

describe('any table', () => {
  type Row = readonly [string, RegisterMap[string]];
  const access = fc.constantFrom('ro', 'rw', 'rc');
  const field = (offset: number, width: Width) =>
    access.map((each): Row[] => [[`r${offset}`, plainRegister(offset, width, each)]]);
  /** Four bytes cut into registers and gaps in every aligned way. */
  const dword = (at: number): fc.Arbitrary<Row[]> => {
    const none = fc.constant<Row[]>([]);
    const half = (offset: number) =>
      fc.oneof(
        none,
        field(offset, 2),
        fc
          .tuple(fc.oneof(none, field(offset, 1)), fc.oneof(none, field(offset + 1, 1)))
          .map((all) => all.flat()),
      );
    return fc.oneof(
      none,
      field(at, 4),
      fc.tuple(half(at), half(at + 2)).map((all) => all.flat()),
    );
  };
  const anyMap = fc
    .integer({ min: 1, max: 6 })
    .chain((dwords) => fc.tuple(...Array.from({ length: dwords }, (_, i) => dword(4 * i))))
    .map((parts) => Object.fromEntries(parts.flat()));

  it('is served as the rule says, whatever its gaps, its length and the hole value', () => {
    fc.assert(
      fc.property(
        anyMap,
        fc.nat(7),
        fc.constantFrom('ones', 'zeros'),
        fc.nat(0xffffffff),
        (map, more, hole, value) => {
          expectSame(map, lengthOf(map) + more, hole, value);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('is refused where two of its fields overlap or one is misaligned, and else kept', () => {
    const row = fc.record({
      offset: fc.nat(12),
      width: fc.constantFrom(...WIDTHS),
      count: fc.integer({ min: 1, max: 3 }),
    });
    fc.assert(
      fc.property(fc.array(row, { minLength: 1, maxLength: 5 }), (rows) => {
        const map = Object.fromEntries(
          rows.map(({ offset, width, count }, i) => [`r${i}`, ro(offset, width, '', { count })]),
        );
        const bytes = rows.flatMap(({ offset, width, count }) =>
          Array.from({ length: width * count }, (_, i) => offset + i),
        );
        const good =
          new Set(bytes).size === bytes.length && rows.every(({ offset, width }) => offset % width === 0);
        if (good) expect(registers(map)).toBe(map);
        else expect(() => registers(map)).toThrow(RegisterMapError);
      }),
    );
  });
});

describe('device configuration (LEG-LAY-04, LEG-CFG-01)', () => {
  const structures: readonly [name: string, map: RegisterMap][] = [
    ['block', blockConfig],
    [
      'a writable one',
      registers({ a: rw(0, 8), b: rw(8, 2, '', { writable: 0xff0 }), c: rw(12, 4), d: ro(16, 1) }),
    ],
    ['one with arrays', registers({ mac: rw(0, 1, '', { count: 6 }), words: rw(6, 2, '', { count: 5 }) })],
  ];
  const orders = ['little', 'big'] as const;
  const access = fc.record({
    offset: fc.nat(44),
    width: fc.constantFrom(...WIDTHS),
    value: fc.nat(0xffffffff),
    write: fc.boolean(),
  });

  test.each(structures.flatMap(([name, map]) => orders.map((order) => [name, order, map] as const)))(
    '%s, %s-endian: any width gives the bytes of the structure that DataView lays out',
    (_, order, map) => {
      const elements = Object.entries(map).map(
        ([name, { width, count }]) =>
          [
            name,
            fc.array(fc.bigInt(0n, 2n ** BigInt(8 * width) - 1n), { minLength: count, maxLength: count }),
          ] as const,
      );
      fc.assert(
        fc.property(
          fc.record(Object.fromEntries(elements)),
          fc.array(access, { maxLength: 25 }),
          (values, accesses) => {
            const config = new DeviceConfig(map);
            const model = new StructModel(map, config.length, values, order === 'little');
            for (const [name, { width, count }] of Object.entries(map)) {
              const own = new StructModel(
                { [name]: { ...map[name]!, offset: 0 } },
                width * count,
                values,
                true,
              );
              config.setBytes(name, own.bytes);
            }
            for (const { offset, width, value, write } of accesses) {
              let [expected, shift] = [0, 0];
              for (const [at, piece] of piecesOf(offset, width)) {
                if (write) model.write(at, piece, Math.floor(value / 2 ** shift) % 2 ** (8 * piece));
                else expected += model.read(at, piece) * 2 ** shift;
                shift += 8 * piece;
              }
              if (write) config[order].write(offset, width, value % 2 ** (8 * width));
              else expect(config[order].read(offset, width)).toBe(expected);
            }
            for (let at = 0; at < config.length; at++)
              expect(config[order].read(at, 1)).toBe(model.bytes[at]);
            for (const [name, { count }] of Object.entries(map))
              if (count === 1) expect(config.get(name), name).toBe(Number(model.field(name)));
          },
        ),
        { numRuns: 40 },
      );
    },
  );
});

describe('handlers of a block', () => {
  const map = registers({ version: ro(0, 2), control: rw(2, 2) });
  const version = { read: () => 1 };
  const control = { read: () => 2, write: () => {} };

  it('are exactly the registers of the map, or the source does not compile', () => {
    expect(new RegisterBlock(map, { version, control }, 4, 'ones').read(undefined, 2, 2)).toBe(2);
    // Never run: each line stands for a mistake that the compiler has to find.
    const mistakes = [
      // @ts-expect-error a register without a handler
      () => new RegisterBlock(map, { version }, 4, 'ones'),
      // @ts-expect-error a handler without a register
      () => new RegisterBlock(map, { version, control, extra: version }, 4, 'ones'),
      // @ts-expect-error a writer on a read-only register
      () => new RegisterBlock(map, { version: { read: () => 1, write: () => {} }, control }, 4, 'ones'),
      // @ts-expect-error a writable register without a writer
      () => new RegisterBlock(map, { version, control: { read: () => 2 } }, 4, 'ones'),
      // @ts-expect-error a reader of something else than numbers
      () => new RegisterBlock(map, { version: { read: () => '1' }, control }, 4, 'ones'),
    ];
    expect(mistakes).toHaveLength(5);
  });
});
