import { endOnSignals } from '../src/cli/ending.ts';
import { GuestPiecesUnavailableError, guestCacheFolder, guestPieces } from '../src/hosts/guest/index.ts';

/** Fetches the pieces of the Linux guest anew, whatever is cached, and says what came. */
endOnSignals();
try {
  const pieces = await guestPieces({ refresh: true, progress: (message) => console.log(message) });
  const { kernelPackage, kernelVersion, busyboxVersion, firmwareVersion, modules } = pieces;
  console.log(`kernel   ${kernelPackage} ${kernelVersion}, ${modules.length} modules`);
  console.log(`busybox  ${busyboxVersion}`);
  console.log(`firmware SeaBIOS ${firmwareVersion}`);
  console.log(`in ${guestCacheFolder()}`);
} catch (error) {
  if (!(error instanceof GuestPiecesUnavailableError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
