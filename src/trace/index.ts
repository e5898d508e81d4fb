export * from './config-tables.ts';
export * from './decode.ts';
export * from './describe.ts';
export * from './identity.ts';
export * from './recorder.ts';
export * from './values.ts';
