export * from './capabilities.ts';
export * from './header.ts';
export * from './msix.ts';
