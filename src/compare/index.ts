export * from './compare.ts';
export * from './costs.ts';
export { type CountName, type Counts, countNames } from './counts.ts';
export { type DmaCounts, DmaMeter, MeteredDma } from './metered-dma.ts';
export { type Resources, resourcesOf } from './resources.ts';
export { type PhaseName, phaseNames } from './run.ts';
export { checkRequestBytes, type WorkloadName, workloadNames, workloads } from './workloads.ts';
