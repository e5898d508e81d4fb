import { type Bus, FOUR_GIB } from '../core/index.ts';
import { capabilityId, powerManagement, powerState, type0Header } from '../pci/layout/index.ts';
import type { FunctionConfig } from './function-config.ts';
import { configOf, type FoundFunction } from './pci.ts';

/** Where a function's power management capability is, and its control register as it is; null where it has none. */
function controlOf(config: FunctionConfig): { readonly at: number; readonly control: number } | null {
  const at = config.findCapability(capabilityId.powerManagement);
  return at === 0 ? null : { at, control: config.read(powerManagement.controlStatus, at) };
}

const isDown = (power: ReturnType<typeof controlOf>) =>
  power !== null && (power.control & powerState.mask) !== powerState.d0;

/** It is in D3hot: who wants to use it has to bring it up. */
export const isPoweredDown = (config: FunctionConfig): boolean => isDown(controlOf(config));

/**
 * Brings a function to D0. One without No_Soft_Reset comes back as after a reset: its BARs get their addresses again, and its
 * command register what it was (PCI PM 1.2, section 5.4.1); those of a virtual function are its owner's. A function without power management is in D0 always.
 */
export function powerUp(bus: Bus, fn: FoundFunction): void {
  const config = configOf(bus, fn);
  const power = controlOf(config);
  if (power === null || !isDown(power)) return;
  const command = config.read(type0Header.command);
  config.write(powerManagement.controlStatus, power.control & ~powerState.mask, power.at);
  // It is not to be accessed for 10 ms (section 5.6.1).
  bus.pause();
  for (const { index, kind, address } of fn.owner === null ? fn.bars : []) {
    if (address === 0 || config.barPlace(index).address === address) continue;
    const at = type0Header.bar.offset + 4 * index;
    bus.configWrite(fn.address, at, 4, address % FOUR_GIB);
    if (kind === 'memory64') bus.configWrite(fn.address, at + 4, 4, Math.floor(address / FOUR_GIB));
  }
  config.write(type0Header.command, command);
}

/** Puts a function to D3hot, in which it answers only configuration accesses. @returns whether it can do that. */
export function powerDown(bus: Bus, fn: FoundFunction): boolean {
  const config = configOf(bus, fn);
  const power = controlOf(config);
  if (power === null) return false;
  config.write(
    powerManagement.controlStatus,
    (power.control & ~powerState.mask) | powerState.d3hot,
    power.at,
  );
  return true;
}
