/** Two machines, a function and the translator between them, set up in one call. */
export {
  ForeignDomainError,
  type LabFunction,
  type TranslatedFunction,
  TwoMachines,
  type TwoMachinesOptions,
  twoMachines,
} from '../mmr/index.ts';
