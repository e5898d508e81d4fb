import { closeSync, constants, openSync } from 'node:fs';
import { VirtiolabError } from '../../core/index.ts';
import { loadKoffi } from '../posix/koffi.ts';

/** Why there is no TAP device. */
export class TapError extends VirtiolabError {
  /** The interface's name as it was asked for. */
  readonly interfaceName: string;
  /** The system's word for it, e.g. `EPERM`; null where the system was not asked. */
  readonly code: string | null;

  constructor(interfaceName: string, reason: string, wanted: string, code: string | null = null) {
    super(`TAP device ${JSON.stringify(interfaceName)}: ${reason}; wants ${wanted}`);
    this.interfaceName = interfaceName;
    this.code = code;
  }
}

const DEVICE = '/dev/net/tun';

/** From the kernel's linux/if_tun.h and linux/if.h, as on every architecture that Node runs on. */
const ioctlNumber = {
  setInterface: 0x400454ca,
  setOffload: 0x400454d0,
  setHeaderLittleEndian: 0x400454dc,
} as const;
const interfaceFlag = { tap: 2, noPacketInformation: 0x1000, networkHeader: 0x4000 } as const;
const offloadFlag = { checksum: 1, tso4: 2, tso6: 4, ecn: 8, uso4: 0x20, uso6: 0x40 } as const;
const INTERFACE_REQUEST_BYTES = 40;
const NAME_BYTES = 16;

const POLL_IN = 1;
/** Error, hang-up, no descriptor; and where the first descriptor's result stands. */
const POLL_GONE = 0x38;
const RESULT = 6;
const EVENT_FLAGS = constants.O_NONBLOCK | 0o2000000;

/** System calls that Node does not offer. Those that fail return a negative number, and `errorCode` says why. */
interface SystemCalls {
  control(fd: number, request: number, type: string, value: unknown): number;
  read(fd: number, bytes: Uint8Array, length: number): number;
  write(fd: number, bytes: Uint8Array, length: number): number;
  eventfd(value: number, flags: number): number;
  poll(fds: Uint8Array): Promise<void>;
  errorCode(): string;
}

async function loadSystemCalls(name: string): Promise<SystemCalls> {
  if (process.platform !== 'linux') throw new TapError(name, `this system is ${process.platform}`, 'Linux');
  const koffi = await loadKoffi(
    (missing, reason, wanted) => new TapError(name, `${missing} ${reason}`, wanted),
  );
  const library = koffi.load(null);
  const names = new Map(Object.entries(koffi.os.errno).map(([code, errno]) => [errno, code]));
  const poll = library.func('int poll(_Inout_ uint8_t *fds, unsigned long count, int timeout)');
  return {
    control: library.func('int ioctl(int fd, unsigned long request, ...)'),
    read: library.func('long read(int fd, void *bytes, size_t length)'),
    write: library.func('long write(int fd, const void *bytes, size_t length)'),
    eventfd: library.func('int eventfd(unsigned int value, int flags)'),
    poll: (fds) => new Promise((resolve) => poll.async(fds, fds.length / 8, -1, () => resolve())),
    errorCode: () => names.get(koffi.errno()) ?? `error ${koffi.errno()}`,
  };
}

function openDevice(name: string): number {
  try {
    return openSync(DEVICE, constants.O_RDWR | constants.O_NONBLOCK);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    const reason =
      code === 'ENOENT' || code === 'ENODEV' ? `there is no ${DEVICE}` : `${DEVICE} cannot be opened`;
    throw new TapError(name, `${reason} (${code})`, 'the right to create network interfaces', code);
  }
}

const reasons: Readonly<Record<string, string>> = {
  EPERM: 'this user may not create network interfaces',
  EBUSY: 'another program has that interface',
  EINVAL: 'there is an interface of that name which is no TAP device',
};

/** The descriptor of a TAP device, and calls on it that never wait. */
export class TapDescriptor {
  /** As the system named it. */
  readonly name: string;
  readonly #calls: SystemCalls;
  readonly #fd: number;
  readonly #wake: number;
  readonly #polled: Uint8Array;

  private constructor(calls: SystemCalls, fd: number, name: string) {
    this.#calls = calls;
    this.#fd = fd;
    this.name = name;
    this.#wake = calls.eventfd(0, EVENT_FLAGS);
    this.#polled = new Uint8Array(16);
    const view = new DataView(this.#polled.buffer);
    for (const [index, polled] of [fd, this.#wake].entries()) {
      view.setInt32(8 * index, polled, true);
      view.setInt16(8 * index + 4, POLL_IN, true);
    }
  }

  /**
   * Creates the interface, or takes one that is there and nobody has.
   * @param offloads the system may leave checksums and segments to whoever reads.
   * @throws TapError
   */
  static async open(name: string, offloads: boolean): Promise<TapDescriptor> {
    if (!/^[^\s/:%]{1,15}$/.test(name) || name === '.' || name === '..')
      throw new TapError(name, 'no name of an interface', '1 to 15 characters without space, / : or %');
    const calls = await loadSystemCalls(name);
    const fd = openDevice(name);
    const check = (result: number): void => {
      if (result >= 0) return;
      const code = calls.errorCode();
      throw new TapError(
        name,
        `${reasons[code] ?? 'the system refuses'} (${code})`,
        'a free name and the right to create network interfaces',
        code,
      );
    };
    try {
      const request = new Uint8Array(INTERFACE_REQUEST_BYTES);
      request.set(new TextEncoder().encode(name));
      const flags = interfaceFlag.tap | interfaceFlag.noPacketInformation | interfaceFlag.networkHeader;
      new DataView(request.buffer).setUint16(NAME_BYTES, flags, true);
      check(calls.control(fd, ioctlNumber.setInterface, 'void *', request));
      check(calls.control(fd, ioctlNumber.setHeaderLittleEndian, 'void *', Int32Array.of(1)));
      const { checksum, tso4, tso6, ecn, uso4, uso6 } = offloadFlag;
      const usual = offloads ? checksum | tso4 | tso6 | ecn : 0;
      const all = offloads ? usual | uso4 | uso6 : 0;
      // Kernels before 6.2 do not know the last two.
      if (calls.control(fd, ioctlNumber.setOffload, 'unsigned long', all) < 0)
        check(calls.control(fd, ioctlNumber.setOffload, 'unsigned long', usual));
      return new TapDescriptor(calls, fd, new TextDecoder().decode(request.subarray(0, request.indexOf(0))));
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  }

  /** One frame with its header. @returns its bytes; negative when there is none. */
  read(bytes: Uint8Array): number {
    return this.#calls.read(this.#fd, bytes, bytes.length);
  }

  /** @returns null, or why the frame was not taken. */
  write(bytes: Uint8Array, length: number): string | null {
    return this.#calls.write(this.#fd, bytes, length) < 0 ? this.#calls.errorCode() : null;
  }

  /**
   * Waits, on one of the threads with which Node reads files, until there is a frame, or {@link wake} is called.
   * @returns false when somebody removed the interface.
   */
  async wait(): Promise<boolean> {
    await this.#calls.poll(this.#polled);
    return (this.#polled[RESULT]! & POLL_GONE) === 0;
  }

  wake(): void {
    const one = new Uint8Array(8);
    one[0] = 1;
    this.#calls.write(this.#wake, one, one.length);
  }

  /** Nobody may be waiting. */
  close(): void {
    closeSync(this.#fd);
    closeSync(this.#wake);
  }
}
