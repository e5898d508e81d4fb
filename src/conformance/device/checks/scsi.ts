import {
  REPORT_LUNS_UNIT,
  SCSI_ADDRESS_BYTES,
  scsiAddress,
  scsiConfig,
  scsiQueue,
  scsiResponse,
  scsiStatus,
  taskAttribute,
  taskManagement,
} from '../../../virtio/layout/index.ts';
import type { Bench } from '../bench.ts';
import { pattern } from '../bytes.ts';
import type { Check, Setting } from '../check.ts';
import { cdbs, ScsiHost, unitAddress } from '../types/scsi.ts';

const types = ['scsi'];
const legacy: readonly Setting[] = ['legacy'];
const BLOCK = 512;
/** A target where nothing stands, or so the suite asks of who sets it up. */
const EMPTY_TARGET = 251;

const field = (bench: Bench, name: keyof typeof scsiConfig) => {
  const { offset, width } = scsiConfig[name];
  return bench.config(offset, width as 2 | 4);
};

function defaultSizes(bench: Bench, clause: string): void {
  bench.equal(clause, 'sense_size', field(bench, 'senseSize'), scsiConfig.senseSize.reset);
  bench.equal(clause, 'cdb_size', field(bench, 'cdbSize'), scsiConfig.cdbSize.reset);
}

/** A READ is under way where that can be had, and a task management function ends it: the READ comes back first. */
async function endedFirst(bench: Bench, subtype: number, allowed: readonly number[]): Promise<void> {
  const clause = 'SCSI-OP-08';
  const host = new ScsiHost(bench);
  const { driver } = host.running;
  await host.hearAttentions(clause);
  const release = await bench.hands.holdWork?.();
  const read = host.post(cdbs.read10, { dataIn: BLOCK, id: 7 });
  const asked = host.postFunction(subtype, unitAddress(0, 0), 7);
  await bench.taken(driver, scsiQueue.control, clause);
  const ended = driver.take(scsiQueue.request);
  const [functionResponse] = bench.written(asked);
  release?.();
  bench.equal(clause, 'response to the function', functionResponse!, scsiResponse.ok);
  bench.check(clause, ended !== null, 'the command back before the function that ends it', 'it is not');
  const { response } = host.answer(read);
  const right = response === scsiResponse.ok || allowed.includes(response);
  bench.check(clause, right, `a response of 0 or ${allowed.join(' or ')}`, `${response}`);
}

/** A SCSI host: configuration, commands, task management. */
export const scsiChecks: readonly Check[] = [
  {
    id: 'scsi-default-sizes',
    clauses: ['SCSI-CFG-02'],
    types,
    says: 'sense_size is 96 and cdb_size 32 before the driver says otherwise',
    run: (bench) => defaultSizes(bench, 'SCSI-CFG-02'),
  },
  {
    id: 'scsi-limits',
    clauses: ['SCSI-CFG-03'],
    types,
    says: 'max_channel is 0, max_target at most 255, max_lun at most 16383',
    run(bench) {
      for (const [name, most] of [
        ['maxChannel', 0],
        ['maxTarget', 255],
        ['maxLun', 16383],
      ] as const) {
        const value = field(bench, name);
        bench.check('SCSI-CFG-03', value <= most, `${name} of at most ${most}`, `${value}`);
      }
    },
  },
  {
    id: 'scsi-sizes-after-reset',
    clauses: ['SCSI-CFG-06'],
    types,
    says: 'a reset brings the sizes that the driver wrote back to 96 and 32',
    run(bench) {
      bench.start();
      bench.registers.config.write(scsiConfig.senseSize.offset, 4, 64);
      bench.registers.config.write(scsiConfig.cdbSize.offset, 4, 16);
      bench.transport.disconnect();
      bench.transport.reset();
      defaultSizes(bench, 'SCSI-CFG-06');
    },
  },
  {
    id: 'scsi-config-of-legacy-drivers',
    clauses: ['LEG-SCSI-01'],
    types,
    settings: legacy,
    says: "a legacy driver reads the configuration in the guest's order",
    run: (bench) => defaultSizes(bench, 'LEG-SCSI-01'),
  },
  {
    id: 'scsi-addresses',
    clauses: ['SCSI-OP-02'],
    types,
    says: 'the REPORT LUNS unit answers, units by either method, and commands of each task attribute',
    async run(bench) {
      const clause = 'SCSI-OP-02';
      const host = new ScsiHost(bench);
      await host.hearAttentions(clause);
      const wellKnown = new Uint8Array(SCSI_ADDRESS_BYTES);
      wellKnown.set([REPORT_LUNS_UNIT.method, REPORT_LUNS_UNIT.number]);
      const peripheral = unitAddress(0, 0);
      peripheral[scsiAddress.lunHigh.offset] = 0;
      const served = async (what: string, cdb: Uint8Array, parts: Parameters<ScsiHost['post']>[1]) => {
        const { response, status } = await host.ask(clause, cdb, { dataIn: 64, ...parts });
        const good = response === scsiResponse.ok && status === scsiStatus.good;
        bench.check(clause, good, `${what} to be served`, `response ${response}, status ${status}`);
      };
      await served('REPORT LUNS by the well-known unit', cdbs.reportLuns(64), { lun: wellKnown });
      await served('a unit by the peripheral method', cdbs.inquiry(36), { lun: peripheral });
      for (const attribute of [taskAttribute.ordered, taskAttribute.head])
        await served(`a command with task attribute ${attribute}`, cdbs.testUnitReady, {
          attribute,
          dataIn: 0,
        });
    },
  },
  {
    id: 'scsi-status',
    clauses: ['SCSI-OP-03'],
    types,
    says: 'the status is that of SAM: GOOD for a command that was carried out, CHECK CONDITION for one that nobody knows',
    async run(bench) {
      const host = new ScsiHost(bench);
      await host.hearAttentions('SCSI-OP-03');
      const good = await host.ask('SCSI-OP-03', cdbs.inquiry(36), { dataIn: 36 });
      bench.equal('SCSI-OP-03', 'status of an INQUIRY', good.status, scsiStatus.good);
      const unknown = await host.ask('SCSI-OP-03', cdbs.unknown);
      bench.equal('SCSI-OP-03', 'status of opcode 0xff', unknown.status, scsiStatus.checkCondition);
    },
  },
  {
    id: 'scsi-response',
    clauses: ['SCSI-OP-04'],
    types,
    says: 'the response says that there is no such target, that data are too few, or that they may not go both ways',
    async run(bench) {
      const clause = 'SCSI-OP-04';
      const host = new ScsiHost(bench);
      await host.hearAttentions(clause);
      const lun = unitAddress(EMPTY_TARGET, 0);
      const absent = await host.ask(clause, cdbs.testUnitReady, { lun });
      bench.equal(clause, 'response of a target that is none', absent.response, scsiResponse.badTarget);
      const short = await host.ask(clause, cdbs.inquiry(96), { dataIn: 8 });
      bench.equal(clause, 'response to 96 bytes for a buffer of 8', short.response, scsiResponse.overrun);
      const both = await host.ask(clause, cdbs.inquiry(36), { dataIn: 36, dataOut: pattern(36, 1) });
      bench.equal(clause, 'response to data both ways without INOUT', both.response, scsiResponse.failure);
    },
  },
  {
    id: 'scsi-unplugged-under-way',
    clauses: ['SCSI-OP-05'],
    types,
    says: 'a command under way ends when its unit is unplugged: aborted, or as FAILURE',
    async run(bench) {
      const clause = 'SCSI-OP-05';
      const [plug, unplug, hold] = [bench.hand('plugUnit'), bench.hand('unplugUnit'), bench.hand('holdWork')];
      const number = await plug();
      const lun = unitAddress(0, number);
      const host = new ScsiHost(bench);
      await host.hearAttentions(clause, lun);
      const release = await hold();
      const read = host.post(cdbs.read10, { lun, dataIn: BLOCK });
      await bench.lull();
      await unplug(number);
      try {
        await bench.taken(host.running.driver, scsiQueue.request, clause);
      } finally {
        release();
      }
      const { response } = host.answer(read);
      const { ok, aborted, reset, failure } = scsiResponse;
      const right = ([ok, aborted, reset, failure] as readonly number[]).includes(response);
      bench.check(clause, right, 'ABORTED or FAILURE', `response ${response}`);
    },
  },
  ...(
    [
      ['abort-task', taskManagement.abortTask, [scsiResponse.aborted]],
      ['abort-task-set', taskManagement.abortTaskSet, [scsiResponse.aborted]],
      ['unit-reset', taskManagement.logicalUnitReset, [scsiResponse.reset]],
      ['nexus-reset', taskManagement.nexusReset, [scsiResponse.reset]],
    ] as const
  ).map(
    ([name, subtype, allowed]): Check => ({
      id: `scsi-${name}`,
      clauses: ['SCSI-OP-08'],
      types,
      says: 'commands that a task management function ends come back before its own answer',
      run: (bench) => endedFirst(bench, subtype, allowed),
    }),
  ),
  {
    id: 'scsi-command-of-legacy-drivers',
    clauses: ['LEG-SCSI-03'],
    types,
    settings: legacy,
    says: "a legacy driver reads the length of sense data in the guest's order",
    async run(bench) {
      const host = new ScsiHost(bench);
      await host.hearAttentions('LEG-SCSI-03');
      const { senseLength } = await host.ask('LEG-SCSI-03', cdbs.unknown);
      const right = senseLength > 0 && senseLength <= scsiConfig.senseSize.reset;
      bench.check('LEG-SCSI-03', right, 'sense_len of 1 to 96', `${senseLength}`);
    },
  },
  {
    id: 'scsi-control-of-legacy-drivers',
    clauses: ['LEG-SCSI-04'],
    types,
    settings: legacy,
    says: "a legacy driver's task management function is read in the guest's order",
    async run(bench) {
      const host = new ScsiHost(bench);
      const asked = host.postFunction(taskManagement.logicalUnitReset);
      await bench.taken(host.running.driver, scsiQueue.control, 'LEG-SCSI-04');
      bench.equal(
        'LEG-SCSI-04',
        'response to a reset of the unit',
        bench.written(asked)[0]!,
        scsiResponse.ok,
      );
    },
  },
];
