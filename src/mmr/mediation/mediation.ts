/** How a mediator stands between a guest and a vDPA parent: each field is one question of the debate. */
export interface Mediation {
  /** What the guest is shown. A modern function has no legacy block. */
  readonly presents: 'transitional' | 'modern';
  /** Features that a legacy guest accepted: as they are, or with VERSION_1, as if it knew that. */
  readonly legacyFeatures: 'as they are' | 'with VERSION_1';
  /** Adds ACCESS_PLATFORM, since what the device reaches is mapped for it anyhow. */
  readonly addsPlatform: boolean;
  /** The parent is told what the guest is once features stand, or when the guest starts its device. */
  readonly tells: 'at once' | 'at the start';
  /** The parent has the guest's own rings, or the mediator's: those of legacy guests only, or those of every guest. */
  readonly rings: "the guest's" | "the mediator's for legacy guests" | "the mediator's";
  /** Whether configuration is turned into the order of the guest. */
  readonly config: 'as it comes' | 'turned';
  /** Legacy guests that are refused at their start: none, big-endian ones, all. */
  readonly refuses: 'no guest' | 'big-endian guests' | 'legacy guests';
}

/** Everything is done that can be: rings, headers, configuration and addresses are the mediator's, and the parent is a modern one. */
export const fullMediation: Mediation = {
  presents: 'transitional',
  legacyFeatures: 'with VERSION_1',
  addsPlatform: true,
  tells: 'at once',
  rings: "the mediator's for legacy guests",
  config: 'turned',
  refuses: 'no guest',
};
