import { QemuFront, QemuOptionError } from '../hosts/qtest-server/index.ts';
import { type Command, exitStatus, UsageError } from './command.ts';
import { untilSignal } from './ending.ts';
import { print, printJson } from './output.ts';

const help = `Usage: virtiolab qemu-system-x86_64 [QEMU'S OPTION]... [--json]

Takes QEMU's options, as far as they are about virtio devices on a \`pc\`, and is
to test programs what a QEMU would be: functions of ours behind QEMU's qtest
protocol and its monitor for machines, QMP. What is not understood is said to be
so (docs/qtest-server.md has all that is).

  --json           one JSON document on standard output, at the end
  -h, --help       print this text

Exit status: 0 when the program was told to end, by a signal, by the monitor or
by the client that left; 1 when it failed; 2 when an option is not understood.

Example: QEMU's own tests, built from its source, on our functions
  QTEST_QEMU_BINARY="virtiolab qemu-system-x86_64" tests/qtest/qos-test`;

async function start(args: readonly string[]): Promise<QemuFront> {
  try {
    return await QemuFront.start(args);
  } catch (error) {
    throw error instanceof QemuOptionError ? new UsageError(error.message) : error;
  }
}

async function run(args: readonly string[]): Promise<number> {
  const json = args.includes('--json');
  const own = args.filter((word) => word !== '--json');
  if (own.includes('--help') || own.includes('-h')) {
    print(help);
    return exitStatus.good;
  }
  const signal = untilSignal();
  const front = await start(own);
  const reason = await Promise.race([signal, front.ended]);
  await front.close();
  if (json) printJson({ reason });
  return exitStatus.good;
}

export const qemuSystem: Command = { help, run };
