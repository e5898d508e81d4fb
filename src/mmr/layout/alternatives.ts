import { type Draft, draft2023 } from './draft.ts';

/** The vector registers always stand in the block, so device configuration never moves. */
export const fixedVectorsDraft: Draft = { ...draft2023, name: 'mmr-fixed-vectors', msixShift: 'fixed' };

/** The capability without a vendor-specific header. */
export const bareCapabilityDraft: Draft = { ...draft2023, name: 'mmr-bare-capability', encoding: 'bare' };

/** Every reading, by name. */
export const drafts: Readonly<Record<string, Draft>> = Object.fromEntries(
  [draft2023, fixedVectorsDraft, bareCapabilityDraft].map((draft) => [draft.name, draft]),
);
