import { type WayName, wayNames, ways } from '../mmr/index.ts';
import { sampleNames } from '../testing/devices.ts';
import { functionKindNames } from '../virtio/index.ts';
import { choices } from './choices.ts';
import { type Command, exitStatus } from './command.ts';
import { print } from './output.ts';
import { serveQemu } from './serve-qemu.ts';
import { serveQtest } from './serve-qtest.ts';
import { serveVfioUser } from './serve-vfio-user.ts';
import { wrap } from './text.ts';

const windows = choices(
  wayNames.map((name: WayName) => {
    const { translated, summary } = ways[name];
    return [name, `${translated ? "a guest's ports, " : ''}${summary}`];
  }),
);

/** Names in the column of what options mean. */
const names = (list: readonly string[]) => wrap(list.join(', '), 59).join(`\n${' '.repeat(21)}`);

const help = `Usage: virtiolab serve SOCKET... --device TYPE[:KIND]... [--window WAY]
                       [--image FILE] [--watch] [--json]
       virtiolab serve --qtest SOCKET [--device TYPE[:KIND]]... [--window WAY]
                       [--image FILE] [--memory MIB] [--qmp SOCKET] [--json]
       virtiolab serve --qemu-system-x86_64 [QEMU'S OPTION]... [--json]

Serves functions of ours to another program, until SIGINT or SIGTERM comes: to
whatever attaches vfio-user devices, as QEMU from 10.1 on does, one at each
socket (docs/vfio-user.md; wants the package koffi), or as a machine of ours.

  --qtest SOCKET   as a machine that answers QEMU's qtest protocol on a UNIX
                   socket, one client after another (docs/qtest-server.md)
  --device TYPE[:KIND]
                   a device, more than once for several: they stand from 00:04.0
                   on. Types are
                   ${names(sampleNames)};
                   kinds are
                   ${names(functionKindNames)}
                   (by default transitional, or modern where there is no other)
  --window WAY     instead of a kind, what leads to the devices:
${windows}
  --image FILE     what the one block device holds, and where it is written
  --memory MIB     RAM of a qtest machine (by default 128)
  --qmp SOCKET     a monitor of the machine, by QEMU's protocol, on a socket too
  --qemu-system-x86_64
                   in a QEMU's place, as QEMU's own tests start one: what stands
                   behind are QEMU's options, as far as they are understood
                   (docs/qtest-server.md)
  --watch          a vfio-user client's drivers are judged as well: what they do
                   wrong is told when it leaves (docs/watch.md)
  --json           one JSON document on standard output, at the end
  -h, --help       print this text

Exit status: 0 when the server was told to end, in a QEMU's place also by the
client that left; 1 when it failed, or a watched driver breaks a duty; 2 when
called wrongly: an unknown option, a socket that is too long, somebody else's,
or no socket.

Example: a disk for a machine of QEMU's, behind the translator
  virtiolab serve /tmp/disk --device block --window mmr --image disk.img
Example: a disk and a network device for a qtest client
  virtiolab serve --qtest /tmp/qtest --device block --device network:modern
Example: QEMU's tests, built from its source, on our functions
  QTEST_QEMU_BINARY="virtiolab serve --qemu-system-x86_64" tests/qtest/qos-test`;

/** Test programs read the processor off the end of a QEMU's name. */
const QEMU = '--qemu-system-x86_64';

/** Whether an option stands on a command line. */
const has = (args: readonly string[], option: string) =>
  args.some((each) => each === option || each.startsWith(`${option}=`));

/** What serves, by the option that asks for it; each reads its own options. */
async function run(args: readonly string[]): Promise<number> {
  if (has(args, '--help') || args.includes('-h')) {
    print(help);
    return exitStatus.good;
  }
  if (args[0] === QEMU) return serveQemu(args.slice(1));
  if (has(args, '--qtest')) return serveQtest(args);
  return serveVfioUser(args);
}

export const serve: Command = { help, run };
