import { type ParseArgsConfig, parseArgs } from 'node:util';

/** The command line was wrong: one line for the user, exit status 2. */
export class UsageError extends Error {}

/** What went wrong was found by a command or happened to it: one line for the user, exit status 1. */
export class CommandError extends Error {}

/** Exit statuses of every command. */
export const exitStatus = { good: 0, failed: 1, usage: 2 } as const;

/** A command of the program. */
export interface Command {
  /** What `--help` prints: usage, options, an example. */
  readonly help: string;
  /** @returns the exit status. @throws UsageError, CommandError, VirtiolabError */
  run(args: readonly string[]): Promise<number>;
}

type Options = NonNullable<ParseArgsConfig['options']>;

/** Options that every command takes. */
const SHARED = {
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const satisfies Options;

type Parsed<O extends Options> = ReturnType<
  typeof parseArgs<{ options: O & typeof SHARED; strict: true; allowPositionals: false }>
>['values'];

const listOf = (options: Options) =>
  Object.entries(options)
    .map(([name, { short }]) => (short === undefined ? `--${name}` : `-${short}, --${name}`))
    .join(', ');

/** Names the argument that was wrong. parseArgs gives its code, and the argument in quotes. */
function explain(error: unknown, options: Options): UsageError {
  const { code = '', message } = error as NodeJS.ErrnoException;
  const quoted = (/'([^']*)'/.exec(message)?.[1] ?? '').replace(/ <value>$/, '');
  if (code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION')
    return new UsageError(`unknown option '${quoted}'; options are ${listOf(options)}`);
  if (code === 'ERR_PARSE_ARGS_INVALID_OPTION_VALUE') {
    const wants = /argument missing|ambiguous/.test(message) ? 'wants a value after it' : 'takes no value';
    return new UsageError(`option '${quoted}' ${wants}; options are ${listOf(options)}`);
  }
  throw error;
}

/** Reads a command's options, those that every command takes included, and the arguments between them. @throws UsageError */
export function readArguments<const O extends Options>(
  args: readonly string[],
  own: O,
): { options: Parsed<O>; names: string[] } {
  const options = { ...own, ...SHARED };
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      options,
      strict: true,
      allowPositionals: true,
    });
    return { options: values as Parsed<O>, names: positionals };
  } catch (error) {
    throw explain(error, options);
  }
}

/** Reads the options of a command that takes nothing else. @throws UsageError */
export function readOptions<const O extends Options>(args: readonly string[], own: O): Parsed<O> {
  const { options, names } = readArguments(args, own);
  const [unexpected] = names;
  if (unexpected !== undefined)
    throw new UsageError(`unexpected argument '${unexpected}'; options are ${listOf({ ...own, ...SHARED })}`);
  return options;
}

/** One of a set of names. @throws UsageError that lists them. */
export function oneOf<const T extends string>(what: string, value: string, names: readonly T[]): T {
  const found = names.find((name) => name === value);
  if (found === undefined)
    throw new UsageError(
      `unknown ${what} '${value}'; ${what.replace(/(?<![aeiou])y$/, 'ie')}s are ${names.join(', ')}`,
    );
  return found;
}
