import {
  ADMIN_ANSWER_BYTES,
  ADMIN_COMMAND_BYTES,
  adminGroup,
  adminOpcode,
  adminQualifier,
  adminStatus,
} from '../../virtio/index.ts';
import type { DeviceMutant } from './mutant.ts';
import {
  afterwards,
  changesResult,
  onlyOnce,
  otherLength,
  otherReason,
  refusesWhere,
  without,
  wrong,
  wrongAnew,
} from './owner.ts';
import { mutateHandling } from './ring-parts.ts';

const o = adminOpcode;
const { ok, invalid, tryAgain, busy, exists } = adminStatus;
const { invalidOpcode, invalidField, invalidGroup, invalidMember } = adminQualifier;
const LIST_ANSWER = ADMIN_ANSWER_BYTES + 8;

/** Owners that get group administration commands, or their queues, wrong. */
export const adminCommandMutants: readonly DeviceMutant[] = [
  wrong(
    'list-query-tries-again',
    ['ADM-08'],
    'LIST_QUERY never succeeds',
    afterwards((command) => {
      if (command.opcode === o.listQuery) command.fail(tryAgain, adminQualifier.tryAgain);
    }),
  ),
  wrong(
    'qualifier-of-success',
    ['ADM-02'],
    'a command that succeeds has a qualifier',
    afterwards((command) => {
      if (command.status === ok) command.qualifier = 1;
    }),
  ),
  wrong(
    'list-without-list-use',
    ['ADM-03'],
    'LIST_USE is not in the list',
    without(adminGroup.self, o.listUse),
  ),
  wrong(
    'reserved-refused',
    ['ADM-01'],
    'reserved bytes have to be 0',
    refusesWhere(({ reservedSet }) => reservedSet),
  ),
  wrong(
    'invalid-by-another-name',
    ['ADM-04'],
    'what is invalid is told by EEXIST',
    afterwards((command) => {
      if (command.status === invalid) command.status = exists;
    }),
  ),
  wrong(
    'group-not-told',
    ['ADM-05', 'ADM-23'],
    'a bad group is told as a bad opcode',
    otherReason(invalidGroup, invalidOpcode),
  ),
  wrong(
    'opcode-not-told',
    ['ADM-06', 'ADM-15', 'ADM-17'],
    'a bad opcode is told as a bad member',
    otherReason(invalidOpcode, invalidMember),
  ),
  wrong(
    'member-not-told',
    ['ADM-07', 'ADM-24'],
    'a bad member is told as a bad field',
    otherReason(invalidMember, invalidField),
  ),
  wrong(
    'failure-is-ok',
    ['ADM-09'],
    'what is refused has status OK',
    afterwards((command) => {
      if (command.status === invalid) command.status = ok;
    }),
  ),
  wrong(
    'refused-list-counts',
    ['ADM-10'],
    'a list that is refused takes the one in use away',
    afterwards((command, owner) => {
      if (command.opcode === o.listUse && command.status === invalid)
        owner.list(command.groupType).used = null;
    }),
  ),
  wrong(
    'part-of-list-busy',
    ['ADM-12'],
    'a list of some legacy commands is answered by EBUSY',
    (command, honest) => {
      honest();
      const few = command.opcode === o.listUse && command.data.getUint32(0, true) === 7;
      if (few) command.fail(busy, adminQualifier.invalidCommand);
    },
  ),
  wrong(
    'one-list-for-all',
    ['ADM-13'],
    'LIST_USE counts for all groups',
    afterwards((command, owner) => {
      if (command.opcode === o.listUse && command.status === ok)
        owner.list(adminGroup.singleRootIov).used = owner.list(command.groupType).used;
    }),
  ),
  wrong('list-not-awaited', ['ADM-15'], 'all commands are legal before LIST_USE', (_, honest, owner) => {
    const list = owner.list(adminGroup.singleRootIov);
    list.legal = () => true;
    honest();
  }),
  wrong('lists-add-up', ['ADM-16'], 'LIST_USE adds to the list', (_, honest, owner) => {
    const list = owner.list(adminGroup.singleRootIov);
    const { used } = list;
    honest();
    if (list.used !== null) list.used |= used ?? 0;
  }),
  wrongAnew('list-shrinks', ['ADM-18'], 'the second LIST_QUERY tells of less', () => {
    let times = 0;
    return changesResult(o.listQuery, (result) => {
      if (times++ > 0) result.fill(0, 1);
      if (times > 1) result[0]! &= 3;
    });
  }),
  wrongAnew(
    'list-once-only',
    ['ADM-20'],
    'the second LIST_USE is answered by EBUSY',
    onlyOnce((command) => command.fail(busy, adminQualifier.invalidCommand)),
  ),
  wrongAnew(
    'same-list-refused',
    ['ADM-21'],
    'the second LIST_USE is refused for its list',
    onlyOnce((command) => command.refuse()),
  ),
  wrong(
    'one-member-only',
    ['GRP-01'],
    'the second virtual function is no member',
    afterwards((command) => {
      if (command.memberId === 2 && command.status === ok) command.refuse(invalidMember);
    }),
  ),
  wrong(
    'short-command-refused',
    ['AVQ-01'],
    'a command has to be whole',
    refusesWhere(({ readableBytes }) => readableBytes < ADMIN_COMMAND_BYTES),
  ),
  wrong(
    'short-answer-refused',
    ['AVQ-02'],
    'LIST_QUERY wants room for its result',
    refusesWhere(({ opcode, writableBytes }) => opcode === o.listQuery && writableBytes < LIST_ANSWER),
  ),
  wrong(
    'long-command-refused',
    ['AVQ-05'],
    'a command must not be longer than it is',
    refusesWhere(
      ({ opcode, readableBytes }) => opcode === o.listQuery && readableBytes > ADMIN_COMMAND_BYTES,
    ),
  ),
  wrong(
    'answer-fills-room',
    ['AVQ-03'],
    'an answer is as long as its room',
    otherLength((_, { writableBytes }) => Math.min(writableBytes, 2 * ADMIN_COMMAND_BYTES)),
  ),
  wrong(
    'answer-without-result',
    ['AVQ-04'],
    'of an answer only status and qualifier are written',
    otherLength((right) => Math.min(right, ADMIN_ANSWER_BYTES)),
  ),
  wrong(
    'answer-of-odd-length',
    ['AVQ-06'],
    'four bytes of an answer are missing',
    otherLength((right) => right - 4),
  ),
  wrong(
    'failure-without-answer',
    ['AVQ-07'],
    'a command that fails has no answer',
    otherLength((right, { status }) => (status === ok ? right : 0)),
  ),
  wrongAnew(
    'write-after-read',
    ['AVQ-08'],
    'a legacy register is written when the next command was carried out',
    () => {
      let late = () => {};
      return (command, honest, owner) => {
        if (command.opcode !== o.legacyCommonConfigWrite) {
          honest();
          late();
          late = () => {};
          return;
        }
        const { legacy } = owner.member(command);
        const bytes = new Uint8Array(command.dataBytes);
        command.chain.read(ADMIN_COMMAND_BYTES, bytes, 0, bytes.length);
        late = () => legacy!.writeHeader(bytes[0]!, bytes, 8, bytes.length - 8);
      };
    },
  ),
  {
    name: 'admin-wedged-by-bad-parts',
    breaks: ['BF-RST-01'],
    says: 'a command without one of its parts, or with one in no memory, leaves the queue dead, reset or not',
    kind: 'owner',
    setting: 'modern',
    device(fn) {
      let dead = false;
      mutateHandling(fn, (chain, honest) => {
        const parts = [chain.segment(0), chain.segment(chain.count - 1)];
        const admin = chain.queue >= fn.device.queueCount;
        dead ||= admin && (chain.count < 2 || parts.some(({ address }) => address >= 2 ** 32));
        if (!dead) honest();
      });
    },
  },
];
