export * from './balloon.ts';
export * from './block.ts';
export type { RequestBuffer, RequestChain, RequestField, RequestOccasion } from './chain.ts';
export * from './console.ts';
export { type EntropyRequest, entropyChain, entropyRequests } from './entropy.ts';
export type { RequestFault } from './faults.ts';
export { type HostileRequest, hostileRequests, requestChain } from './hostile.ts';
export * from './network.ts';
export { type NetworkCommand, networkCommands } from './network-command.ts';
export {
  type NetworkFrame,
  type NetworkOffload,
  networkFrameBytes,
  networkFrames,
  networkOffloads,
} from './network-frame.ts';
export * from './p9.ts';
export { type PostedRequest, postRequest } from './post.ts';
export * from './scsi.ts';
export {
  type DeviceRequest,
  deviceRequests,
  formatRequest,
  type RequestType,
  requestTypes,
} from './table.ts';
