import { type Bus, type FunctionAddress, formatFunctionAddress } from '../core/index.ts';
import {
  capabilityId,
  command,
  express,
  FUNCTION_RESET_CAPABLE,
  INITIATE_FUNCTION_RESET,
} from '../pci/layout/index.ts';
import { NoDeviceError } from './errors.ts';
import { configOf, type FoundFunction } from './pci.ts';
import { type WaitOptions, Waits } from './waits.ts';

/** A function that cannot be reset alone: it is not PCI Express, or says that it has no function-level reset. */
export class NoFunctionResetError extends NoDeviceError {
  readonly address: FunctionAddress;

  constructor(address: FunctionAddress) {
    super(`${formatFunctionAddress(address)} has no function-level reset`);
    this.address = address;
  }
}

/**
 * Resets one function (PCI Express 5.0, section 6.6.2): it masters the bus no more, and is then as after power-on, but for
 * what its owner says of a virtual one.
 * @throws NoFunctionResetError; NoAnswerError where it does not come back; FunctionGoneError where it was not there
 */
export function resetFunction(bus: Bus, fn: FoundFunction, options: WaitOptions = {}): void {
  const config = configOf(bus, fn);
  config.assertPresent();
  const at = config.findCapability(capabilityId.express);
  if (at === 0 || (config.read(express.deviceCapabilities, at) & FUNCTION_RESET_CAPABLE) === 0)
    throw new NoFunctionResetError(fn.address);
  config.setCommand(0, command.busMaster);
  config.write(express.deviceControl, config.read(express.deviceControl, at) | INITIATE_FUNCTION_RESET, at);
  // It is not to be accessed for 100 ms.
  bus.pause();
  new Waits(bus, options).handshake(
    `${formatFunctionAddress(fn.address)} to come back from its reset`,
    () => config.answers,
  );
}
