import { reachClause, shapeClause } from '../../clauses.ts';
import type { DevicePort } from '../../device-port.ts';
import {
  SCSI_CONTROL_BYTES,
  SCSI_NOTIFICATION_BYTES,
  SCSI_NOTIFICATION_RESPONSE_BYTES,
  SCSI_TASK_MANAGEMENT_BYTES,
  scsiControl,
  scsiControlType,
  scsiNotification,
  scsiNotificationResponse,
  scsiResponse,
  scsiTaskManagement,
  taskManagement,
} from '../../layout/index.ts';
import { aboutChain, type Chain } from '../../queue/chain.ts';
import { addressAt } from './address.ts';
import type { TaskSet } from './task-set.ts';

/** What the control queue needs of its host. */
export interface ControlHost {
  readonly device: DevicePort;
  readonly tasks: TaskSet;
  /** OK for an address that a command could go to; what is wrong with it otherwise. */
  judge(key: number): number;
  /** Resets one unit, or all of its target, once its commands are ended. */
  resetUnit(key: number): void;
  resetTarget(key: number): void;
}

/** Too few bytes for a control request or its response, or bytes out of reach. */
function refuse(
  device: DevicePort,
  chain: Chain,
  what: 'request' | 'response',
  room: number,
  due: number,
): void {
  if (room < due)
    device.report(
      'driver',
      shapeClause(device),
      `a control ${what} of ${room} bytes where ${due} are due`,
      aboutChain(chain, 'length in bytes', room),
    );
  else device.report('driver', reachClause(device), `a control ${what} out of reach`, aboutChain(chain));
}

/** Carries out one request of the control queue and answers it. */
export function control(host: ControlHost, chain: Chain): void {
  const { device } = host;
  const view = chain.header(SCSI_CONTROL_BYTES);
  const type =
    view === null ? -1 : view.getUint32(chain.headerAt + scsiControl.type.offset, device.littleEndian);
  if (type === scsiControlType.taskManagement) {
    answer(host, chain, Uint8Array.of(manageTasks(host, chain)));
    return;
  }
  if (type === scsiControlType.notificationQuery || type === scsiControlType.notificationSubscribe) {
    answer(host, chain, notification(host, chain));
    return;
  }
  // Of a type that nobody knows, the response is the last byte whatever comes before it.
  if (view === null) refuse(device, chain, 'request', chain.readableBytes, SCSI_CONTROL_BYTES);
  else
    device.report(
      'driver',
      shapeClause(device),
      'a control request of no known type',
      aboutChain(chain, 'request type', type),
    );
  const written = chain.writeLast(scsiResponse.failure);
  device.complete(chain, written && chain.writableBytes === 1 ? 1 : 0);
}

/** The answer stands at the start of the writable bytes; the commands that it is about were answered before (SCSI-OP-08). */
function answer({ device }: ControlHost, chain: Chain, bytes: Uint8Array): void {
  const written = chain.write(0, bytes, 0, bytes.length);
  if (!written && chain.live) refuse(device, chain, 'response', chain.writableBytes, bytes.length);
  device.publish();
  device.complete(chain, written ? bytes.length : 0);
}

function manageTasks(host: ControlHost, chain: Chain): number {
  const { device, tasks } = host;
  const view = chain.header(SCSI_TASK_MANAGEMENT_BYTES);
  if (view === null) {
    refuse(device, chain, 'request', chain.readableBytes, SCSI_TASK_MANAGEMENT_BYTES);
    return scsiResponse.failure;
  }
  const at = chain.headerAt;
  const subtype = view.getUint32(at + scsiTaskManagement.subtype.offset, device.littleEndian);
  const key = addressAt(view, at + scsiTaskManagement.lun.offset);
  // Byte order does not matter: whoever sent the command wrote its identifier the same way.
  const id0 = view.getUint32(at + scsiTaskManagement.id.offset);
  const id1 = view.getUint32(at + scsiTaskManagement.id.offset + 4);
  const verdict = host.judge(key);
  if (subtype === taskManagement.nexusReset) {
    // The LUN is ignored: any unit of the target will do.
    if (verdict === scsiResponse.badTarget) return verdict;
    host.resetTarget(key);
    return scsiResponse.ok;
  }
  if (verdict !== scsiResponse.ok) return verdict;
  const found = (yes: boolean) => (yes ? scsiResponse.functionSucceeded : scsiResponse.ok);
  switch (subtype) {
    case taskManagement.abortTask:
      tasks.abort(
        (each) => each.address === key && each.id0 === id0 && each.id1 === id1,
        scsiResponse.aborted,
      );
      return scsiResponse.ok;
    case taskManagement.abortTaskSet:
    case taskManagement.clearTaskSet:
      tasks.abort(({ address }) => address === key, scsiResponse.aborted);
      return scsiResponse.ok;
    case taskManagement.logicalUnitReset:
      host.resetUnit(key);
      return scsiResponse.ok;
    case taskManagement.queryTask:
      return found(tasks.some((each) => each.address === key && each.id0 === id0 && each.id1 === id1));
    case taskManagement.queryTaskSet:
      return found(tasks.some(({ address }) => address === key));
    default:
      // CLEAR ACA: nothing here ever enters that condition.
      return scsiResponse.functionRejected;
  }
}

/** No unit of ours has news of its physical interface: none is supported, whatever was asked for. */
function notification(host: ControlHost, chain: Chain): Uint8Array {
  const bytes = new Uint8Array(SCSI_NOTIFICATION_RESPONSE_BYTES);
  const view = chain.header(SCSI_NOTIFICATION_BYTES);
  if (view === null) refuse(host.device, chain, 'request', chain.readableBytes, SCSI_NOTIFICATION_BYTES);
  bytes[scsiNotificationResponse.response.offset] =
    view === null
      ? scsiResponse.failure
      : host.judge(addressAt(view, chain.headerAt + scsiNotification.lun.offset));
  return bytes;
}
