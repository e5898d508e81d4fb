import { boot } from './boot.ts';
import type { Command } from './command.ts';
import { demo } from './demo.ts';
import { lspci } from './lspci.ts';

/** Every command by name, in the order in which help lists them; a new one is a new line. */
export const commands: Readonly<Record<string, Command>> = { demo, lspci, boot };
