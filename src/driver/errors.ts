import { VirtiolabError } from '../core/index.ts';

/** The bus has no function of that kind, or one that this driver cannot use. */
export class NoDeviceError extends VirtiolabError {}

/** The device refused the features, or broke down: only a reset helps. */
export class DeviceFailedError extends VirtiolabError {}

/** The device answered a request with a status other than OK. `status` as the device type defines it. */
export class RequestFailedError extends VirtiolabError {
  readonly status: number;

  constructor(message: string, status: number) {
    super(message);
    this.status = status;
  }
}

/** Addresses or memory ran out. */
export class ResourceError extends VirtiolabError {}
