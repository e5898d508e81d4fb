export { identify, type VirtioIdentity } from '../mmr/layout/index.ts';
export * from './config-tables.ts';
export * from './decode.ts';
export * from './describe.ts';
export * from './recorder.ts';
export * from './values.ts';
