export * from './errors.ts';
export * from './iotlb.ts';
export * from './parent.ts';
export { ParentRings, type VdpaRingPlace } from './parent-rings.ts';
export * from './policy.ts';
