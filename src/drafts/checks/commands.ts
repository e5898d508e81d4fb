import type { DraftCommand, DraftCommands } from '../document/document.ts';
import type { DraftModel } from '../model.ts';
import { type DraftChecks, hex, type Say } from './check.ts';

const each =
  (
    visit: (
      command: DraftCommand,
      path: string,
      say: Say,
      commands: DraftCommands,
      model: DraftModel,
    ) => void,
  ) =>
  (model: DraftModel, say: Say) => {
    const { commands } = model.document;
    if (commands === undefined) return;
    for (const [i, command] of commands.list.entries())
      visit(command, `commands.list[${i}]`, say, commands, model);
  };

/** Where a command's lengths are, by direction: what it begins with, and what follows. */
const directions = [
  ['in', 'head'],
  ['out', 'answer'],
] as const;

/** A direction that says nothing of its own may still have a head, which is a multiple or is not. */
function sayLengths(
  command: DraftCommand,
  path: string,
  say: Say,
  commands: DraftCommands,
  model: DraftModel,
): void {
  const { multipleOf } = commands;
  if (multipleOf === undefined) return;
  const bytes = (name: string | undefined) =>
    name === undefined ? 0 : (model.structures.get(name)?.length ?? 0);
  for (const [direction, head] of directions) {
    const transfer = command[direction];
    const fixed = bytes(commands[head]) + bytes(transfer?.structure);
    const lengths = (transfer?.data ?? [0])
      .map((data) => fixed + data)
      .filter((length) => length % multipleOf !== 0);
    if (lengths.length > 0)
      say(
        `${path}.${direction}`,
        `${command.name} takes ${lengths.join(', ')} bytes; wants a multiple of ${multipleOf}`,
      );
  }
}

export const commandChecks: DraftChecks = {
  'opcode-differs': {
    level: 'error',
    clause: null,
    about: 'a command has one number where it is described, and another in the list of numbers',
    run: each(({ name, opcode }, path, say, { opcodes }, { document }) => {
      const space = document.spaces?.find((each) => each.name === opcodes);
      const listed = space?.values?.find((value) => value.name === name);
      if (listed !== undefined && listed.value !== opcode)
        say(`${path}.opcode`, `${name} is described with ${hex(opcode)}, and listed as ${hex(listed.value)}`);
    }),
  },
  'opcode-unlisted': {
    level: 'error',
    clause: null,
    about: 'a command is described, and its number is in no list',
    run: each(({ name }, path, say, { opcodes }, { document }) => {
      const space = document.spaces?.find((each) => each.name === opcodes);
      if (space !== undefined && !(space.values ?? []).some((value) => value.name === name))
        say(path, `${name} is not among ${opcodes}`);
    }),
  },
  'buffer-multiple': {
    level: 'error',
    clause: 'AVQ-13 AVQ-06',
    about: 'a command’s buffers cannot have the lengths that all buffers must have',
    run: each(sayLengths),
  },
  'member-outside': {
    level: 'error',
    clause: 'ADM-24 ADM-35',
    about: 'a command carries a member id that its group does not have',
    run: each(({ name, groups = [] }, path, say, commands) => {
      for (const [i, { name: group, member }] of groups.entries()) {
        const row = commands.groups?.find((each) => each.name === group);
        if (row === undefined || member === undefined) continue;
        const { from, to } = row;
        if (member < from || (to !== undefined && member > to))
          say(
            `${path}.groups[${i}].member`,
            `${name} carries member ${member}; those of ${group} are ${from}${to === undefined ? ' and up' : ` to ${to}`}`,
          );
      }
    }),
  },
};
