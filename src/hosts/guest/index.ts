export * from './apt-sources.ts';
export * from './cache-folder.ts';
export * from './cpio.ts';
export * from './errors.ts';
export * from './images.ts';
export * from './initramfs.ts';
export * from './modules.ts';
export * from './pieces.ts';
