import { adminPart, adminQueuePart, commonConfig, deviceStatus } from '../layout/index.ts';
import { PartValues, partsOf } from './parts.ts';
import { addressWords, type PartedMember, sameQueue, speaksLegacy } from './parts-table.ts';

const { acknowledge, driver, driverOk, featuresOk, needsReset, suspend } = deviceStatus;

/**
 * Puts parts that were set into effect: the device is reset, and all that its driver had done to it, with what was set in
 * place of what was, is done once more. It is stopped meanwhile. What is told to the driver afterwards may be told twice: no
 * part says what was on its way.
 */
export function applyParts(member: PartedMember): void {
  const { device } = member;
  if (device.mode.staged === null) return;
  const picture = takePicture(member);
  device.reset();
  setDriver(member, picture);
}

/** Every part of a member as it is to be, with what queues go on from. */
function takePicture(member: PartedMember) {
  const values = new PartValues(member);
  const at = new Map<string, DataView>();
  for (const part of partsOf(member)) {
    const view = new DataView(new ArrayBuffer(part.bytes));
    values.read(part, view, 0);
    at.set(`${part.row.type} ${part.selector}`, view);
  }
  return {
    features: values.driverFeatures,
    value: (type: number, selector = 0): DataView => at.get(`${type} ${selector}`)!,
    queues: partsOf(member)
      .filter(({ row }) => row.type === adminPart.queueConfig)
      .map(({ selector: queue }) => {
        const view = at.get(`${adminPart.queueConfig} ${queue}`)!;
        const kept = sameQueue(member, queue, view, 0) ? member.device.queue(queue)!.position() : null;
        return { queue, view, kept };
      }),
  };
}

type Picture = ReturnType<typeof takePicture>;

/** Does what a driver does, in its order. */
function setDriver(member: PartedMember, { features, value, queues }: Picture): void {
  const { device, common, interrupts } = member;
  const status = value(adminPart.deviceStatus).getUint8(0);
  const legacy = speaksLegacy(member, features);
  const register = device.statusRegister;
  const write = (bits: number) => {
    if (bits === 0 || bits === register.value) return;
    if (legacy) register.write(bits);
    else register.writeModern(bits);
  };
  if (status !== 0 || features.some((bits) => bits !== 0)) {
    device.speak(legacy ? 'legacy' : 'modern');
    write(status & (acknowledge | driver));
    if (legacy) device.bringUp.acceptLegacyFeatures(features[0]!);
    else for (const [word, bits] of features.entries()) device.bringUp.acceptFeatures(word, bits);
    write(status & (acknowledge | driver | featuresOk));
  }
  for (const each of queues) setQueue(member, each);
  // A device that is suspended was started before, which its status does not show.
  const started = (status & suspend) !== 0 ? status | driverOk : status;
  write(started & ~(needsReset | suspend));
  write(started & ~needsReset);
  if ((status & needsReset) !== 0) register.fail();
  const field = (register: { readonly offset: number }) => value(adminPart.commonConfig, register.offset);
  common.deviceFeatureSelect = field(commonConfig.deviceFeatureSelect).getUint32(0, true);
  common.driverFeatureSelect = field(commonConfig.driverFeatureSelect).getUint32(0, true);
  common.queueSelect = field(commonConfig.queueSelect).getUint16(0, true);
  // The other interface has a selector of its own here.
  if (member.legacy !== null) member.legacy.queueSelect = common.queueSelect;
  interrupts.configVector = field(commonConfig.configMsixVector).getUint16(0, true);
  if ((started & driverOk) === 0) return;
  for (const { queue } of queues) if (device.queue(queue)!.ready) interrupts.queue(queue);
}

function setQueue(
  { device, interrupts }: PartedMember,
  { queue, view, kept }: Picture['queues'][number],
): void {
  const ring = device.queue(queue)!;
  const size = view.getUint16(adminQueuePart.size.offset, true);
  if (ring.takesSize(size)) ring.size = size;
  ring.addresses.copy(addressWords(view, 0));
  ring.relocate();
  interrupts.setQueueVector(queue, view.getUint16(adminQueuePart.vector.offset, true));
  ring.ready = view.getUint16(adminQueuePart.enabled.offset, true) === 1;
  if (!ring.ready) return;
  if (kept !== null) ring.goOnFrom(kept);
  else device.whenDma({ label: `queue ${queue} is taken over`, run: () => ring.takeOver() });
}
