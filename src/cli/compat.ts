import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import {
  debateMatrix,
  formatCompatible,
  formatLines,
  formatTree,
  functionOptionNames,
  movableTypes,
  optionNamesOf,
  placeNames,
  type StrategyName,
  strategies,
  strategyNames,
} from '../compare/migration/index.ts';
import { stateToText } from '../core/index.ts';
import { choices } from './choices.ts';
import { type Command, CommandError, exitStatus, oneOf, readArguments, UsageError } from './command.ts';
import { pairsOf, type Side, sidesOf } from './compat-sides.ts';
import { judgeMove, type Move, matrixLines, moveJson, moveLines } from './compat-view.ts';
import { lineWidth, print, printJson } from './output.ts';
import { fold, wrap } from './text.ts';

const listed = (names: readonly string[]) =>
  wrap(names.join(', '), 57)
    .map((line) => `                     ${line}`)
    .join('\n');
const ofTypes = movableTypes.map((type) => [type, optionNamesOf(type).join(', ')] as const);
const help = `Usage: virtiolab compat SOURCE TARGET [--strategy NAME ...] [--json]
       virtiolab compat DEVICE [--write DIRECTORY] [--save FILE] [--json]
       virtiolab compat --matrix [--json]

Says whether the state of one device may be loaded into another, by each of the
strategies that were proposed for it, and why not; and tries it where both are
known. With one device it prints by which attributes that says what it is.

SOURCE and TARGET are each one of
  TYPE[:PLACE][,OPTION[=VALUE]...]   a device, as network:mmr,queue-pairs=2
  FILE[@ADDRESS]     a saved state, or one function of it: state.json@00:02.0
  FILE               attributes, NAME=VALUE a line
  DIRECTORY          attributes as in sysfs: self and compatible

  TYPE, and its options:
${choices(ofTypes)}
  PLACE, a kind of function or a way to one:
${listed(placeNames)}
  OPTION of every function:
${listed(functionOptionNames)}

  --strategy NAME    only this one; may be given several times
${choices(strategyNames.map((name) => [name, strategies[name].summary]))}
  --matrix           how often each strategy is wrong about the pairs of many
                     devices
  --write DIRECTORY  the attributes of a device as files, one value each
  --save FILE        the state of a device
  --json             one JSON document on standard output
  -h, --help         print this text

Exit status: 0 where the state may move, 1 where it may not, 2 when called
wrongly. Where it is not tried, \`records\` decides, or else \`attributes\`.

Example: why a disk of a transitional function does not move to a modern one
  virtiolab compat block:transitional block:modern`;

/** @throws CommandError */
function writeFile(path: string, text: string): void {
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  } catch (error) {
    throw new CommandError(`${path}: ${(error as Error).message}`);
  }
}

interface Outputs {
  readonly write?: string | undefined;
  readonly save?: string | undefined;
  readonly json?: boolean | undefined;
}

/** Prints what one device says of itself, and writes down what was asked for. */
function describe(name: string, { write, save, json }: Outputs): number {
  const sides = sidesOf(name);
  const [{ party, state }, another] = sides as [Side, Side?];
  if (another !== undefined && (write !== undefined || save !== undefined))
    throw new UsageError(`'${name}' is ${sides.length} functions; wants one, as in ${another.party.name}`);
  if (write !== undefined)
    for (const [path, text] of formatTree(party.attributes)) writeFile(join(write, 'migration', path), text);
  if (save !== undefined) {
    if (state === null) throw new UsageError(`option '--save': nothing but attributes is known of '${name}'`);
    writeFile(save, `${stateToText(state)}\n`);
  }
  const texts = sides.map((side) => ({
    name: side.party.name,
    self: formatLines(side.party.attributes.self),
    compatible: formatCompatible(side.party.attributes.compatible),
  }));
  if (json === true) printJson(texts);
  else
    for (const text of texts)
      print(
        ...(texts.length > 1 ? [`${text.name}:`] : []),
        `self\n${text.self}\ncompatible\n${text.compatible}`.trimEnd(),
      );
  return exitStatus.good;
}

function judgeAll(
  source: string,
  target: string,
  chosen: readonly StrategyName[] | null,
  json: boolean,
): number {
  const pairs = pairsOf(sidesOf(source), sidesOf(target));
  if (pairs.length === 0)
    throw new UsageError(`no function of '${source}' has the address of one of '${target}'`);
  const moves: Move[] = pairs.map(([from, to]) => judgeMove(from, to, chosen));
  if (json) printJson(moves.map(moveJson));
  else
    print(
      ...fold(
        moves.flatMap((move, i) => [...(i > 0 ? [''] : []), ...moveLines(move)]),
        lineWidth(),
      ),
    );
  return moves.every(({ may }) => may) ? exitStatus.good : exitStatus.failed;
}

async function run(args: readonly string[]): Promise<number> {
  const { options, names } = readArguments(args, {
    strategy: { type: 'string', multiple: true },
    matrix: { type: 'boolean' },
    write: { type: 'string' },
    save: { type: 'string' },
  });
  if (options.help === true) {
    print(help);
    return exitStatus.good;
  }
  const json = options.json === true;
  const chosen = options.strategy?.map((name) => oneOf('strategy', name, strategyNames)) ?? null;
  const [source, target, more] = names;
  if (options.matrix === true) {
    if (source !== undefined)
      throw new UsageError(`option '--matrix' has its own devices; '${source}' is one too many`);
    const matrix = debateMatrix();
    if (json) printJson(matrix);
    else print(...fold(matrixLines(matrix), lineWidth()));
    return exitStatus.good;
  }
  if (source === undefined || more !== undefined)
    throw new UsageError(`wants a source and a target; ${names.length} were named`);
  if (target === undefined) {
    if (chosen !== null) throw new UsageError("option '--strategy' wants a source and a target");
    return describe(source, options);
  }
  for (const option of ['write', 'save'] as const)
    if (options[option] !== undefined) throw new UsageError(`option '--${option}' is for one device`);
  return judgeAll(source, target, chosen, json);
}

export const compat: Command = { help, run };
