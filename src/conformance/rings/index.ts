export { type HandRing, PackedHandRing, SplitHandRing, type UsedEntry } from './hand-ring.ts';
export { PackedRingScribe } from './packed-scribe.ts';
export {
  MemoryScribe,
  type RawDescriptor,
  RingScribe,
  type RingWriter,
  rawDescriptor,
} from './scribe.ts';
