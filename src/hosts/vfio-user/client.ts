import {
  type FunctionAddress,
  functionAddress,
  GuestMemory,
  type KnownDeviation,
  type Target,
} from '../../core/index.ts';
import { Machine } from '../../pci/index.ts';
import { type Library, loadLibrary } from '../posix/library.ts';
import { SharedMemory } from '../posix/shared-memory.ts';
import { Waiter } from '../posix/waiter.ts';
import { type AskedMemory, Connection } from './connection.ts';
import { regionIndex } from './layout.ts';
import { Event, RemoteDevice } from './remote-device.ts';
import { RemoteFunction } from './remote-function.ts';
import { RemoteMigration } from './remote-migration.ts';

export interface VfioUserClientOptions {
  /** RAM, from address 0 on; by default 64 MiB. */
  readonly ramBytes?: number;
  /** The server maps it; by default true. Else it has to ask for every byte. */
  readonly sharedRam?: boolean;
  /** For so long an answer is waited for; by default 5 s. */
  readonly milliseconds?: number;
}

const DEFAULT_RAM_BYTES = 64 << 20;
const DEFAULT_MILLISECONDS = 5000;
const PLACE = functionAddress(0, 4);

/** Pauses in a row, nothing having happened, that only look; all others wait. */
const LOOKS = 20;
const WAIT_MILLISECONDS = 1;

/** A machine whose one function is a device in another process. */
class ClientMachine extends Machine {
  readonly #connection: Connection;
  readonly #waiter: Waiter;
  #remote: RemoteFunction | null = null;
  #fds: readonly number[] = [];
  #idle = 0;

  constructor(library: Library, ram: GuestMemory, connection: Connection) {
    super({ ram });
    this.#connection = connection;
    this.#waiter = new Waiter(library);
  }

  attach(remote: RemoteFunction): void {
    this.#remote = remote;
    this.#fds = [this.#connection.fd, ...remote.events.map(({ fd }) => fd)];
    this.plug(remote, PLACE);
  }

  /** Delivers what has arrived, and answers what the device asks for. The longer nothing has, the longer it waits. */
  override pause(): void {
    const waits = this.#idle < LOOKS ? 0 : WAIT_MILLISECONDS;
    if (this.#connection.gone !== null) throw this.#connection.gone;
    this.#waiter.wait(this.#fds, false, waits);
    const served = this.#connection.serve();
    const delivered = this.#remote?.deliver() ?? false;
    this.#idle = served || delivered ? 0 : this.#idle + 1;
    super.pause();
  }

  close(): void {
    this.#waiter.close();
  }
}

/** A vfio-user device as a function of a machine of ours, on which drivers work as on any other. */
export class VfioUserClient {
  readonly bus: Machine;
  readonly fn: FunctionAddress = PLACE;
  readonly name: string;
  readonly #close: () => void;
  readonly sharedRam: boolean;
  /** The device's state, to be taken elsewhere, and what it writes meanwhile. */
  readonly migration: RemoteMigration;
  #closed = false;

  private constructor(bus: Machine, connection: Connection, sharedRam: boolean, close: () => void) {
    const { name } = connection;
    this.bus = bus;
    this.migration = new RemoteMigration(connection);
    this.name = name;
    this.sharedRam = sharedRam;
    this.#close = close;
  }

  /**
   * Connects to a device, resets it, and gives it memory.
   * @throws NativeCallsError where there is no koffi; NobodyListensError, SocketPathError; TargetGoneError, TargetTimeoutError
   */
  static async connect(path: string, options: VfioUserClientOptions = {}): Promise<VfioUserClient> {
    const { ramBytes = DEFAULT_RAM_BYTES, sharedRam = true, milliseconds = DEFAULT_MILLISECONDS } = options;
    const library = await loadLibrary();
    const undo: (() => void)[] = [];
    const close = () => {
      for (const each of undo.splice(0).reverse()) each();
    };
    try {
      const memory = sharedRam ? new SharedMemory(library, ramBytes) : null;
      if (memory !== null) undo.push(() => memory.close());
      const bytes = memory?.mapping.views[0] ?? new Uint8Array(ramBytes);
      const ram = new GuestMemory([{ start: 0, bytes }]);
      ram.shared = sharedRam;
      const connection = new Connection(library, path, asked(bytes), milliseconds);
      undo.push(() => connection.close());
      const device = new RemoteDevice(connection);
      device.reset();
      device.map(0, ramBytes, memory?.fd ?? null);
      const image = device.read(regionIndex.config, 0, 256);
      const copy = new DataView(image.buffer.slice(image.byteOffset, image.byteOffset + 256));
      const line = new Event(library);
      const fn = new RemoteFunction(device, copy, line, () => new Event(library));
      undo.push(() => fn.release());
      const machine = new ClientMachine(library, ram, connection);
      undo.push(() => machine.close());
      machine.attach(fn);
      return new VfioUserClient(machine, connection, sharedRam, close);
    } catch (error) {
      close();
      throw error;
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#close();
  }
}

const asked = (bytes: Uint8Array): AskedMemory => ({
  read: (address, length) =>
    address + length > bytes.length ? null : bytes.slice(address, address + length),
  write(address, from) {
    if (address + from.length > bytes.length) return false;
    bytes.set(from, address);
    return true;
  },
});

/** A device under test: closing the target leaves it. */
export const vfioUserTarget = (
  client: VfioUserClient,
  deviations: readonly KnownDeviation[] = [],
): Target => ({
  name: client.name,
  bus: client.bus,
  fn: client.fn,
  held: null,
  stateful: null,
  sharedRam: client.sharedRam,
  deviations,
  close: () => client.close(),
});
