import { FileStorage } from '../hosts/node/index.ts';
import { type Command, exitStatus, oneOf, readOptions } from './command.ts';
import { prepareImage } from './demo-image.ts';
import { runDemo } from './demo-run.ts';
import { demoJson, demoLines } from './demo-view.ts';
import { windowNames } from './demo-windows.ts';
import { print, printJson } from './output.ts';
import { scratchFolder } from './scratch.ts';

const help = `Usage: virtiolab demo [--image FILE] [--window WINDOW] [--intx] [--json]

Brings a virtio block device up through a window, shows every register access and what it became, reads the whole image
through the driver, compares its SHA-256 with the file's, writes and flushes a scratch copy, and compares that from
outside. The image itself is only read.

  --image FILE     any file of whole 512-byte sectors; without it, a tar archive of this project's own files
  --window WINDOW  how the driver reaches the device:
                     mmr         a guest's ports, translated to the memory block of an MMR function (default)
                     io-bar      a guest's ports, passed on to the I/O BAR of a transitional function
                     native-mmr  a driver in the host, on the MMR function's memory block itself
                     modern      a driver in the host, on the virtio 1.x structures of a modern function
  --intx           the driver uses its interrupt line instead of MSI-X
  --json           one JSON document on standard output, with the whole decoded trace
  -h, --help       print this text

Exit status: 0 when everything was equal, 1 when not or when the device failed, 2 when called wrongly.

Example: a disk image through the translator
  virtiolab demo --image disk.img --window mmr`;

const DEFAULT_WINDOW = 'mmr';

async function run(args: readonly string[]): Promise<number> {
  const options = readOptions(args, {
    image: { type: 'string' },
    window: { type: 'string' },
    intx: { type: 'boolean' },
  });
  if (options.help === true) {
    print(help);
    return exitStatus.good;
  }
  const window = oneOf('window', options.window ?? DEFAULT_WINDOW, windowNames);
  const image = await prepareImage(options.image, await scratchFolder());
  const storage = await FileStorage.open(image.copy);
  const result = await runDemo(window, image, storage, options.intx ?? false);
  await storage.close();
  if (options.json === true) printJson(demoJson(result));
  else print(...demoLines(result));
  return result.good ? exitStatus.good : exitStatus.failed;
}

export const demo: Command = {
  summary: 'drive a disk image through a window, and show every access on the way',
  help,
  run,
};
