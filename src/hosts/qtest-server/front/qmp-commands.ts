import { VirtiolabError } from '../../../core/index.ts';
import type { BalloonDevice } from '../../../virtio/index.ts';
import { announce } from './announce.ts';
import { MACHINES } from './command-line.ts';
import { deviceNames, type FrontMachine } from './front-machine.ts';
import { Properties } from './properties.ts';

/** What a command of the monitor is answered with that cannot be carried out. */
export class QmpError extends VirtiolabError {
  /** QEMU's name for what is wrong. */
  readonly kind: string;

  constructor(kind: string, description: string) {
    super(description);
    this.kind = kind;
  }
}

export type QmpArguments = Readonly<Record<string, unknown>>;

/** What a command works on. */
export interface QmpTarget {
  readonly machine: FrontMachine;
  /** The processor, which does nothing, is taken to run. */
  running: boolean;
  event(name: string, data?: object): void;
  /** The program ends, once the answer is on its way. */
  quit(): void;
}

type Command = (target: QmpTarget, args: QmpArguments) => unknown;

const wrong = (name: string, wants: string) =>
  new QmpError('GenericError', `Invalid parameter type for '${name}', expected: ${wants}`);

function textOf(args: QmpArguments, name: string): string {
  const value = args[name];
  if (value === undefined) throw new QmpError('GenericError', `Parameter '${name}' is missing`);
  if (typeof value !== 'string') throw wrong(name, 'string');
  return value;
}

function numberOf(args: QmpArguments, name: string): number {
  const value = args[name];
  if (value === undefined) throw new QmpError('GenericError', `Parameter '${name}' is missing`);
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw wrong(name, 'integer');
  return value;
}

/** A value as the command line has it. */
function valueText(name: string, value: unknown): string {
  if (typeof value === 'boolean') return value ? 'on' : 'off';
  if (typeof value === 'string' || typeof value === 'number') return String(value);
  throw wrong(name, 'string, number or boolean');
}

function setRunning(target: QmpTarget, running: boolean): object {
  if (target.running !== running) {
    target.running = running;
    target.event(running ? 'RESUME' : 'STOP');
  }
  return {};
}

const PAGE_BYTES = 4096;

const ramBytesOf = ({ machine }: QmpTarget) =>
  machine.bus.ram.ranges.reduce((sum, { bytes }) => sum + bytes.length, 0);

function balloonOf({ machine }: QmpTarget): BalloonDevice {
  const found = [...machine.hosts].find((host) => host.balloon !== undefined)?.balloon;
  if (found === undefined) throw new QmpError('DeviceNotActive', 'No balloon device has been activated');
  return found;
}

/** @param args how much RAM is to be left. */
function inflate(target: QmpTarget, args: QmpArguments): object {
  const balloon = balloonOf(target);
  const left = numberOf(args, 'value');
  if (left <= 0) throw wrong('target', 'a size');
  balloon.setTarget(Math.max(0, Math.floor((ramBytesOf(target) - left) / PAGE_BYTES)));
  return {};
}

function setLink({ machine }: QmpTarget, args: QmpArguments): object {
  const name = textOf(args, 'name');
  const network = machine.host(name)?.network;
  if (network === undefined) throw new QmpError('DeviceNotFound', `Device '${name}' not found`);
  if (typeof args['up'] !== 'boolean') throw wrong('up', 'boolean');
  network.setLink(args['up']);
  return {};
}

/** Once, where rounds are asked for: no clock goes here that could tell when the next is due. */
function announceAll({ machine }: QmpTarget, args: QmpArguments): object {
  if (args['rounds'] !== 0)
    for (const { network } of machine.hosts) if (network !== undefined) announce(network);
  return {};
}

function resize({ machine }: QmpTarget, args: QmpArguments): object {
  const name = 'node-name' in args ? 'node-name' : 'device';
  const drive = machine.nodes.drives.get(textOf(args, name));
  if (drive === undefined) throw new QmpError('GenericError', `Cannot find ${name}='${args[name]}'`);
  drive.resize(numberOf(args, 'size'));
  return {};
}

/** Commands by name. Those of them that say nothing answer an empty object. */
const commands: Readonly<Record<string, Command>> = {
  qmp_capabilities: () => {
    throw new QmpError('CommandNotFound', 'Capabilities negotiation is already complete, command ignored');
  },
  'query-version': () => version,
  'query-commands': () => Object.keys(commands).map((name) => ({ name })),
  'query-status': ({ running }) => ({
    status: running ? 'running' : 'paused',
    running,
    singlestep: false,
  }),
  'query-machines': () =>
    MACHINES.map((name) => ({
      name,
      'is-default': name === 'pc',
      'cpu-max': 1,
      'hotpluggable-cpus': false,
      'numa-mem-supported': false,
      deprecated: false,
    })),
  'qom-list-types': () => deviceNames.map((name) => ({ name, parent: 'device' })),
  stop: (target) => setRunning(target, false),
  cont: (target) => setRunning(target, true),
  system_reset: (target) => {
    target.machine.reset();
    target.event('RESET', { guest: false, reason: 'host-qmp-system-reset' });
    return {};
  },
  quit: (target) => {
    target.event('SHUTDOWN', { guest: false, reason: 'host-qmp-quit' });
    target.quit();
    return {};
  },
  device_add: async ({ machine }, args) => {
    const values = Object.entries(args).map(([name, value]) => [name, valueText(name, value)] as const);
    await machine.add(new Properties(`device_add ${textOf(args, 'driver')}`, values));
    return {};
  },
  device_del: ({ machine }, args) => {
    machine.remove(textOf(args, 'id'));
    return {};
  },
  balloon: inflate,
  'query-balloon': (target) => ({ actual: ramBytesOf(target) - PAGE_BYTES * balloonOf(target).actual }),
  set_link: setLink,
  'announce-self': announceAll,
  block_resize: resize,
};

/** Of the protocol, as QEMU counts it; the package is ours. */
export const version = { qemu: { major: 7, minor: 2, micro: 0 }, package: 'virtiolab' } as const;

/** @throws QmpError, and what our own classes refuse. */
export async function execute(target: QmpTarget, name: string, args: QmpArguments): Promise<unknown> {
  if (!Object.hasOwn(commands, name))
    throw new QmpError('CommandNotFound', `The command ${name} has not been found`);
  return commands[name]!(target, args);
}
