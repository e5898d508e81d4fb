export * from './access/backend.ts';
export * from './access/host-function.ts';
export * from './access/io-bar.ts';
export * from './access/mmr.ts';
export * from './layout/index.ts';
export * from './mmr-function.ts';
export * from './translator.ts';
export * from './virtual-function.ts';
