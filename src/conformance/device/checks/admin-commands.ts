import {
  ADMIN_ANSWER_BYTES,
  adminAnswer,
  adminGroup,
  adminOpcode,
  adminQualifier,
  adminStatus,
} from '../../../virtio/layout/index.ts';
import { AdminUse } from '../admin-use.ts';
import type { Check } from '../check.ts';

const { listQuery, listUse } = adminOpcode;
const { self, singleRootIov } = adminGroup;
const { invalidGroup, invalidOpcode, invalidMember, invalidField } = adminQualifier;
const settings = ['modern'] as const;

/** Numbers that no command, and no group, has. */
const NO_OPCODE = 0x7fff;
const NO_GROUP = 0x7fff;
const NO_MEMBER = 0xffff;
const LIST_ANSWER = ADMIN_ANSWER_BYTES + 8;

/** An opcode that is not in a list. */
const absentFrom = (opcodes: readonly number[]) =>
  Array.from({ length: 64 }, (_, i) => 63 - i).find((opcode) => !opcodes.includes(opcode))!;

/** Group administration commands, whatever they are about. */
export const adminCommandChecks: readonly Check[] = [
  {
    id: 'admin-list-query',
    clauses: ['ADM-08', 'ADM-02', 'ADM-03'],
    settings,
    says: 'LIST_QUERY succeeds, and names itself and LIST_USE',
    async run(bench) {
      const use = new AdminUse(bench);
      const reply = await use.send('ADM-08', { opcode: listQuery, writableBytes: LIST_ANSWER });
      use.ok('ADM-08', reply);
      bench.equal('ADM-02', 'qualifier of a command that succeeded', reply.qualifier, 0);
      bench.equal('ADM-03', 'bits 0 and 1 of the list', (reply.result[0] ?? 0) & 3, 3);
    },
  },
  {
    id: 'admin-reserved-ignored',
    clauses: ['ADM-01'],
    settings,
    says: 'reserved bytes of a command mean nothing, and those of an answer are 0',
    async run(bench) {
      const use = new AdminUse(bench);
      const ask = { opcode: listQuery, reserved: 0xff, writableBytes: LIST_ANSWER };
      const { bytes } = await use.done('ADM-01', ask);
      const { offset, count } = adminAnswer.reserved;
      const zero = bytes.subarray(offset, offset + count).every((byte) => byte === 0);
      bench.check('ADM-01', zero, 'reserved bytes of 0', `${bytes.subarray(offset, offset + count)}`);
    },
  },
  {
    id: 'admin-refused-in-order',
    clauses: ['ADM-04', 'ADM-05', 'ADM-06', 'ADM-07'],
    settings,
    says: 'group, opcode and member are looked at in that order',
    async run(bench) {
      const use = new AdminUse(bench);
      const good = use.harmless(await use.start('ADM-04'));
      const bad = { ...good, member: NO_MEMBER };
      const steps = [
        ['ADM-05', invalidGroup, { ...bad, group: NO_GROUP, opcode: NO_OPCODE }],
        ['ADM-06', invalidOpcode, { ...bad, opcode: NO_OPCODE }],
        ['ADM-07', invalidMember, bad],
      ] as const;
      for (const [clause, qualifier, ask] of steps)
        use.refused(clause, await use.send(clause, ask), qualifier, 'ADM-04');
    },
  },
  {
    id: 'admin-failure-tells',
    clauses: ['ADM-09'],
    settings,
    says: 'a command that fails has a status other than OK',
    async run(bench) {
      const use = new AdminUse(bench);
      const { status } = await use.send('ADM-09', { opcode: NO_OPCODE });
      bench.check('ADM-09', status !== adminStatus.ok, 'a status other than OK', 'OK, of no command at all');
    },
  },
  {
    id: 'admin-invalid-changes-nothing',
    clauses: ['ADM-10'],
    settings,
    says: 'a command that is refused with EINVAL changes nothing',
    async run(bench) {
      const use = new AdminUse(bench);
      const opcodes = await use.start('ADM-10');
      const { status } = await use.use('ADM-10', singleRootIov, [listQuery, absentFrom(opcodes)]);
      if (status !== adminStatus.invalid)
        bench.skip('LIST_USE with a command that there is not is not refused with EINVAL');
      await use.done('ADM-10', use.harmless(opcodes));
      bench.check('ADM-10', !use.running.driver.needsReset, 'no error state', 'DEVICE_NEEDS_RESET');
    },
  },
  {
    id: 'admin-partial-legacy-list',
    clauses: ['ADM-12'],
    settings,
    says: 'LIST_USE with some of the commands that belong together is taken, or its field is refused',
    async run(bench) {
      const use = new AdminUse(bench);
      const one = adminOpcode.legacyCommonConfigWrite;
      await use.startWith('ADM-12', 'legacy commands', one);
      const { status, qualifier } = await use.use('ADM-12', singleRootIov, [listQuery, listUse, one]);
      const refused = status === adminStatus.invalid && qualifier === invalidField;
      const seen = `status ${status}, qualifier ${qualifier}`;
      bench.check('ADM-12', status === adminStatus.ok || refused, 'OK, or EINVAL for a field', seen);
    },
  },
  {
    id: 'admin-groups-independent',
    clauses: ['ADM-13'],
    settings,
    says: 'LIST_USE for one group changes nothing for another',
    async run(bench) {
      const use = new AdminUse(bench);
      const opcodes = await use.start('ADM-13');
      use.ok('ADM-13', await use.use('ADM-13', self, [listQuery, listUse]));
      await use.done('ADM-13', use.harmless(opcodes));
    },
  },
  {
    id: 'admin-lists-only-at-first',
    clauses: ['ADM-15'],
    settings,
    says: 'before LIST_USE no command is legal but LIST_QUERY and LIST_USE',
    async run(bench) {
      const use = new AdminUse(bench);
      void use.members;
      const opcodes = await use.list('ADM-15', singleRootIov);
      const reply = await use.send('ADM-15', use.harmless(opcodes));
      use.refused('ADM-15', reply, invalidOpcode);
    },
  },
  {
    id: 'admin-list-replaced',
    clauses: ['ADM-16', 'ADM-17'],
    settings,
    says: 'LIST_USE replaces the list, and what is not in it is refused',
    async run(bench) {
      const use = new AdminUse(bench);
      const opcodes = await use.start('ADM-16');
      await use.done('ADM-16', use.harmless(opcodes));
      use.ok('ADM-16', await use.use('ADM-16', singleRootIov, [listQuery, listUse]));
      const reply = await use.send('ADM-16', use.harmless(opcodes));
      const refused = reply.status !== adminStatus.ok;
      bench.check('ADM-16', refused, 'a command refused that is not in the new list', 'OK');
      use.refused('ADM-17', reply, invalidOpcode);
    },
  },
  {
    id: 'admin-list-does-not-shrink',
    clauses: ['ADM-18'],
    settings,
    says: 'no command goes from the list of those that there are, not even by a reset',
    async run(bench) {
      const before: number[] = [];
      for (let i = 0; i < 2; i++) {
        const use = new AdminUse(bench);
        for (let again = 0; again < 2; again++) {
          const now = await use.list('ADM-18', self);
          const gone = before.filter((opcode) => !now.includes(opcode));
          bench.check('ADM-18', gone.length === 0, `the opcodes ${before}`, `${now}`);
          before.splice(0, before.length, ...now);
        }
      }
    },
  },
  {
    id: 'admin-list-again',
    clauses: ['ADM-20', 'ADM-21'],
    settings,
    says: 'LIST_USE that succeeded succeeds again after a reset',
    async run(bench) {
      let use = new AdminUse(bench);
      const opcodes = await use.list('ADM-20', self);
      use.ok('ADM-20', await use.use('ADM-20', self, opcodes));
      use = new AdminUse(bench);
      const reply = await use.use('ADM-20', self, opcodes);
      const byList = reply.status === adminStatus.invalid && reply.qualifier === invalidField;
      bench.check('ADM-21', !byList, 'the same list taken', 'EINVAL, for the field that holds the list');
      use.ok('ADM-20', reply);
    },
  },
  {
    id: 'admin-without-virtual-functions',
    clauses: ['ADM-23'],
    settings,
    says: 'while VF Enable is clear commands about virtual functions are refused',
    async run(bench) {
      const use = new AdminUse(bench);
      const ask = use.harmless(await use.start('ADM-23'));
      use.dismiss();
      // What LIST_QUERY and LIST_USE do then is told in two ways.
      use.refused('ADM-23', await use.send('ADM-23', ask), invalidGroup);
    },
  },
  {
    id: 'admin-members',
    clauses: ['GRP-01', 'ADM-24'],
    settings,
    says: 'members are the virtual functions 1 to NumVFs, and no others',
    async run(bench) {
      const use = new AdminUse(bench);
      const opcodes = await use.start('GRP-01');
      const { count } = use.members;
      for (let member = 1; member <= count; member++) await use.done('GRP-01', use.harmless(opcodes, member));
      for (const member of [0, count + 1, 2 ** 32 + 1])
        use.refused('ADM-24', await use.send('ADM-24', use.harmless(opcodes, member)), invalidMember);
    },
  },
];
