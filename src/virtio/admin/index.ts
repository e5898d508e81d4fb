export * from './administration.ts';
export * from './members.ts';
export * from './options.ts';
export * from './readings.ts';
