export * from './core/index.ts';
export * from './driver/index.ts';
export * from './lab/index.ts';
export * from './mmr/index.ts';
export * from './pci/index.ts';
export * from './virtio/index.ts';
