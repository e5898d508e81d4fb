import { formatExplanation } from '../conformance/explain/index.ts';
import { type WayName, wayNames, ways, waysOf } from '../mmr/index.ts';
import { choices } from './choices.ts';
import { type Command, exitStatus, oneOf, readOptions, UsageError } from './command.ts';
import { runDemo } from './demo-run.ts';
import { demoJson, demoLines } from './demo-view.ts';
import { MAX_WRITTEN_BYTES } from './demos/block-pattern.ts';
import { deviceDemos } from './demos/index.ts';
import { lineWidth, print, printJson } from './output.ts';
import { outsideTypes } from './outside-types.ts';
import { bytesText } from './text.ts';

const DEFAULT_WINDOW: WayName = 'mmr';
const DEFAULT_DEVICE = 'block';

const devices = choices(deviceDemos.map(({ type, summary }) => [type.name, summary]));

const windows = choices(
  wayNames.map((name) => {
    const { translated, summary } = ways[name];
    const whose = translated ? "a guest's ports, " : 'a driver in the host, on ';
    return [name, `${whose}${summary}${name === DEFAULT_WINDOW ? ' (default)' : ''}`];
  }),
);

const help = `Usage: virtiolab demo [--device TYPE] [--window WINDOW] [--image FILE] [--intx]
                      [--types FILE] [--watch] [--explain] [--json]

Brings a virtio device up through a window, shows every register access and what
it became, works with the device through a driver, and says of each thing that
it did whether it came out right. On less than 110 columns (the terminal's, or
COLUMNS) what the host does stands under what the guest does, else beside it.

  --device TYPE    what is demonstrated:
${devices}
  --window WINDOW  how the driver reaches the device:
${windows}
  --image FILE     for block (the default device): any file of whole 512-byte
                   sectors; without it, a tar archive of this project's files.
                   The file is read whole and never written: what the driver
                   writes, at most ${bytesText(MAX_WRITTEN_BYTES)} (of longer images half of that at
                   either end), is kept in memory over it
  --types FILE     a module that exports device types from outside, for --device
                   to name; the first of them is the default then
                   (docs/your-own-device.md)
  --explain        also says where the function stands after the first exchange
  --intx           the driver uses its interrupt line instead of MSI-X
  --watch          the driver is judged, too: what it does wrong is told after
                   the run, each with its clause (docs/watch.md)
  --json           one JSON document on standard output, with the whole decoded
                   trace
  -h, --help       print this text

Exit status: 0 when all came out right, 1 when not, when the device failed,
or when a watched driver breaks a duty; 2 when called wrongly.

Example: a network device through the translator
  virtiolab demo --device network --window mmr`;

async function run(args: readonly string[]): Promise<number> {
  const options = readOptions(args, {
    device: { type: 'string' },
    image: { type: 'string' },
    window: { type: 'string' },
    intx: { type: 'boolean' },
    explain: { type: 'boolean' },
    types: { type: 'string' },
    watch: { type: 'boolean' },
  });
  if (options.help === true) {
    print(help);
    return exitStatus.good;
  }
  const outside = options.types === undefined ? [] : await outsideTypes(options.types);
  const demos = [...outside, ...deviceDemos];
  const wanted = options.device ?? outside[0]?.type.name ?? DEFAULT_DEVICE;
  const name = oneOf(
    'device',
    wanted,
    demos.map(({ type }) => type.name),
  );
  const { image } = options;
  const demo = demos.find((each) => each.type.name === name)!;
  const possible = waysOf(demo.type);
  const usual = possible.includes(DEFAULT_WINDOW) ? DEFAULT_WINDOW : possible[0]!;
  const window = oneOf('window', options.window ?? usual, wayNames);
  if (!possible.includes(window))
    throw new UsageError(
      `window '${window}' leads to no ${name}, which is modern only; wants ${possible.join(', ')}`,
    );
  if (image !== undefined && demo.takesImage !== true)
    throw new UsageError(`option '--image' belongs to block devices, and the device is ${name}`);
  const visit = await demo.visit(image === undefined ? {} : { image });
  try {
    const { first } = demo;
    const intx = options.intx ?? false;
    const watch = options.watch === true;
    const result = await runDemo(window, visit, {
      intx,
      watch,
      explain: options.explain === true,
      ...(first === undefined ? {} : { first }),
    });
    const { explanation } = result;
    if (options.json === true)
      printJson({ ...demoJson(result), ...(explanation === null ? {} : { explanation }) });
    else
      print(
        ...demoLines(result, lineWidth()),
        ...(explanation === null ? [] : ['', formatExplanation(explanation)]),
      );
    return result.good ? exitStatus.good : exitStatus.failed;
  } finally {
    await visit.close();
  }
}

export const demo: Command = {
  help,
  run,
};
