export * from './administration.ts';
export * from './members.ts';
export * from './readings.ts';
