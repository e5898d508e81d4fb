import {
  type FunctionAddress,
  functionAddress,
  GuestMemory,
  HeldScheduler,
} from '../../../src/core/index.ts';
import {
  DmaMemory,
  findFunction,
  LegacyTransport,
  ModernTransport,
  legacyAccess,
  runFirmware,
  VirtioDriver,
} from '../../../src/driver/index.ts';
import { Machine } from '../../../src/pci/index.ts';
import {
  BalloonDevice,
  BlockDevice,
  ConsoleDevice,
  type DeviceBehaviour,
  DiskUnit,
  defaultTransportFeatures,
  EntropyDevice,
  encodeP9,
  feature,
  MemoryConsole,
  MemoryStorage,
  NetworkDevice,
  P9Device,
  P9MemoryServer,
  ScsiDevice,
  SeededEntropy,
  type VirtioFunctionOptions,
  virtioFunction,
} from '../../../src/virtio/index.ts';

/*
 * A machine with every device type of the time when states were first kept. Nothing in this file may change: the states
 * beside it are of machines that are made like this one.
 */

const RAM_BYTES = 0x14000;
/** Buffers of the requests that are in flight, one page for each function. */
export const buffersOf = (fn: FunctionAddress): number => 0x8000 + 0x1000 * (fn >> 3);

export const places = {
  block: functionAddress(0, 2),
  network: functionAddress(0, 3),
  console: functionAddress(0, 4),
  balloon: functionAddress(0, 5),
  entropy: functionAddress(0, 6),
  scsi: functionAddress(0, 7),
  p9: functionAddress(0, 8),
} as const;
type Name = keyof typeof places;

const frames = { offloads: false, attach: () => {}, transmit: () => {} };
const disk = (seed: number) => new MemoryStorage(new Uint8Array(4096).map((_, i) => seed + (i >> 9)));

/** Machine, devices and what is behind them; fresh. */
export function freshMachine() {
  const tasks = new HeldScheduler();
  const ram = GuestMemory.allocate({ start: 0, length: RAM_BYTES });
  const machine = new Machine({ ram, scheduler: tasks, interruptScheduler: tasks, holdPostedWrites: true });
  const terminal = new MemoryConsole({ capacity: 4 });
  const size = { queueSize: 4 };
  const network = new NetworkDevice({ link: frames, ...size, controlQueueSize: 4 });
  const block = new BlockDevice({ storage: disk(0x40), ...size });
  const balloon = new BalloonDevice({ freePageHints: true, ...size });
  const behaviours: readonly (readonly [Name, DeviceBehaviour, Partial<VirtioFunctionOptions>])[] = [
    ['block', block, { kind: 'transitional', express: true, powerManagement: true }],
    ['network', network, { kind: 'modern', transportFeatures: [feature.ringPacked] }],
    [
      'console',
      new ConsoleDevice({
        ports: [{ backend: terminal }],
        maxPorts: 2,
        ...size,
        controlQueueSize: 4,
        offersSize: true,
      }),
      {},
    ],
    ['balloon', balloon, { kind: 'transitional' }],
    ['entropy', new EntropyDevice({ source: new SeededEntropy(7), queueSize: 4 }), { kind: 'legacy' }],
    [
      'scsi',
      new ScsiDevice({
        units: [{ target: 0, lun: 0, unit: new DiskUnit({ storage: disk(0x60) }) }],
        ...size,
      }),
      { kind: 'modern', transportFeatures: [...defaultTransportFeatures, feature.suspend] },
    ],
    ['p9', new P9Device({ server: new P9MemoryServer({ file: Uint8Array.of(1) }, tasks), ...size }), {}],
  ];
  for (const [name, behaviour, options] of behaviours)
    machine.plug(virtioFunction(behaviour, { kind: 'transitional', ...options }).pci, places[name]);
  runFirmware(machine);
  return { machine, tasks, terminal, network, block, balloon };
}

const text = (line: string) => new TextEncoder().encode(line);

/** The same, with a driver at every function, and requests in flight at most of them. */
export function busyMachine() {
  const made = freshMachine();
  const { machine, terminal } = made;
  const memory = new DmaMemory(machine.ram, 0x1000, 0x8000);
  const start = (name: Name, queues: readonly number[], features: readonly number[], packed = false) => {
    const found = findFunction(machine, places[name])!;
    const transport =
      name === 'entropy'
        ? new LegacyTransport(machine, found, legacyAccess(machine, found))
        : new ModernTransport(machine, found);
    const driver = new VirtioDriver(transport, memory);
    const ringFeatures = packed ? [feature.ringPacked] : [];
    driver.bringUp(
      { features, queues, ringFeatures, maxQueueSize: 4 },
      { queue: () => {}, config: () => {} },
    );
    let at = buffersOf(places[name]);
    /** Bytes that are read, then room that is written. @returns where the room is. */
    const offer = (queue: number, bytes: Uint8Array, room: number): number => {
      const ring = driver.rings.get(queue)!;
      machine.ram.write(at, bytes);
      const into = at + bytes.length;
      const chain = [
        { address: at, length: bytes.length, writable: false },
        { address: into, length: room, writable: true },
      ];
      ring.add(chain.filter(({ length }) => length > 0));
      ring.publish();
      transport.notify(queue, ring.position);
      machine.posted!.flushAll();
      at = into + room;
      return into;
    };
    return offer;
  };
  const serve = () => {
    // Queues are looked at; what that begins waits.
    const count = made.tasks.pending.length;
    for (let i = 0; i < count; i++) made.tasks.release();
  };
  const block = start('block', [0], []);
  const network = start('network', [0, 1], [5], true);
  const console = start('console', [0, 1], []);
  const balloon = start('balloon', [0, 1, 2], [1]);
  const scsi = start('scsi', [0, 1, 2], []);
  const p9 = start('p9', [0], [0]);
  p9(0, encodeP9('Tversion', { msize: 4096, version: '9P2000.L' }, 0xffff), 64);
  made.tasks.releaseAll();
  // Sector 3, and a status byte.
  block(0, Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0), 513);
  network(0, new Uint8Array(0), 128);
  console(1, text('hello, world'), 0);
  balloon(0, Uint8Array.of(0x11, 0, 0, 0, 0x12, 0, 0, 0), 0);
  balloon(2, Uint8Array.of(4, 0, 0, 0x10, 0, 0, 0, 0, 0, 0), 0);
  scsi(1, new Uint8Array(0), 16);
  // INQUIRY of 36 bytes: header of 51 bytes, response of 108.
  const inquiry = new Uint8Array(51);
  inquiry.set([1, 0, 0x40, 0], 0);
  inquiry.set([0x12, 0, 0, 0, 36, 0], 19);
  scsi(2, inquiry, 108 + 36);
  p9(0, encodeP9('Tattach', { fid: 1, afid: 0xffffffff, uname: '', aname: '', nUname: 0 }, 1), 64);
  serve();
  const entropy = start('entropy', [0], []);
  entropy(0, new Uint8Array(0), 16);
  // Half a line is taken, and a kick is on its way.
  const { address } = machine.functions.get(places.block)!.bars.find(({ index }) => index === 4)!;
  machine.memoryWrite(address + 0x3000, 2, 0);
  return { ...made, taken: terminal.take() };
}
