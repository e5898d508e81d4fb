/**
 * Worlds that are set up in one call: a function ready for a driver, broken and lying ones, two machines and the translator
 * between them. Nothing here needs fast-check.
 */

/** What shows a device type of one's own to `virtiolab demo` and `virtiolab lspci`. */
export type {
  DemoFact,
  DemoMarks,
  DeviceDemo,
  DeviceVisit,
  VisitOptions,
} from '../cli/demos/device-demo.ts';
export {
  ForeignDomainError,
  type LabFunction,
  type TranslatedFunction,
  TwoMachines,
  type TwoMachinesOptions,
  twoMachines,
} from '../mmr/index.ts';
// Our devices in a world of their own; all of it is in `virtiolab/testing`, too.
export { type SampleDevice, sampleDevice, sampleNames, UnknownSubjectError } from '../testing/devices.ts';
export { inLab, LabCaseError } from '../testing/in-lab.ts';
export { Lab, type LabOptions, lab, NotWatchedError } from '../testing/lab.ts';
export { type LyingDevice, lyingDevices, UnknownLieError } from '../testing/lying-devices.ts';
export {
  type BusLies,
  type DeviceMutant,
  deviceMutants,
  findingsOf,
  type Lies,
  type MutantAccess,
  suspects,
} from '../testing/mutants/index.ts';
export { MutantBus } from '../testing/mutants/mutant-bus.ts';
export {
  getStuck,
  type Stage,
  type StuckCase,
  StuckCaseError,
  stuckCases,
  stuckSettings,
} from '../testing/stuck/index.ts';
export {
  kindsOf,
  openSubject,
  ourSource,
  type SubjectKind,
  subjectKinds,
} from '../testing/subjects.ts';
