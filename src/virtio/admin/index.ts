export * from './administration.ts';
export * from './members.ts';
export * from './options.ts';
export { type PartsLimits, PartsObjects } from './parts-objects.ts';
export * from './readings.ts';
