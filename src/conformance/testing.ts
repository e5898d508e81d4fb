/**
 * fast-check arbitraries for those who test a driver, a device or a hypervisor: the subpath `virtiolab/testing`.
 * Importing it throws FastCheckMissingError where the optional peer dependency fast-check is not installed.
 */
export {
  accesses,
  anyAccess,
  type RegisterAccess,
  values,
  widths,
} from './testing/accesses.ts';
export {
  type BlockRangeRequest,
  type BlockRequest,
  blockData,
  blockRangeRequests,
  blockRequests,
} from './testing/block-requests.ts';
export {
  chooser,
  picks,
} from './testing/orders.ts';
export { PackedRingScribe } from './testing/packed-scribe.ts';
export {
  applyEdit,
  type RingEdit,
  type RingEditOptions,
  ringEdits,
} from './testing/rings.ts';
export {
  MemoryScribe,
  type RawDescriptor,
  RingScribe,
  type RingWriter,
  rawDescriptor,
} from './testing/scribe.ts';
export { type ShapeOptions, shapes } from './testing/shapes.ts';
