import { join } from 'node:path';
import { type Finding, sinkFor } from '../../../src/core/index.ts';
import {
  type GuestBoard,
  type GuestDevice,
  type PresentOptions,
  presentDevice,
} from '../../../src/hosts/present/present.ts';
import type { DeviceProperties } from '../../../src/hosts/qemu/index.ts';
import { SERVED_ADDRESS, type Service, VfioUserServer } from '../../../src/hosts/vfio-user/index.ts';
import type { DeviceBehaviour } from '../../../src/virtio/index.ts';

/** A device of ours that machines can use. */
export interface ServedDevice {
  readonly device: GuestDevice;
  readonly service: Service;
  /** What it found wrong. */
  readonly findings: readonly Finding[];
  /** The device as an argument of QEMU's, with some properties more. */
  qemu(more?: Readonly<Record<string, unknown>>): DeviceProperties;
}

export type ServedOptions = PresentOptions & { readonly messages?: boolean };

/** The same board, on which there is no MSI-X. */
const withoutMessages = (board: GuestBoard): GuestBoard =>
  new Proxy(board, {
    get(target, key) {
      const value: unknown = key === 'takesMessages' ? false : Reflect.get(target, key, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });

/** Devices of ours at sockets, in this process. */
export class Served {
  readonly server: VfioUserServer;
  /** Why sessions ended, oldest first. */
  readonly ends: string[] = [];
  readonly #folder: string;
  #count = 0;

  private constructor(server: VfioUserServer, folder: string) {
    this.server = server;
    this.#folder = folder;
  }

  static async start(folder: string): Promise<Served> {
    return new Served(await VfioUserServer.start(), folder);
  }

  /** @param options `messages: false` leaves MSI-X out. */
  add(behaviour: DeviceBehaviour, { messages = true, ...options }: ServedOptions): ServedDevice {
    const socket = join(this.#folder, `device${this.#count++}`);
    const findings: Finding[] = [];
    let device!: GuestDevice;
    const service = this.server.serve({
      socket,
      plug: (board) => {
        device = presentDevice(messages ? board : withoutMessages(board), behaviour, SERVED_ADDRESS, options);
        board.events = sinkFor(['finding'], (finding) => void findings.push(finding));
      },
      onEvent: (event) => {
        if (event.kind === 'detached') this.ends.push(event.reason);
      },
    });
    const qemu = (more = {}) => ({
      driver: 'vfio-user-pci',
      socket: { type: 'unix', path: socket },
      ...more,
    });
    return { device, service, findings, qemu };
  }

  close(): Promise<void> {
    return this.server.close();
  }
}
