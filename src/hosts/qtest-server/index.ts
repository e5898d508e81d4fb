export { answer, type CommandTarget, commandNames } from './commands.ts';
export { QtestMachine } from './machine.ts';
export { QtestServer } from './server.ts';
