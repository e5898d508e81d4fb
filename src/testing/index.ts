/**
 * Arbitraries of fast-check, worlds, broken and lying devices for those who test a driver, a device or a hypervisor: the subpath `virtiolab/testing`.
 * Importing it throws FastCheckMissingError where the optional peer dependency fast-check is not installed; all but the
 * arbitraries is in `virtiolab/lab`, too, which needs none.
 */
export {
  MemoryScribe,
  PackedRingScribe,
  type RawDescriptor,
  RingScribe,
  type RingWriter,
  rawDescriptor,
} from '../conformance/rings/index.ts';
export {
  accesses,
  anyAccess,
  formatAccess,
  type RegisterAccess,
  values,
  widths,
} from './accesses.ts';
export { type SampleDevice, sampleDevice, sampleNames, UnknownSubjectError } from './devices.ts';
export {
  type BrokenDraft,
  brokenDraftDocuments,
  draftBreaks,
  type MalformedDraft,
  malformedDraftDocuments,
} from './drafts/broken.ts';
export { type DraftKind, draftDocuments } from './drafts/documents.ts';
export { formatDraftDocument } from './drafts/format.ts';
export { hostileConfigWrites } from './hostile-config.ts';
export {
  applyHostileTable,
  formatHostileTable,
  type HostileTable,
  type HostileTableKind,
  type HostileTableOptions,
  hostileTableKinds,
  hostileTables,
} from './hostile-tables.ts';
export { inLab, LabCaseError } from './in-lab.ts';
export { Lab, type LabOptions, lab, NotWatchedError } from './lab.ts';
export { labProperty } from './lab-property.ts';
export { labReporter } from './lab-reporter.ts';
export {
  type LifeCycleCommand,
  type LifeCycleModel,
  type LifeCyclePart,
  lifeCycle,
  lifeCycleCommands,
  lifeCycleParts,
} from './life-cycle.ts';
export { type LyingDevice, lyingDevices, UnknownLieError } from './lying-devices.ts';
export {
  type BusLies,
  type DeviceMutant,
  deviceMutants,
  findingsOf,
  type Lies,
  type MutantAccess,
  suspects,
} from './mutants/index.ts';
export {
  chooser,
  picks,
} from './orders.ts';
export {
  type AnyBlockRequest,
  allBlockRequests,
  type BalloonRequest,
  type BalloonRequestOptions,
  type BlockOptionalRequest,
  type BlockRangeRequest,
  type BlockRequest,
  balloonRequests,
  blockData,
  blockRangeRequests,
  blockRequests,
  type ConsoleRequest,
  type ConsoleRequestOptions,
  consoleControlMessages,
  consoleRequests,
  type DeviceRequest,
  deviceRequests,
  type EntropyRequest,
  entropyRequests,
  formatRequest,
  type HostileRequest,
  hostileRequests,
  type NetworkCommand,
  type NetworkFrame,
  type NetworkOffload,
  type NetworkRequest,
  type NetworkRequestOptions,
  networkCommands,
  networkFrameBytes,
  networkFrames,
  networkOffloads,
  networkRequests,
  type P9Request,
  type P9RequestName,
  type P9RequestOptions,
  type PostedRequest,
  p9Requests,
  postRequest,
  type RequestBuffer,
  type RequestChain,
  type RequestFault,
  type RequestField,
  type RequestOccasion,
  type RequestType,
  requestChain,
  requestTypes,
  type ScsiRequest,
  type ScsiRequestOptions,
  scsiCommandRequests,
  scsiNotificationRequests,
  scsiRequests,
  scsiTaskManagementRequests,
  type TaskManagementName,
} from './requests/index.ts';
export { applyEdit, formatEdit, type RingEdit } from './ring-edits.ts';
export { ringWriter } from './ring-writer.ts';
export { type RingEditOptions, ringEdits } from './rings.ts';
export { type ShapeOptions, shapes } from './shapes.ts';
export {
  getStuck,
  type Stage,
  type StuckCase,
  StuckCaseError,
  stuckCases,
  stuckSettings,
} from './stuck/index.ts';
export {
  kindsOf,
  openSubject,
  ourSource,
  type SubjectKind,
  subjectKinds,
} from './subjects.ts';
