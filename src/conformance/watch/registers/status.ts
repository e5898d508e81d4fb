import { deviceStatus, feature } from '../../../virtio/layout/index.ts';
import type { FunctionModel } from '../model/function-model.ts';
import type { Follower } from './follower.ts';

/** What status reads as where nobody is. */
const GONE = 0xff;

/** The driver writes status. */
export function statusWritten(follower: Follower, fn: FunctionModel, value: number): void {
  if (value === 0) follower.judge('end');
  follower.judge('status');
  if (value === 0) {
    fn.begin();
    fn.resetSeen = true;
    fn.resetting = true;
    return;
  }
  // Writing a bit that is not there yet may start something; what the device made of it, a read tells.
  const before = fn.status;
  const raised = before === null ? 0 : value & ~before;
  fn.status = before === null ? null : value | (before & deviceStatus.needsReset);
  fn.resetting = false;
  if (before !== null && (before & deviceStatus.suspend) !== 0 && (raised & deviceStatus.driverOk) !== 0) {
    fn.resuming = true;
    return;
  }
  if ((raised & deviceStatus.featuresOk) !== 0) fn.featuresOk = null;
  if ((raised & deviceStatus.driverOk) !== 0) follower.judge('start');
}

/** The driver reads status. */
export function statusRead(fn: FunctionModel, value: number): void {
  if (value === GONE) return;
  // Whoever asks for the status after a change has looked.
  fn.changeUnread = false;
  if (value === 0) {
    const [seen, was] = [fn.resetSeen, fn.status];
    const asked = fn.resetting;
    fn.resetting = false;
    if (asked || was === 0) return;
    // Somebody else reset it, or nobody has used it yet.
    fn.begin();
    fn.resetSeen = was === null ? seen : null;
    return;
  }
  if (fn.resetting) return;
  if ((fn.status ?? 0) & deviceStatus.featuresOk) fn.featuresOk = (value & deviceStatus.featuresOk) !== 0;
  if (fn.featuresOk === true && fn.has(feature.singleRootIov)) fn.sriovAgreed = true;
  fn.status = value;
  if ((value & (deviceStatus.suspend | deviceStatus.driverOk)) === deviceStatus.driverOk) fn.resuming = false;
}
