export { answer, type CommandTarget, commandNames } from './commands.ts';
export { QemuOptionError } from './front/errors.ts';
export { QemuFront } from './front/front.ts';
export { FrontMachine } from './front/front-machine.ts';
export { Monitors } from './front/monitors.ts';
export { Nodes } from './front/nodes.ts';
export { QtestMachine } from './machine.ts';
export { QtestServer } from './server.ts';
