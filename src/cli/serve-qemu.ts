import { QemuFront, QemuOptionError } from '../hosts/qtest-server/index.ts';
import { exitStatus, UsageError } from './command.ts';
import { untilSignal } from './ending.ts';
import { printJson } from './output.ts';

async function start(args: readonly string[]): Promise<QemuFront> {
  try {
    return await QemuFront.start(args);
  } catch (error) {
    throw error instanceof QemuOptionError ? new UsageError(error.message) : error;
  }
}

/** `serve --qemu-system-x86_64`: what stands behind it are QEMU's options. @returns the exit status. */
export async function serveQemu(args: readonly string[]): Promise<number> {
  const json = args.includes('--json');
  const signal = untilSignal();
  const front = await start(args.filter((word) => word !== '--json'));
  const reason = await Promise.race([signal, front.ended]);
  await front.close();
  if (json) printJson({ reason });
  return exitStatus.good;
}
