import { QemuOptionError } from './errors.ts';
import { bytesOf, Properties } from './properties.ts';

/** A command line of QEMU's, taken apart: what it says of each thing, in its order. */
export interface QemuCommandLine {
  machine: string;
  ramBytes: number;
  /** The name of the object that RAM is, where it is one. */
  ramObject: string | null;
  qtest: Properties | null;
  readonly objects: Properties[];
  readonly devices: Properties[];
  readonly drives: Properties[];
  readonly blockNodes: Properties[];
  readonly chardevs: Properties[];
  readonly monitors: Properties[];
  readonly netdevs: Properties[];
  readonly fsdevs: Properties[];
}

type Take = (line: QemuCommandLine, value: string) => void;

const DEFAULT_RAM_BYTES = 128 << 20;
const MOST_RAM_BYTES = 3 * 2 ** 30;

/** Machines that there are; `none` has no bus, and is asked what there is. */
export const MACHINES = ['pc', 'none'] as const;

const ignored: Take = () => {};

const list =
  (
    name: keyof { [K in keyof QemuCommandLine as QemuCommandLine[K] extends Properties[] ? K : never]: 1 },
    first: string,
  ) =>
  (option: string): Take =>
  (line, value) =>
    void line[name].push(Properties.parse(option, value, first));

function machine(line: QemuCommandLine, value: string): void {
  const properties = Properties.parse('-machine', value, 'type');
  const type = properties.maybe('type') ?? 'pc';
  // A version of the machine is the machine.
  const plain = type.startsWith('pc-i440fx-') ? 'pc' : type;
  if (!MACHINES.some((name) => name === plain))
    throw new QemuOptionError('-machine', `no machine '${type}' here; there are ${MACHINES.join(', ')}`);
  line.machine = plain;
  line.ramObject = properties.maybe('memory-backend') ?? line.ramObject;
  properties.ignore('accel', 'usb', 'graphics');
  properties.finish();
}

function memory(line: QemuCommandLine, value: string): void {
  const bytes = bytesOf(value.replace(/^size=/, ''), 'M');
  if (bytes === null || bytes < 2 ** 20 || bytes > MOST_RAM_BYTES || bytes % 4096 !== 0)
    throw new QemuOptionError('-m', `${value}: wants 1M to 3G, whole pages`);
  line.ramBytes = bytes;
}

function qmp(line: QemuCommandLine, value: string): void {
  const id = `qmp ${line.monitors.length}`;
  const colon = value.indexOf(':');
  if (!value.startsWith('unix:')) throw new QemuOptionError('-qmp', `${value}: wants unix:PATH`);
  line.chardevs.push(Properties.parse('-qmp', `socket,id=${id},path=${value.slice(colon + 1)}`, 'backend'));
  line.monitors.push(Properties.parse('-qmp', `${id},mode=control`, 'chardev'));
}

/** `unix:PATH,server=on` and `pipe:PATH`: the kind goes before the path. */
function qtest(line: QemuCommandLine, value: string): void {
  const [, kind, rest] = /^(unix|pipe):(.+)$/.exec(value) ?? [];
  if (kind === undefined) throw new QemuOptionError('-qtest', `${value}: wants unix:PATH or pipe:PATH`);
  line.qtest = Properties.parse('-qtest', `${kind},path=${rest}`, 'kind');
}

/** Options that are understood, by name: those with a value behind them, and those without. */
const withValue: Readonly<Record<string, Take>> = {
  machine,
  M: machine,
  m: memory,
  qtest,
  qmp,
  object: list('objects', 'type')('-object'),
  device: list('devices', 'driver')('-device'),
  drive: list('drives', 'file')('-drive'),
  blockdev: list('blockNodes', 'driver')('-blockdev'),
  chardev: list('chardevs', 'backend')('-chardev'),
  mon: list('monitors', 'chardev')('-mon'),
  netdev: list('netdevs', 'type')('-netdev'),
  fsdev: list('fsdevs', 'driver')('-fsdev'),
  // What these are about does not exist here: processors, firmware, screens, sound, names for people.
  accel: ignored,
  audio: ignored,
  audiodev: ignored,
  bios: ignored,
  boot: ignored,
  cpu: ignored,
  display: ignored,
  name: ignored,
  'qtest-log': ignored,
  smp: ignored,
  trace: ignored,
  uuid: ignored,
  vga: ignored,
};

const alone: ReadonlySet<string> = new Set([
  'nodefaults',
  'no-user-config',
  'nographic',
  'no-reboot',
  'no-shutdown',
  'S',
]);

/** @throws QemuOptionError for what is not understood */
export function parseCommandLine(args: readonly string[]): QemuCommandLine {
  const line: QemuCommandLine = {
    machine: 'pc',
    ramBytes: DEFAULT_RAM_BYTES,
    ramObject: null,
    qtest: null,
    objects: [],
    devices: [],
    drives: [],
    blockNodes: [],
    chardevs: [],
    monitors: [],
    netdevs: [],
    fsdevs: [],
  };
  for (let i = 0; i < args.length; i++) {
    const word = args[i]!;
    const name = /^--?(.+)$/.exec(word)?.[1];
    if (name === undefined) throw new QemuOptionError(word, 'is no option');
    if (alone.has(name)) continue;
    if (!Object.hasOwn(withValue, name)) {
      const all = [...Object.keys(withValue), ...alone].sort();
      throw new QemuOptionError(word, `not understood here; options are ${all.join(', ')}`);
    }
    const value = args[++i];
    if (value === undefined) throw new QemuOptionError(word, 'wants a value after it');
    withValue[name]!(line, value);
  }
  return line;
}
