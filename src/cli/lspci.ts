import {
  type FunctionAddress,
  formatFunctionAddress,
  functionAddress,
  VirtiolabError,
} from '../core/index.ts';
import { CONVENTIONAL_BYTES, EXTENDED_BYTES } from '../pci/index.ts';
import { describeFunction } from '../trace/index.ts';
import type { FunctionShape } from '../virtio/index.ts';
import { type BridgeLayout, layoutNames } from './bridge-layouts.ts';
import { treeJson, treeLines } from './bus-tree.ts';
import { type Command, exitStatus, oneOf, readOptions, UsageError } from './command.ts';
import { configDump, readConfig } from './config-dump.ts';
import { everyFunction, type ShownFunction } from './every-function.ts';
import { detailLines, functionJson, titleOf } from './function-view.ts';
import { readForeign } from './lspci-read.ts';
import { lineWidth, print, printJson } from './output.ts';
import { outsideTypes } from './outside-types.ts';
import { fold, hexText } from './text.ts';
import { everyVirtualFunction, MOST_VIRTUAL } from './virtual-layout.ts';

const help = `Usage: virtiolab lspci [-v] [-x | -xxx | -xxxx] [-s SLOT] [--types FILE]
                       [--bridges LAYOUT] [--shape JSON] [--json]
       virtiolab lspci --vfs N [-v] [-x | -xxx | -xxxx] [-s SLOT] [--json]
       virtiolab lspci -t [--types FILE] [--bridges LAYOUT] [--json]
       virtiolab lspci --read FILE [-s SLOT] [--json]

Builds a machine with one function of every kind that this project builds, and
lists it as lspci lists a real one. With --read it lists functions of another
machine instead, of which FILE has what lspci -x, -xxx or -xxxx printed there,
and says what of each breaks which clause of the specification. What a dump does
not have is unknown, and held against nobody.

  -v, --verbose    BARs and capabilities of each function
  -x, --hex        the first 64 bytes of configuration space in hexadecimal
  -xxx             the first 256 bytes
  -xxxx            all of it: 4096 bytes where the function is PCI Express
  -t, --tree       the buses and what stands on them, drawn as lspci -t does
  -s, --slot SLOT  one function only: its device, or bus:device.function, in
                   hexadecimal
  --types FILE     the functions of device types from outside instead: FILE is a
                   module that exports them (docs/your-own-device.md)
  --bridges LAYOUT the functions behind bridges: ports (root ports), switch (the
                   ports of a switch), pci (PCI-to-PCI bridges), or none
  --shape JSON     a block device behind functions of every kind instead, in an
                   unusual shape (docs/shapes.md)
  --vfs N          physical functions instead, each with N virtual functions
                   beside it that its driver has enabled: modern and MMR ones
  --read FILE      a dump to be read, lines of -v between its bytes or not
  --json           one JSON document on standard output
  -h, --help       print this text

Exit status: 0; 1 when a function of FILE breaks a clause that says MUST;
2 when called wrongly, or when FILE is no dump.

Example: dump every function, and let the pciutils decode it
  virtiolab lspci -xxxx > functions.txt && lspci -F functions.txt -vvv
Example: compare the tree behind a switch with that of the pciutils
  virtiolab lspci -x --bridges switch > all.txt && lspci -F all.txt -t
Example: kicks at ports, and in memory 64 bytes from one queue to the next
  virtiolab lspci -v --shape '{"structures": {"notify": ["io", "memory"]},
                               "notify": {"multiplier": 64}}'
Example: let the pciutils decode SR-IOV
  virtiolab lspci -xxxx --vfs 3 > vfs.txt && lspci -F vfs.txt -vvv
Example: judge the functions of a virtual machine
  ssh guest sudo lspci -xxxx > guest.txt && virtiolab lspci --read guest.txt`;

const HEADER_BYTES = 64;
const SLOT = /^(?:(?:0000:)?(?<bus>[0-9a-f]{1,2}):)?(?<device>[0-9a-f]{1,2})(?:\.(?<fn>[0-7]))?$/i;

/** Bytes that so many `-x` ask for. */
const bytesFor = (count: number) =>
  count >= 4 ? EXTENDED_BYTES : count === 3 ? CONVENTIONAL_BYTES : count > 0 ? HEADER_BYTES : 0;

/** @throws UsageError for what is no slot. */
function parseSlot(text: string): FunctionAddress {
  const { bus = '0', device, fn = '0' } = SLOT.exec(text)?.groups ?? {};
  if (device === undefined || Number.parseInt(device, 16) > 31)
    throw new UsageError(
      `'${text}' is no slot; wants a device such as 04, or bus:device.function such as 00:04.0`,
    );
  return functionAddress(Number.parseInt(bus, 16), Number.parseInt(device, 16), Number(fn));
}

function select(functions: readonly ShownFunction[], slot: string | undefined): readonly ShownFunction[] {
  if (slot === undefined) return functions;
  const address = parseSlot(slot);
  const selected = functions.filter(({ found }) => found.address === address);
  if (selected.length > 0) return selected;
  const [first, last] = [functions[0]!, functions.at(-1)!].map(({ found }) =>
    formatFunctionAddress(found.address),
  );
  throw new UsageError(`no function at '${slot}'; there are functions from ${first} to ${last}`);
}

/** @throws UsageError for what is no JSON, and for a shape that no function can have. */
function functionsOfShape(text: string, layout: BridgeLayout): ReturnType<typeof everyFunction> {
  try {
    const shape: unknown = JSON.parse(text);
    if (typeof shape !== 'object' || shape === null || Array.isArray(shape))
      throw new UsageError(`--shape wants a JSON object, and has ${text}`);
    return everyFunction([], layout, shape as FunctionShape);
  } catch (error) {
    if (error instanceof SyntaxError) throw new UsageError(`--shape is no JSON: ${error.message}`);
    throw error instanceof VirtiolabError ? new UsageError(error.message) : error;
  }
}

/** @throws UsageError for what is no number of virtual functions. */
function parseCount(text: string): number {
  const count = Number(text);
  if (!/^\d+$/.test(text) || count < 1 || count > MOST_VIRTUAL)
    throw new UsageError(`--vfs wants a number of 1..${MOST_VIRTUAL}, and has '${text}'`);
  return count;
}

async function run(args: readonly string[]): Promise<number> {
  const options = readOptions(args, {
    verbose: { type: 'boolean', short: 'v' },
    hex: { type: 'boolean', short: 'x', multiple: true },
    slot: { type: 'string', short: 's' },
    tree: { type: 'boolean', short: 't' },
    types: { type: 'string' },
    bridges: { type: 'string' },
    shape: { type: 'string' },
    read: { type: 'string' },
    vfs: { type: 'string' },
  });
  if (options.help === true) {
    print(help);
    return exitStatus.good;
  }
  if (options.read !== undefined) {
    if (options.hex !== undefined)
      throw new UsageError('-x and --read do not go together: the bytes are in the file');
    for (const other of ['types', 'bridges', 'shape', 'tree', 'vfs'] as const)
      if (options[other] !== undefined)
        throw new UsageError(`--${other} and --read do not go together: the functions are in the file`);
    const slot = options.slot === undefined ? {} : { slot: formatFunctionAddress(parseSlot(options.slot)) };
    return readForeign(options.read, { ...slot, json: options.json === true });
  }
  if (options.types !== undefined && options.shape !== undefined)
    throw new UsageError('--types and --shape do not go together');
  if (options.vfs !== undefined)
    for (const other of ['types', 'bridges', 'shape', 'tree'] as const)
      if (options[other] !== undefined) throw new UsageError(`--vfs and --${other} do not go together`);
  const outside = options.types === undefined ? [] : await outsideTypes(options.types);
  const layout = oneOf('layout', options.bridges ?? 'none', layoutNames);
  const { machine, functions, types } =
    options.vfs !== undefined
      ? everyVirtualFunction(parseCount(options.vfs))
      : options.shape === undefined
        ? everyFunction(outside, layout)
        : functionsOfShape(options.shape, layout);
  if (options.tree === true) {
    for (const other of ['slot', 'hex', 'verbose'] as const)
      if (options[other] !== undefined) throw new UsageError(`--tree and --${other} do not go together`);
    if (options.json === true) printJson(treeJson(machine));
    else print(...treeLines(machine));
    return exitStatus.good;
  }
  const bytes = bytesFor(options.hex?.length ?? 0);
  const shown = select(functions, options.slot).map(({ found, label, draft }) => ({
    found,
    label,
    description: describeFunction(machine, found, draft, types),
    config: readConfig(machine, found, bytes),
  }));
  if (options.json === true) {
    const hexOf = (config: Uint8Array) => [...config].map((byte) => hexText(byte, 2)).join('');
    printJson({
      functions: shown.map(({ label, description, config }) => ({
        ...functionJson(description),
        label,
        ...(bytes > 0 ? { config: hexOf(config) } : {}),
      })),
    });
    return exitStatus.good;
  }
  for (const { found, label, description, config } of shown) {
    const [title, ...dump] = configDump(found.address, `${titleOf(description)} (${label})`, config);
    const details = options.verbose === true ? detailLines(description, '\t') : [];
    // The pciutils take no dump whose lines are broken.
    print(...fold([title!, ...details], bytes > 0 ? Infinity : lineWidth()), ...dump);
    // An empty line ends a function in the format of the pciutils.
    if (options.verbose === true || bytes > 0) print('');
  }
  return exitStatus.good;
}

export const lspci: Command = {
  help,
  run,
};
