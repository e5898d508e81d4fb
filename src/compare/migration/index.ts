export {
  type AttributeDifference,
  type AttributeName,
  type AttributeSet,
  type Attributes,
  attributeNames,
  attributesOf,
  type DeviceApi,
  deviceApis,
  oneValue,
  outside,
  type SoftwareVersion,
  softwareVersion,
} from './attributes.ts';
export * from './errors.ts';
export * from './forms.ts';
export type { Judgement, Reason } from './judgement.ts';
export * from './matrix.ts';
export { Movable, type MovableOptions, type PlaceName, ReleaseError } from './movable.ts';
export * from './move.ts';
export * from './move-stream.ts';
export { MovingBus } from './moving-bus.ts';
export * from './moving-machine.ts';
export * from './party.ts';
export {
  type Bindings,
  fits,
  formatPattern,
  type Pattern,
  type Piece,
  parsePattern,
  type Span,
} from './pattern.ts';
export { type Profile, type ProfileRow, profileOfManifest, profileOfState } from './profile.ts';
export { newestRelease, releaseOf, releases, stateOfRelease, versionText } from './releases.ts';
export * from './saved-functions.ts';
export * from './specs.ts';
export { type Strategy, type StrategyName, strategies, strategyNames } from './strategies.ts';
