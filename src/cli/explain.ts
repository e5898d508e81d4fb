import {
  type Explanation,
  explainSeen,
  formatExplanation,
  RecordedFunction,
} from '../conformance/explain/index.ts';
import { GuestMemory } from '../core/index.ts';
import { sampleNames } from '../testing/devices.ts';
import { getStuck, type StuckCase, StuckCaseError, stuckCases } from '../testing/stuck/index.ts';
import { kindsOf } from '../testing/subjects.ts';
import { DumpedFunctions, eventOf, identify, placesOf, readTrace } from '../trace/index.ts';
import { choices } from './choices.ts';
import { type Command, exitStatus, oneOf, readOptions, UsageError } from './command.ts';
import { print, printJson } from './output.ts';
import { readBytes, taking } from './trace-files.ts';

const help = `Usage: virtiolab explain TYPE[:KIND] --case NAME [--setting NAME] [--json]
       virtiolab explain --trace FILE --functions DUMP [--ram FILE] [--json]

Says why nothing happens on a virtio function: status, features, where each
queue stands, the chain that is next, decoded, and what the device waits for.
In a program it is explain(bus, fn) of virtiolab/conformance; here a function
of this project is brought into trouble on purpose, to show what is said then,
or a recording is explained: where its driver had got to at the end.

  --case NAME      what went wrong:
${choices(stuckCases.map(({ reason, says }) => [reason, says]))}
  --setting NAME   what the driver uses: legacy, modern, or packed (a packed
                   ring); by default the first that the case can be made with
  --trace FILE     accesses that were recorded (docs/traces.md)
  --functions DUMP what lspci -xxxx printed on the machine
  --ram FILE       its memory from address 0 on, at the end of the recording:
                   without it nothing is known of what is in the rings
  --json           one JSON document on standard output
  -h, --help       print this text

Types are ${sampleNames.slice(0, 5).join(', ')},
${sampleNames.slice(5).join(', ')}.

In the list of reasons, ! stops the device, ? may be missing or leaves no
trace, - is as it should be.

Exit status: 0; 2 when called wrongly.

Example: a driver that forgot the kick
  virtiolab explain block --case kick-missing`;

/** JSON has no typed arrays and no rows with functions: an explanation is plain already. */
const document = (name: string, { reason, says }: StuckCase, explanation: Explanation) => ({
  target: name,
  case: reason,
  says,
  explanation,
});

/** Every virtio function of a recording, as far as its accesses tell. */
function recorded(trace: string, functions: string, ram: string | undefined): Explanation[] {
  const { accesses } = taking(trace, readTrace);
  const dump = taking(functions, (text) => new DumpedFunctions(text));
  const places = placesOf(
    dump,
    dump.functions.map(({ address }) => address),
  );
  const bytes = ram === undefined ? null : readBytes(ram);
  if (bytes?.length === 0) throw new UsageError(`'${ram}' is empty; wants the machine's memory`);
  const memory = bytes === null ? null : new GuestMemory([{ start: 0, bytes }]);
  const known = dump.functions
    .filter(({ vendorId, deviceId }) => identify(vendorId, deviceId) !== null)
    .map(({ address }) => new RecordedFunction(dump, address));
  for (const access of accesses) {
    const event = eventOf(access, places);
    for (const each of known) each.take(event);
  }
  return known.map((each) => explainSeen(each.seen(), { ram: memory }));
}

async function run(args: readonly string[]): Promise<number> {
  const [target, ...rest] = args;
  const asked = target === undefined || target.startsWith('-');
  const options = readOptions(asked ? args : rest, {
    case: { type: 'string' },
    setting: { type: 'string' },
    trace: { type: 'string' },
    functions: { type: 'string' },
    ram: { type: 'string' },
  });
  if (options.help === true) {
    print(help);
    return exitStatus.good;
  }
  if (options.trace !== undefined) {
    if (!asked || options.case !== undefined)
      throw new UsageError('a recording names its functions: no TYPE and no --case beside --trace');
    if (options.functions === undefined)
      throw new UsageError('--trace wants --functions DUMP, which says what stands at the addresses');
    const explanations = recorded(options.trace, options.functions, options.ram);
    if (options.json === true) printJson({ explanations });
    else if (explanations.length === 0) print('The dump has no virtio function.');
    else print(explanations.map(formatExplanation).join('\n\n'));
    return exitStatus.good;
  }
  if (asked) throw new UsageError(`wants a device type; types are ${sampleNames.join(', ')}`);
  const [type = '', kind] = target.split(':');
  oneOf('device type', type, sampleNames);
  const chosenKind = kind === undefined ? undefined : oneOf('kind', kind, kindsOf(type));
  const names = stuckCases.map(({ reason }) => reason);
  if (options.case === undefined) throw new UsageError(`wants --case NAME; cases are ${names.join(', ')}`);
  const chosen = oneOf('case', options.case, names);
  const setting =
    options.setting === undefined
      ? undefined
      : oneOf('setting', options.setting, ['legacy', 'modern', 'packed']);
  const each = stuckCases.find(({ reason }) => reason === chosen)!;
  try {
    const explanation = getStuck(each, type, chosenKind, setting).explain();
    if (options.json === true) printJson(document(target, each, explanation));
    else print(`What happened: ${each.says}.`, '', formatExplanation(explanation));
    return exitStatus.good;
  } catch (error) {
    if (error instanceof StuckCaseError) throw new UsageError(error.message);
    throw error;
  }
}

export const explain: Command = { help, run };
