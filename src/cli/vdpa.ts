import { positionNames, positions, trialDevices, trialGuests, vdpaMatrix } from '../compare/vdpa/index.ts';
import { choices } from './choices.ts';
import { type Command, exitStatus, oneOf, readOptions } from './command.ts';
import { lineWidth, print, printJson } from './output.ts';
import { clearLine, showLine } from './progress.ts';
import { fold } from './text.ts';
import { matrixJson, matrixLines } from './vdpa-view.ts';

const help = `Usage: virtiolab vdpa [--position NAME ...] [--json]

Tries every position of the debates on vDPA and legacy guests: a parent and a
mediator made by it, a guest's driver at work, and somebody who looks at what
arrives on the other side. Says for each guest and device whether that works, is
refused, or corrupts, with the smallest thing that goes wrong.

  --position NAME  only this one; may be given several times
${choices(positions.map(({ name, proposal }) => [name, proposal]))}
  --json           one JSON document on standard output
  -h, --help       print this text

Guests:
${choices(Object.entries(trialGuests))}
Devices serve legacy drivers in little-endian only, or in both orders:
  ${Object.keys(trialDevices).join(', ')}

Exit status: 0, or 2 when called wrongly.

Example: what is lost where a hypervisor sets VERSION_1 for a legacy guest
  virtiolab vdpa --position pretend`;

async function run(args: readonly string[]): Promise<number> {
  const options = readOptions(args, { position: { type: 'string', multiple: true } });
  if (options.help === true) {
    print(help);
    return exitStatus.good;
  }
  const names = options.position?.map((name) => oneOf('position', name, positionNames)) ?? positionNames;
  const rows = positions.filter(({ name }) => names.includes(name));
  const cells = await vdpaMatrix(rows, (done, of) => {
    if (process.stderr.isTTY === true) showLine(`tried ${done} of ${of}`);
  });
  clearLine();
  if (options.json === true) printJson(matrixJson(rows, cells));
  else print(...fold(matrixLines(rows, cells), lineWidth()));
  return exitStatus.good;
}

export const vdpa: Command = { help, run };
