export * from './bridge.ts';
export * from './capabilities.ts';
export * from './foreign.ts';
export * from './header.ts';
export * from './msix.ts';
export * from './sriov.ts';
