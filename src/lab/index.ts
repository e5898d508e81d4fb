export * from './two-machines.ts';
