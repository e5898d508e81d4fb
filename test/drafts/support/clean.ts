import type { DraftDocument, DraftRules } from '../../../src/drafts/index.ts';

/** Everything is said, and nothing is wrong. Without blocks it needs no rules. */
export const rules: DraftRules = {
  resetHandshake: 'read-back',
  msixShift: 'as-legacy',
  postedWrites: 'flushed-by-read',
  registerOrder: 'little',
  configOrder: 'guest',
  orderTold: 'out-of-band',
  resets: (['status', 'function-level-reset', 'vf-enable', 'power'] as const).map((by) => ({
    by,
    what: ['all'],
  })),
  accessWidths: 'any',
  withoutMsix: 'none',
};

const header = { name: 'header', width: 4, offset: 0 } as const;

/** A small draft of everything that a draft can have. No check finds anything in it. */
export const clean = {
  draft: 1,
  name: 'clean',
  capabilities: [
    {
      name: 'lead',
      list: 'extended',
      id: 0x23,
      version: 1,
      length: 16,
      fields: [header, { name: 'bar', width: 4 }, { name: 'offset', width: 4 }, { name: 'length', width: 4 }],
      points: 'registers',
    },
    {
      name: 'other',
      list: 'ordinary',
      id: 9,
      length: 4,
      place: 0x40,
      next: 0,
      fields: [
        { name: 'id', width: 1 },
        { name: 'next', width: 1 },
        { name: 'rest', width: 2 },
      ],
    },
  ],
  structures: [
    {
      name: 'map',
      fields: [
        { name: 'control', width: 4, access: 'rw', reset: 7 },
        { name: 'count', width: 2 },
        { name: 'free', width: 2, reserved: true },
      ],
    },
    {
      name: 'head',
      fields: [
        { name: 'opcode', width: 2 },
        { name: 'member', width: 2, count: 3 },
      ],
    },
    {
      name: 'list',
      fields: [
        { name: 'first', structure: 'head' },
        { name: 'rest', width: 1, count: 0 },
      ],
    },
  ],
  blocks: [{ name: 'registers', structure: 'map', space: 'memory', bar: 2, offset: 0x1000, alignment: 4096 }],
  spaces: [
    {
      name: 'opcode',
      width: 1,
      values: [
        { name: 'START', value: 0 },
        { name: 'STOP', value: 1 },
      ],
      ranges: [{ from: 2, to: 0xff, means: 'kept', reserved: true }],
    },
    { name: 'status', width: 1, values: [{ name: 'FINE', value: 0 }] },
  ],
  commands: {
    opcodes: 'opcode',
    statuses: 'status',
    head: 'head',
    multipleOf: 8,
    groups: [{ name: 'members', from: 1, to: 9 }],
    list: [
      { name: 'START', opcode: 0, groups: [{ name: 'members', member: 3 }], in: { data: [8, 16] } },
      { name: 'STOP', opcode: 1, statuses: ['FINE'] },
    ],
  },
  lengths: [{ name: 'bitmap', variable: 'n', bytes: 'DIV_ROUND_UP(n + 1, 64) * 8', bits: 'n + 1' }],
  statements: [
    {
      says: 'it starts',
      binds: 'device',
      section: 'device',
      uses: ['START'],
      about: 'start',
      demands: 'yes',
    },
    { says: 'it starts, again', binds: 'both', section: 'driver', about: 'start', demands: 'yes' },
  ],
  rules,
  names: ['NET'],
} as const satisfies DraftDocument;

const LEGACY = [
  ['deviceFeatures', 4, 'ro'],
  ['driverFeatures', 4, 'rw'],
  ['queueAddress', 4, 'rw'],
  ['queueSize', 2, 'ro'],
  ['queueSelect', 2, 'rw'],
  ['queueNotify', 2, 'rw'],
  ['deviceStatus', 1, 'rw'],
  ['isrStatus', 1, 'rc'],
  ['configMsixVector', 2, 'rw'],
  ['queueMsixVector', 2, 'rw'],
] as const;

/** A legacy block in I/O space, as 1.4 has it, written out by hand. */
export const cleanLegacy = {
  draft: 1,
  name: 'legacy',
  ids: { vendor: 0x1af4, revision: 0, devices: [{ type: 'block', id: 0x1001 }] },
  structures: [
    {
      name: 'header',
      fields: LEGACY.map(([name, width, access]) => ({ name, width, access })),
    },
  ],
  blocks: [{ name: 'block', structure: 'header', space: 'io', bar: 0, offset: 0, legacy: true }],
  rules,
} as const satisfies DraftDocument;
