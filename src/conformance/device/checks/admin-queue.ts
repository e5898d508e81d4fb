import type { ChainBuffer } from '../../../driver/index.ts';
import {
  ADMIN_ANSWER_BYTES,
  ADMIN_COMMAND_BYTES,
  adminAnswer,
  adminOpcode,
  legacyHeader,
} from '../../../virtio/layout/index.ts';
import { ADMIN_POISON, type AdminAsk, AdminUse, legacyRead, legacyWrite } from '../admin-use.ts';
import { type Check, Silence } from '../check.ts';

const { listQuery } = adminOpcode;
const settings = ['modern'] as const;
const LIST_BYTES = 8;
const LIST_ANSWER = ADMIN_ANSWER_BYTES + LIST_BYTES;
const NO_OPCODE = 0x7fff;

const SERVES = 'BF-RST-01';

/** Parts of a command as no driver may make them. */
const misshapen: readonly { readonly id: string; readonly says: string; cut(parts: Parts): Parts }[] = [
  {
    id: 'admin-without-readable-part',
    says: 'a command has no readable part',
    cut: ({ out, into }) => ({ out: { ...out, length: 0 }, into }),
  },
  {
    id: 'admin-without-writable-part',
    says: 'a command has no writable part',
    cut: ({ out, into }) => ({ out, into: { ...into, length: 0 } }),
  },
  {
    id: 'admin-readable-part-beyond-memory',
    says: 'the readable part of a command is in no memory',
    cut: ({ out, into }) => ({ out: { ...out, address: BEYOND }, into }),
  },
  {
    id: 'admin-writable-part-beyond-memory',
    says: 'the writable part of a command is in no memory',
    cut: ({ out, into }) => ({ out, into: { ...into, address: BEYOND } }),
  },
];
interface Parts {
  readonly out: ChainBuffer;
  readonly into: ChainBuffer;
}
/** Above all memory that a machine has. */
const BEYOND = 2 ** 52;

const misshapenCheck = ({ id, says, cut }: (typeof misshapen)[number]): Check => ({
  id,
  clauses: [SERVES],
  settings,
  hostile: true,
  says: `${says}: a reset mends it`,
  async run(bench) {
    const use = new AdminUse(bench);
    const { driver } = use.running;
    const [out, into] = use.prepare({ opcode: listQuery, writableBytes: LIST_ANSWER }).buffers;
    const parts = cut({ out: out!, into: into! });
    driver.add(
      use.queue,
      [parts.out, parts.into].filter(({ length }) => length > 0),
    );
    driver.kick(use.queue);
    await bench.lull();
    const answered = driver.take(use.queue) !== null;
    await new AdminUse(bench).done(SERVES, { opcode: listQuery, writableBytes: LIST_ANSWER });
    if (!answered) throw new Silence(SERVES, 'the command used', 'nothing');
  },
});

/** How commands lie in administration queues. */
export const adminQueueChecks: readonly Check[] = [
  {
    id: 'admin-short-command',
    clauses: ['AVQ-01'],
    settings,
    says: 'what is missing of a command counts as 0',
    async run(bench) {
      const use = new AdminUse(bench);
      const ask = { opcode: listQuery, readableBytes: ADMIN_COMMAND_BYTES - 8, writableBytes: LIST_ANSWER };
      await use.done('AVQ-01', ask);
    },
  },
  {
    id: 'admin-short-answer',
    clauses: ['AVQ-02'],
    settings,
    says: 'of an answer that is longer than its room the rest is dropped',
    async run(bench) {
      const use = new AdminUse(bench);
      const { used } = await use.done('AVQ-02', { opcode: listQuery, writableBytes: ADMIN_ANSWER_BYTES });
      bench.equal('AVQ-02', 'used length', used, ADMIN_ANSWER_BYTES);
    },
  },
  {
    id: 'admin-long-parts',
    clauses: ['AVQ-05', 'AVQ-03'],
    settings,
    says: 'what a command has too much is ignored, and of its answer no more is written than there is',
    async run(bench) {
      const use = new AdminUse(bench);
      const ask = {
        opcode: listQuery,
        readableBytes: ADMIN_COMMAND_BYTES + 16,
        writableBytes: LIST_ANSWER + 16,
      };
      const { used, bytes } = await use.done('AVQ-05', ask);
      bench.equal('AVQ-03', 'used length', used, LIST_ANSWER);
      const rest = bytes.subarray(LIST_ANSWER);
      const left = rest.every((byte) => byte === ADMIN_POISON);
      bench.check('AVQ-03', left, 'nothing written behind the result', `${rest}`);
    },
  },
  {
    id: 'admin-answer-whole',
    clauses: ['AVQ-04', 'AVQ-06', 'AVQ-07'],
    settings,
    says: 'status and qualifier are written always, and as much of the result as there is room for',
    async run(bench) {
      const use = new AdminUse(bench);
      const { used } = await use.done('AVQ-04', { opcode: listQuery, writableBytes: LIST_ANSWER });
      bench.equal('AVQ-06', 'used length modulo 8', used % 8, 0);
      bench.check('AVQ-04', used >= LIST_ANSWER, `${LIST_ANSWER} bytes written`, String(used));
      const failed = await use.send('AVQ-07', { opcode: NO_OPCODE });
      const least = adminAnswer.reserved.offset;
      const written = failed.used >= least && failed.bytes[0] !== ADMIN_POISON;
      bench.check('AVQ-07', written, 'status and qualifier written', `${failed.used} bytes: ${failed.bytes}`);
    },
  },
  {
    id: 'admin-queue-in-order',
    clauses: ['AVQ-08'],
    settings,
    says: 'commands in one queue are carried out in their order',
    async run(bench) {
      const use = new AdminUse(bench);
      const { legacyCommonConfigWrite: write, legacyCommonConfigRead: read } = adminOpcode;
      await use.startWith('AVQ-08', 'legacy commands', write, read);
      const status = legacyHeader.deviceStatus.offset;
      const { driver } = use.running;
      for (const value of [1, 3]) {
        const asks: AdminAsk[] = [
          legacyWrite(1, 'header', status, [value]),
          legacyRead(1, 'header', status, 1),
        ];
        const parts = asks.map((ask) => use.prepare(ask));
        for (const { buffers } of parts) driver.add(use.queue, buffers);
        driver.kick(use.queue);
        for (let i = 0; i < parts.length; i++) await bench.taken(driver, use.queue, 'AVQ-08');
        const { bytes } = use.reply(parts[1]!.writable, parts[1]!.writable.length);
        bench.equal('AVQ-08', 'status that was read behind the write', bytes[ADMIN_ANSWER_BYTES]!, value);
      }
    },
  },
  ...misshapen.map(misshapenCheck),
];
