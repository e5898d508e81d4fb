import { claimOf, type IdClaim } from '../../mmr/access/claim.ts';
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

/** @returns what the ids claim; null where they are none of virtio's, or unknown. The subsystem is judged by it. */
export function claimedBy(it: ConfigCase): IdClaim | null {
  const [vendor, device] = [it.get(vendorId), it.get(deviceId)];
  if (vendor !== null && device !== null)
    return claimOf({ vendorId: vendor, deviceId: device, revisionId: 0, subsystemId: 0 });
  it.leave('ids');
  return null;
}

/** Ids, revision, subsystem and BAR0, by what the ids claim. */
export function judgeIds(it: ConfigCase, claim: IdClaim): void {
  if (claim.ids === 'modern') judgeModernIds(it, claim);
  if (claim.ids === 'transitional') judgeTransitionalIds(it, claim);
}

function judgeModernIds(it: ConfigCase, { typeNumber }: IdClaim): void {
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

function judgeTransitionalIds(it: ConfigCase, { typeNumber }: IdClaim): void {
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
