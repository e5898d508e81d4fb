/** Two machines, a function and the translator between them, set up in one call. */

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
