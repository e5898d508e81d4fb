export * from './mediated-device.ts';
export * from './mediated-function.ts';
export * from './mediation.ts';
export * from './refusals.ts';
export * from './shadow-counts.ts';
export * from './vdpa-transport.ts';
