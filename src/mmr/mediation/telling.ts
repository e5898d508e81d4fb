import { type ByteOrder, FeaturesRefusedError, type VdpaParent, vdpaFormat } from '../../virtio/index.ts';
import { deviceStatus } from '../../virtio/layout/index.ts';

const { acknowledge, driver, featuresOk } = deviceStatus;

/**
 * Brings a parent up to FEATURES_OK, and tells what its driver is by whatever means its policy has.
 * @param order of a driver without VERSION_1. @throws VdpaError
 */
export function bringUpParent(
  parent: VdpaParent,
  words: readonly number[],
  modern: boolean,
  order: ByteOrder,
): void {
  parent.setStatus(acknowledge);
  parent.setStatus(acknowledge | driver);
  const legacy = order === 'big' ? vdpaFormat.legacyBig : vdpaFormat.legacyLittle;
  if (parent.policy.order === 'format bits') parent.setFormat(modern ? vdpaFormat.modern : legacy);
  else if (parent.policy.order === 'a call' && !modern) parent.setOrder(order);
  else if (parent.policy.order === 'a call for each ring' && !modern)
    for (let index = 0; index < parent.rings.count; index++) parent.setRingOrder(index, order);
  parent.setFeatures(words);
  parent.setStatus(acknowledge | driver | featuresOk);
  if ((parent.status & featuresOk) === 0)
    throw new FeaturesRefusedError(words, 'features that the device lets stand');
}
