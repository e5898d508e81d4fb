import { watchRecording } from '../conformance/watch/index.ts';
import { DumpedFunctions, readTrace } from '../trace/index.ts';
import { deviceTypes } from '../virtio/index.ts';
import { type Command, exitStatus, readOptions, UsageError } from './command.ts';
import { lineWidth, print, printJson } from './output.ts';
import { outsideTypes } from './outside-types.ts';
import { fold } from './text.ts';
import { taking } from './trace-files.ts';
import { isClean, watchLines } from './watch-view.ts';

const help = `Usage: virtiolab watch FILE [--functions DUMP] [--types FILE] [--big-endian]
                        [--from-power-on] [--json]

Says what the driver in a recording did wrong, each with the clause that it
breaks and a level: must, should, or note (what is worth knowing of a driver
that may be right). Equal findings are counted. FILE has JSON lines
(docs/traces.md), QEMU's log of its events memory_region_ops_read and
memory_region_ops_write, or Linux's mmiotrace. A recording has no memory: rings
and requests are not judged, and the report says so. demo --watch and boot
--watch judge those too.

  --functions DUMP  what lspci -xxxx printed on the machine: it says which
                    function and which structure is behind an address. Without
                    it, they are taken from the recording's own accesses to
                    configuration space
  --types FILE      a module that exports device types from outside
  --big-endian      legacy drivers in it are those of a big-endian guest
  --from-power-on   nobody had touched the functions before: a driver that does
                    not reset its device is told so. Without it, nobody is
                    accused of what may have happened before the recording
  --json            one JSON document on standard output
  -h, --help        print this text

Exit status: 0; 1 where a duty (must) is broken; 2 when called wrongly, or with
a file that is no recording.

Example: a guest's driver, as QEMU logged it
  qemu-system-x86_64 -trace 'memory_region_ops_*' -D disk.log ...
  virtiolab watch disk.log --functions disk.lspci`;

async function run(args: readonly string[]): Promise<number> {
  const [file, ...rest] = args;
  const none = file === undefined || file.startsWith('-');
  const options = readOptions(none ? args : rest, {
    functions: { type: 'string' },
    types: { type: 'string' },
    'big-endian': { type: 'boolean' },
    'from-power-on': { type: 'boolean' },
  });
  if (options.help === true) {
    print(help);
    return exitStatus.good;
  }
  if (none) throw new UsageError('wants a file');
  const { format, accesses } = taking(file, readTrace);
  const dump =
    options.functions === undefined ? null : taking(options.functions, (text) => new DumpedFunctions(text));
  const outside = options.types === undefined ? [] : await outsideTypes(options.types);
  const report = watchRecording(accesses, {
    types: [...outside.map(({ type }) => type), ...deviceTypes],
    bigEndian: options['big-endian'] === true,
    ...(dump === null ? {} : { dump }),
    ...(options['from-power-on'] === true ? { start: 'power-on' as const } : {}),
  });
  const lineOf = (access: number) => accesses[access - 1]!.line;
  if (options.json === true) {
    const findings = report.findings.map((each) => ({
      ...each,
      firstLine: lineOf(each.first),
      lastLine: lineOf(each.last),
    }));
    printJson({ format, ...report, findings, good: isClean(report) });
  } else
    print(
      ...fold(
        watchLines(report, (access) => `line ${lineOf(access)}`),
        lineWidth(),
      ),
    );
  return isClean(report) ? exitStatus.good : exitStatus.failed;
}

export const watch: Command = { help, run };
