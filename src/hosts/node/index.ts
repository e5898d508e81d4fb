export * from './bounce-buffers.ts';
export * from './errors.ts';
export * from './file-storage.ts';
export * from './repository-image.ts';
export * from './ustar.ts';
