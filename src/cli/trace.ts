import { draft2023 } from '../mmr/index.ts';
import {
  type DecodedAccess,
  Decoder,
  DumpedFunctions,
  eventOf,
  type ForeignAccess,
  placesOf,
  readTrace,
} from '../trace/index.ts';
import { deviceTypes } from '../virtio/index.ts';
import { type Command, exitStatus, readOptions, UsageError } from './command.ts';
import { print, printJson } from './output.ts';
import { outsideTypes } from './outside-types.ts';
import { columns, hexText } from './text.ts';
import { taking } from './trace-files.ts';

const help = `Usage: virtiolab trace decode FILE [--functions DUMP] [--types FILE] [--json]

Decodes accesses that another program recorded, by the specification's tables.
FILE has JSON lines (docs/traces.md), QEMU's log of its events
memory_region_ops_read and memory_region_ops_write, or Linux's mmiotrace.

  --functions DUMP  what lspci -xxxx printed on the machine: it says which
                    function and which structure is behind an address. Without
                    it, addresses are shown as they are
  --types FILE      a module that exports device types from outside, for
                    functions of theirs
  --json            one JSON document on standard output
  -h, --help        print this text

Exit status: 0; 2 when called wrongly, or with a file that is no trace.

Example: what a guest's driver did to its disk
  qemu-system-x86_64 -trace 'memory_region_ops_*' -D disk.log ...
  virtiolab trace decode disk.log --functions disk.lspci`;

interface Row {
  readonly access: ForeignAccess;
  readonly decoded: DecodedAccess;
}

function cells({ access: { space, operation, address, width }, decoded }: Row): string[] {
  const where = space === 'config' ? `+0x${hexText(address)}` : `0x${hexText(address)}`;
  const place = `${decoded.function} ${decoded.place}`.trim();
  const register = place === '' ? '' : decoded.register;
  return [
    space,
    operation === 'read' ? 'r' : 'w',
    String(width),
    where,
    place,
    register,
    decoded.value,
    decoded.meaning,
  ];
}

async function run(args: readonly string[]): Promise<number> {
  const [verb, file, ...rest] = args;
  const asked = verb === undefined || verb.startsWith('-');
  const options = readOptions(asked ? args : rest, {
    functions: { type: 'string' },
    types: { type: 'string' },
  });
  if (options.help === true || file === '--help' || file === '-h') {
    print(help);
    return exitStatus.good;
  }
  if (verb !== 'decode')
    throw new UsageError(asked ? 'wants decode FILE' : `unknown verb '${verb}'; verbs are decode`);
  if (file === undefined || file.startsWith('-')) throw new UsageError('decode wants a file');
  const { format, accesses } = taking(file, readTrace);
  const dump =
    options.functions === undefined ? null : taking(options.functions, (text) => new DumpedFunctions(text));
  const functions = dump?.functions ?? [];
  const places =
    dump === null
      ? []
      : placesOf(
          dump,
          functions.map(({ address }) => address),
        );
  const decoder = new Decoder();
  const outside = options.types === undefined ? [] : await outsideTypes(options.types);
  const types = [...outside.map(({ type }) => type), ...deviceTypes];
  for (const fn of functions) decoder.add(dump!, fn, draft2023, types);
  const rows = accesses.map((access) => ({ access, decoded: decoder.decode(eventOf(access, places)) }));
  if (options.json === true)
    printJson({
      format,
      accesses: rows.map(({ access, decoded }) => ({ ...access, fn: undefined, ...decoded })),
    });
  else print(...columns(rows.map(cells)));
  return exitStatus.good;
}

export const trace: Command = { help, run };
