import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { GuestPanicError, GuestTimeoutError } from '../hosts/guest/errors.ts';
import { FileStorage } from '../hosts/node/index.ts';
import { handOver, TOUR_READ_BYTES, type TourImage, type TourResult } from '../hosts/v86/node.ts';
import { type OrdinaryWayName, ordinaryWayNames, ways } from '../mmr/index.ts';
import { type Booted, bootMachines } from './boot-machines.ts';
import { tourLines } from './boot-view.ts';
import { choices } from './choices.ts';
import { type Command, CommandError, exitStatus, oneOf, readOptions, UsageError } from './command.ts';
import { lineWidth, print, printJson } from './output.ts';
import { clearLine, Waiting } from './progress.ts';
import { fold } from './text.ts';
import { isClean, watchLines } from './watch-view.ts';

const DEFAULT_WINDOW: OrdinaryWayName = 'mmr';

const windows = choices(
  ordinaryWayNames.map((name) => {
    const { translated, summary } = ways[name];
    return [
      name,
      `${translated ? 'an I/O BAR, ' : ''}${summary}${name === DEFAULT_WINDOW ? ' (default)' : ''}`,
    ];
  }),
);

const machineNames = Object.keys(bootMachines) as readonly (keyof typeof bootMachines)[];
const machines = choices(machineNames.map((name) => [name, bootMachines[name].summary]));

const help = `Usage: virtiolab boot [--machine MACHINE] [--window WINDOW] [--image FILE]
                      [--cold] [--keep] [--watch] [--json]

Boots an unmodified Linux kernel in an emulated PC with a block and an entropy
function of ours, lets it list its functions, read the disk, mount it and draw
random bytes, and prints what the guest saw beside what the host did.
Kernel, busybox and firmware come from Debian's packages (some 53 MB, once; for
QEMU some 72 MB, and 38 MB for a QEMU), with the apt of this machine and without
root, and are kept in the cache folder, as are v86's snapshots (some 40 MB each,
four at most).

  --machine MACHINE
                   what emulates the PC:
${machines}
  --window WINDOW  where the guest's driver finds the functions:
${windows}
  --image FILE     a disk image with an ext4 file system, which is only read;
                   without it, a small one is made
  --cold           boot from power-on, the functions in their slots; without it,
                   the guest goes on from a snapshot of a kernel that has booted
                   (made by the first run), and finds the functions then; QEMU
                   always boots
  --keep           then hand the terminal to the guest's shell: exit or Ctrl-D
                   ends it, Ctrl-] leaves it at once
  --watch          the guest's drivers are judged as well: what they do wrong is
                   told after the run, each with its clause (docs/watch.md)
  --json           one JSON document on standard output
  -h, --help       print this text

Environment:
  VIRTIOLAB_CACHE          the cache folder; by default virtiolab below
                           XDG_CACHE_HOME, which by default is ~/.cache
  VIRTIOLAB_DEBIAN_MIRROR  where Debian's packages come from; by default the
                           mirrors that this machine's apt knows

Exit status: 0 when guest and host agree, 1 when not, when the guest failed, or
when a watched driver breaks a duty; 2 when called wrongly.

Example: try a disk behind the translator by hand, in v86 or in QEMU
  virtiolab boot --window mmr --image disk.img --keep
  virtiolab boot --machine qemu --image disk.img --keep`;

/** Opens a user's image, and takes the checksum that the guest's is compared with. @throws FileStorageError */
async function openImage(path: string): Promise<TourImage & { close(): Promise<void> }> {
  const storage = await FileStorage.open(path, { readOnly: true });
  const hash = createHash('md5');
  const end = Math.min(storage.length, TOUR_READ_BYTES) - 1;
  for await (const piece of createReadStream(path, { end }) as AsyncIterable<Buffer>) hash.update(piece);
  return { storage, md5: hash.digest('hex'), close: () => storage.close() };
}

/** A line that stays. */
function warn(message: string): void {
  clearLine();
  process.stderr.write(`virtiolab: ${message}\n`);
}

/** What the guest printed last is worth lines of its own. */
function explain(error: unknown): unknown {
  if (!(error instanceof GuestTimeoutError || error instanceof GuestPanicError)) return error;
  for (const line of error.lastLines) process.stderr.write(`guest: ${line.replace(/\p{Cc}+/gu, ' ')}\n`);
  return new CommandError(error.message.split('; the guest printed')[0]!);
}

async function run(args: readonly string[]): Promise<number> {
  const options = readOptions(args, {
    machine: { type: 'string' },
    window: { type: 'string' },
    image: { type: 'string' },
    cold: { type: 'boolean' },
    keep: { type: 'boolean' },
    watch: { type: 'boolean' },
  });
  if (options.help === true) {
    print(help);
    return exitStatus.good;
  }
  const machine = bootMachines[oneOf('machine', options.machine ?? 'v86', machineNames)];
  const window = oneOf('window', options.window ?? DEFAULT_WINDOW, ordinaryWayNames);
  if (options.keep === true && options.json === true)
    throw new UsageError('--keep and --json do not go together: both want standard output');
  const image = options.image === undefined ? undefined : await openImage(options.image);
  const progress = new Waiting();
  try {
    const cold = options.cold === true;
    const { kernel, boot } = await machine.prepare({
      cold,
      warn,
      progress: (message) => progress.start(message),
    });
    let printed = '';
    let count = () => 0;
    progress.start(`${cold ? 'booting' : 'starting'} ${kernel}`, () => [
      `${count()} accesses to our functions`,
      printed,
    ]);
    const { guest, result, end }: Booted = await boot({
      window,
      ...(image === undefined ? {} : { image }),
      progress: (line) => {
        printed = line.replace(/\p{Cc}+/gu, ' ').trim() || printed;
      },
      watching: (traces) => {
        count = () => traces.reduce((sum, trace) => sum + trace.count, 0);
      },
    });
    progress.end();
    report(result, options.json === true, options.watch === true);
    try {
      if (options.keep === true) {
        print('', 'The guest is yours. Ctrl-D ends it, Ctrl-] leaves it at once.');
        await handOver(guest, { input: process.stdin, output: process.stdout });
      }
    } finally {
      await end();
    }
    const clean = options.watch !== true || result.watch.every((each) => isClean(each));
    return result.good && clean ? exitStatus.good : exitStatus.failed;
  } catch (error) {
    progress.end();
    throw explain(error);
  } finally {
    progress.end();
    await image?.close();
  }
}

function report({ watch, ...result }: TourResult, json: boolean, watched: boolean): void {
  if (json) printJson(watched ? { ...result, watch } : result);
  else {
    const heading = (slot: string | null) => (slot === null ? [] : [`${slot}, alone on a board of its own:`]);
    const lines = watched
      ? watch.flatMap(({ slot, ...each }) => ['', ...heading(slot), ...watchLines(each)])
      : [];
    print(...fold([...tourLines(result), ...lines], lineWidth()));
  }
}

export const boot: Command = {
  help,
  run,
};
