import { lengthOf } from '../../core/index.ts';
import { unpackVendorHeader, vendorSpecificExtended } from '../../pci/layout/index.ts';
import { decodeCapability } from './capability.ts';
import { type Draft, draft2023, vendorHeaderEncoding } from './draft.ts';

/** The vector registers always stand in the block, so device configuration never moves. */
export const fixedVectorsDraft: Draft = { ...draft2023, name: 'mmr-fixed-vectors', msixShift: 'fixed' };

/** The capability without a vendor-specific header. */
export const bareCapabilityDraft: Draft = { ...draft2023, name: 'mmr-bare-capability', encoding: 'bare' };

/** Every reading, by name. */
export const drafts: Readonly<Record<string, Draft>> = Object.fromEntries(
  [draft2023, fixedVectorsDraft, bareCapabilityDraft].map((draft) => [draft.name, draft]),
);

/** Header and vendor-specific header: no vendor-specific extended capability is shorter (PCI Express 5.0, section 7.9.5). */
export const LEAST_VENDOR_BYTES = lengthOf(vendorSpecificExtended);

/** The reading by which an extended capability is one of an MMR function's, or null. `dword` as for `decodeCapability`. */
export function draftOf(dword: (offset: number) => number): Draft | null {
  const { length } = unpackVendorHeader(dword(vendorHeaderEncoding.vendorHeader.offset));
  const encoding = length < LEAST_VENDOR_BYTES ? 'bare' : 'vendor-header';
  return (
    Object.values(drafts).find(
      (draft) => draft.encoding === encoding && decodeCapability(draft, dword) !== null,
    ) ?? null
  );
}
