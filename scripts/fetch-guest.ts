import { endOnSignals } from '../src/cli/ending.ts';
import {
  FolderNotWritableError,
  GuestPiecesUnavailableError,
  guestCacheFolder,
  guestPieces,
  type KernelPieces,
} from '../src/hosts/guest/index.ts';
import {
  fetchedQemu,
  networkBootRom,
  qemuGuestPieces,
  qemuKernels,
  uefiFirmware,
} from '../src/hosts/qemu/index.ts';

/**
 * Fetches the pieces of the Linux guests anew, whatever is cached, and says what came. With `--qemu` those of machines in
 * QEMU too: a QEMU with the vfio-user client, 64-bit kernels, UEFI firmware.
 */
const options = { refresh: true, progress: (message: string) => console.log(message) };
const describe = ({ kernelPackage, kernelVersion, modules }: KernelPieces): string =>
  `kernel   ${kernelPackage} ${kernelVersion}, ${modules.length} modules`;

async function fetchAll(qemu: boolean): Promise<void> {
  const pieces = await guestPieces(options);
  console.log(describe(pieces));
  console.log(`busybox  ${pieces.busyboxVersion}`);
  console.log(`firmware SeaBIOS ${pieces.firmwareVersion}`);
  if (qemu) {
    console.log(`QEMU     ${(await fetchedQemu(options)).program}`);
    for (const name of qemuKernels) console.log(describe(await qemuGuestPieces(name, options)));
    console.log(`firmware OVMF ${(await uefiFirmware(options)).code}`);
    console.log(`firmware iPXE ${await networkBootRom(options)}`);
  }
  console.log(`in ${guestCacheFolder()}`);
}

endOnSignals();
const args = process.argv.slice(2);
const unknown = args.find((arg) => arg !== '--qemu');
if (unknown !== undefined) {
  console.error(`fetch-guest: ${JSON.stringify(unknown)} is no option; the only one is --qemu`);
  process.exitCode = 2;
} else {
  await fetchAll(args.includes('--qemu')).catch((error: unknown) => {
    if (!(error instanceof GuestPiecesUnavailableError || error instanceof FolderNotWritableError))
      throw error;
    console.error(error.message);
    process.exitCode = 1;
  });
}
