export * from './bar.ts';
export * from './bar-contents.ts';
export * from './board.ts';
export { NO_PIN } from './board-slot.ts';
export * from './bridge.ts';
export { type BridgeKind, type BridgeOptions, bridgeKinds } from './bridge-options.ts';
export * from './capability-list.ts';
export * from './config-space.ts';
export * from './function.ts';
export type { FunctionDevice, FunctionEvent } from './function-events.ts';
export { FunctionOptionsError, type PciFunctionOptions } from './function-options.ts';
export type { SavedFunction } from './function-state.ts';
export * from './host-bridge.ts';
export * from './interrupts.ts';
export * from './layout/index.ts';
export * from './machine.ts';
export * from './machine-options.ts';
export * from './msix.ts';
export * from './observed.ts';
export * from './pci-bus.ts';
export * from './places.ts';
export * from './posted-writes.ts';
export type { PowerManagementOptions } from './power.ts';
export { mapRam, RAM_PRIORITY } from './ram-mapping.ts';
export * from './slot.ts';
export * from './target.ts';
export type { Place } from './topology.ts';
export * from './virtual-function.ts';
export * from './virtual-functions.ts';
export {
  type VirtualBarOptions,
  VirtualFunctionsError,
  type VirtualFunctionsOptions,
} from './virtual-options.ts';
