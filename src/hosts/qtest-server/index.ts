export { answer, type CommandTarget, commandNames } from './commands.ts';
export { QemuOptionError } from './front/errors.ts';
export { QemuFront } from './front/front.ts';
export { QtestMachine } from './machine.ts';
export { QtestServer } from './server.ts';
