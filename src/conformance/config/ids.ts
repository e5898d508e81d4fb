import { identifyFunction, WrongIdsError } from '../../driver/index.ts';
import { type Draft, draft2023, identify } from '../../mmr/layout/index.ts';
import { barBits, type0Header } from '../../pci/layout/index.ts';
import {
  LEGACY_BAR,
  LEGACY_REVISION,
  MODERN_DEVICE_ID_BASE,
  MODERN_REVISION,
} from '../../virtio/layout/index.ts';
import type { ConfigCase } from './case.ts';

const { vendorId, deviceId, revisionId, subsystemId, bar } = type0Header;

/** Lowest subsystem id that a function without legacy interface should have (PCI-ID-07). */
const LEAST_MODERN_SUBSYSTEM = 0x40;

const hex = (value: number, digits = 4) => value.toString(16).padStart(digits, '0');

/** What the ids of a virtio function claim. `typeNumber` is the virtio device type. */
export interface Claim {
  readonly ids: 'transitional' | 'modern' | 'mmr';
  readonly typeNumber: number;
}

/** @returns what the ids claim; null where they are none of virtio's, or unknown. */
export function claimOf(it: ConfigCase, draft: Draft = draft2023): Claim | null {
  const [vendor, device] = [it.get(vendorId), it.get(deviceId)];
  if (vendor === null || device === null) {
    it.leave('ids');
    return null;
  }
  const known = identify(vendor, device, draft);
  if (known?.ids === 'mmr') return { ids: 'mmr', typeNumber: known.type.typeNumber };
  try {
    const ids = { vendorId: vendor, deviceId: device, revisionId: 0, subsystemId: 0 };
    return identifyFunction(ids);
  } catch (error) {
    if (error instanceof WrongIdsError) return null;
    throw error;
  }
}

/** Ids, revision, subsystem and BAR0, by what the ids claim. */
export function judgeIds(it: ConfigCase, claim: Claim): void {
  if (claim.ids === 'modern') judgeModernIds(it, claim);
  if (claim.ids === 'transitional') judgeTransitionalIds(it, claim);
}

function judgeModernIds(it: ConfigCase, { typeNumber }: Claim): void {
  if (typeNumber === 0)
    it.report(
      'PCI-ID-03',
      deviceId.offset,
      `device id ${hex(MODERN_DEVICE_ID_BASE)} is of type 0, which no device has`,
    );
  const revision = it.get(revisionId);
  if (revision !== null && revision < MODERN_REVISION)
    it.report(
      'PCI-ID-06',
      revisionId.offset,
      `revision ${revision} under ids of virtio 1.x, where ${MODERN_REVISION} at least is wanted`,
    );
  const subsystem = it.get(subsystemId);
  if (subsystem !== null && subsystem < LEAST_MODERN_SUBSYSTEM)
    it.report(
      'PCI-ID-07',
      subsystemId.offset,
      `subsystem id ${hex(subsystem)}, where ${hex(LEAST_MODERN_SUBSYSTEM)} at least is wanted`,
    );
}

function judgeTransitionalIds(it: ConfigCase, { typeNumber }: Claim): void {
  const device = it.get(deviceId)!;
  if (typeNumber === 0)
    it.report('PCI-ID-03', deviceId.offset, `device id ${hex(device)} is of no device type`);
  const revision = it.get(revisionId);
  if (revision !== null && revision !== LEGACY_REVISION)
    it.report(
      'LEG-ID-01',
      revisionId.offset,
      `revision ${revision} under transitional ids, which have ${LEGACY_REVISION}`,
    );
  const subsystem = it.get(subsystemId);
  if (subsystem !== null && typeNumber !== 0 && subsystem !== typeNumber)
    it.report(
      'LEG-ID-02',
      subsystemId.offset,
      `subsystem id ${hex(subsystem)}, where type ${typeNumber} is wanted`,
    );
  const first = it.get({ ...bar, offset: bar.offset + 4 * LEGACY_BAR });
  // An I/O BAR says so with or without an address.
  if (first === null) it.leave(`BAR${LEGACY_BAR}`);
  else if ((first & barBits.io) === 0) {
    const what = first === 0 ? 'is none' : 'is a memory BAR';
    it.report(
      'LEG-DET-01',
      bar.offset,
      `BAR${LEGACY_BAR}, where the legacy block belongs, ${what}, and not an I/O BAR`,
    );
  }
}
