export * from './debates.ts';
export * from './matrix.ts';
export * from './positions.ts';
export * from './trial-world.ts';
export { type TrialName, trialNames } from './trials.ts';
