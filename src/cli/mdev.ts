import { formatFunctionAddress } from '../core/index.ts';
import { BlockDriver, DmaMemory, openTransport } from '../driver/index.ts';
import {
  BlockParent,
  type Composition,
  compositionCounts,
  compositionOperations,
  compositions,
  diskSlices,
  type MediatedParent,
  NoInstanceLeftError,
  runComposition,
  UnknownSliceTypeError,
  workQueueSlices,
} from '../mmr/index.ts';
import { type Command, CommandError, exitStatus, readOptions, UsageError } from './command.ts';
import { lineWidth, print, printJson } from './output.ts';
import { clearLine, showLine } from './progress.ts';
import { columns, fold } from './text.ts';

const [DEFAULT_QUEUES, DEFAULT_SLICES] = ['64', '4'];
const MOST_QUEUES = 1 << 16;
/** So many slices are given to guests, and listed; of others there is a name. */
const USED = 4;
const types = [diskSlices(1), diskSlices(4), workQueueSlices];

const help = `Usage: virtiolab mdev [--queues N] [--slices N] [--type TYPE] [--posted]
                      [--memory] [--json]

Slices one parent, a disk with queues to give away, into mediated devices: its
types and how many instances are left of each, slices and what each of them has
of the parent, and the messages that came of a request in each; then what it
takes to emulate slices beside the parent's driver, or in a process.

  --queues N       queues that the parent gives away, ${DEFAULT_QUEUES} by default, up to ${MOST_QUEUES}
  --slices N       slices that are made; the first ${USED} are given to guests of
                   their own; ${DEFAULT_SLICES} by default
  --type TYPE      of that type:
${types.map(({ name, title }) => `                   ${name.padEnd(21)} ${title}`).join('\n')}
  --posted         their messages go past the host's handlers
  --memory         message slots stand in system memory
  --json           one JSON document on standard output
  -h, --help       print this text

Exit status: 0; 1 where the parent has not enough left; 2 when called wrongly.

Example: as many as one can have of 8,192 queues
  virtiolab mdev --queues 8192 --slices 4096`;

/** @throws UsageError */
function wholeOf(option: string, text: string, most: number): number {
  const value = /^\d{1,7}$/.test(text) ? Number(text) : -1;
  if (value < 1 || value > most)
    throw new UsageError(`option '${option} ${text}': wants a whole number of 1..${most}`);
  return value;
}

const typeRows = (parent: MediatedParent) =>
  Array.from(parent.types, ({ name, title, queues }) => ({
    name,
    title,
    queues,
    available: parent.available(name),
  }));

/** Makes the slices. @throws CommandError where the parent has not enough */
function make(parent: MediatedParent, type: string, count: number): void {
  try {
    for (let n = 1; n <= count; n++) {
      parent.create(type, BlockParent.uuid(n));
      if (n % 1024 === 0 && process.stderr.isTTY === true) showLine(`made ${n} of ${count}`);
    }
  } catch (error) {
    if (error instanceof NoInstanceLeftError)
      throw new CommandError(`${error.message}; ${parent.count} were made`);
    throw error;
  } finally {
    clearLine();
  }
}

/** Gives the first slices to guests, has each disk read once, and says what each slice has. */
async function use(lab: BlockParent, posted: boolean) {
  const rows = [];
  for (const slice of [...lab.parent.slices].slice(0, USED)) {
    const guest = lab.guestOf(slice.uuid, { posted });
    if (slice.type !== workQueueSlices) {
      const transport = openTransport(guest, BlockParent.SLICE);
      const driver = new BlockDriver(transport, new DmaMemory(guest.ram, 0x10000), {
        requestBytes: 512,
        depth: 1,
      });
      await driver.read(0, 1);
    }
    const { queues, messages, context } = slice.attached!;
    const slots = messages.map(({ slot }) => slot);
    rows.push({ uuid: slice.uuid, queues, slots, pasid: context.pasid, ...slice.counts });
  }
  return rows;
}

const indented = (rows: readonly (readonly string[])[]) => columns(rows).map((line) => `  ${line}`);

async function composed() {
  const rows = [];
  for (const name of Object.keys(compositions) as Composition[])
    for (const posted of [false, true]) {
      const counts = await runComposition(name, posted);
      rows.push({ composition: name, posted, operations: counts });
    }
  return rows;
}

type Composed = Awaited<ReturnType<typeof composed>>;
const countNames = Object.keys(compositionCounts) as (keyof typeof compositionCounts)[];

function compositionLines(rows: Composed): string[] {
  return compositionOperations.flatMap((operation) => [
    operation,
    ...indented([
      ['', ...countNames],
      ...rows.map(({ composition, posted, operations }) => [
        `${composition}${posted ? ', posted' : ''}`,
        ...countNames.map((name) => `${operations[operation][name]}`),
      ]),
    ]),
    '',
  ]);
}

async function run(args: readonly string[]): Promise<number> {
  const options = readOptions(args, {
    queues: { type: 'string' },
    slices: { type: 'string' },
    type: { type: 'string' },
    posted: { type: 'boolean' },
    memory: { type: 'boolean' },
  });
  if (options.help === true) {
    print(help);
    return exitStatus.good;
  }
  const queues = wholeOf('--queues', options.queues ?? DEFAULT_QUEUES, MOST_QUEUES);
  const count = wholeOf('--slices', options.slices ?? DEFAULT_SLICES, MOST_QUEUES);
  const memory = options.memory === true ? { slotMemory: 0x10000 } : {};
  const lab = new BlockParent({ queues, types, ...memory });
  const { parent, device } = lab;
  const type = options.type ?? types[0]!.name;
  const before = typeRows(parent);
  try {
    parent.type(type);
  } catch (error) {
    if (error instanceof UnknownSliceTypeError) throw new UsageError(error.message);
    throw error;
  }
  make(parent, type, count);
  const after = typeRows(parent);
  const used = await use(lab, options.posted === true);
  const compositionRows = await composed();
  const slots = options.memory === true ? 'system memory' : 'the device';
  if (options.json === true)
    printJson({
      parent: {
        address: formatFunctionAddress(BlockParent.PLACE),
        queues,
        slots: device.slots.slots,
        slotsIn: slots,
      },
      types: before.map((row, i) => ({ ...row, availableAfter: after[i]!.available })),
      slices: { type, made: parent.count, used },
      messages: device.counts,
      compositions: compositionRows,
      legend: compositionCounts,
    });
  else
    print(
      ...[
        `Parent ${formatFunctionAddress(BlockParent.PLACE)}: ${queues} queues to give away, ${device.slots.slots} message slots in ${slots}`,
        '',
        ...indented([
          ['type', 'queues', 'available', `after ${count}`, ''],
          ...before.map(({ name, title, queues: takes, available }, i) => [
            name,
            `${takes}`,
            `${available}`,
            `${after[i]!.available}`,
            title,
          ]),
        ]),
        '',
        `${parent.count} slices of ${type}; ${used.length} given to guests, each disk read once`,
        '',
        ...indented([
          ['uuid', 'queues', 'slots', 'PASID', 'delivered', 'posted'],
          ...used.map(({ uuid, queues: own, slots: its, pasid, delivered, posted }) => [
            uuid,
            own.join(' '),
            its.join(' '),
            `${pasid}`,
            `${delivered}`,
            `${posted}`,
          ]),
        ]),
        '',
        'Emulation in the kernel, or in a process:',
        '',
        ...compositionLines(compositionRows),
        ...countNames.map((name) => `${name}: ${compositionCounts[name]}`),
      ].flatMap((line) => fold([line], lineWidth())),
    );
  return exitStatus.good;
}

export const mdev: Command = { help, run };
