import { sinkFor } from '../src/core/index.ts';
import { BlockDevice, type DeviceBehaviour, EntropyDevice, MemoryStorage } from '../src/virtio/index.ts';
import { prepareCQueue } from './baselines/c-queue.ts';
import { prepareV86Network } from './baselines/v86-network.ts';
import { prepareV86Registers } from './baselines/v86-registers.ts';
import { prepareV86Queue } from './baselines/v86-virtqueue.ts';
import { prepareQemuSuite, prepareSuite, prepareSuiteAccesses } from './conform.ts';
import { prepareDma } from './dma.ts';
import { atLeast, atMost, type Case } from './frame.ts';
import { type DiskName, prepareDisks, prepareRestore } from './guest.ts';
import { prepareLab } from './lab.ts';
import { MOST_SLICES, prepareSlices, sliceBytes } from './mediated.ts';
import { idleBytes } from './memory.ts';
import { downtime, prepareLogged } from './moves.ts';
import { prepareNetwork } from './network.ts';
import { bringUpBehindBridges, prepareFirmware, prepareMove } from './places.ts';
import { type LoadName, loads, prepareQemuDisks } from './qemu.ts';
import { prepareQueue, type QueueContender } from './queue.ts';
import { prepareLegacyRegisters, prepareTranslatedRegisters, prepareTranslatedVirtual } from './registers.ts';
import { prepareShadow } from './shadow.ts';
import { prepareStart, prepareVersion } from './start.ts';
import { prepareLatency, prepareRoundTrips, prepareServed } from './vfio-user.ts';
import {
  MOST,
  prepareAccess,
  preparePageIn,
  preparePlainAccess,
  prepareTouch,
  touchedBytes,
  untouchedBytes,
} from './virtual.ts';
import { prepareDriver } from './watch.ts';

/**
 * Bytes of heap per operation that count as none. The smallest object takes 16, a boxed number 16; what the measuring and
 * the compiler leave behind comes to some tenths.
 */
const NO_ALLOCATION = 2;

const loadNames = Object.keys(loads) as readonly LoadName[];

const SPLIT: QueueContender = { layout: 'split', device: 'ring' };
const PACKED: QueueContender = { layout: 'packed', device: 'ring' };
const PACKED_IN_ORDER: QueueContender = { layout: 'packed', device: 'service in order' };

/** One of our queues against the same workload in C. */
const againstC = (target: number, name: string, contender: QueueContender): Case =>
  atLeast(target, {
    name: `${name}, against C -O2`,
    unit: 'million chains/s',
    prepare: () => {
      const ours = prepareQueue(contender);
      const c = prepareCQueue();
      return 'skip' in c ? c : { ours: () => ours.run(), baseline: () => c.run() };
    },
  });

/** Heap that one chain leaves behind. */
const heap = (name: string, contender: QueueContender): Case =>
  atMost(1, {
    name,
    unit: 'bytes',
    prepare: () => {
      const ours = prepareQueue(contender);
      ours.run();
      return { ours: () => ours.heap(), baseline: () => NO_ALLOCATION };
    },
  });

const queue = (build: 'published' | 'unlogged', name: string): Case =>
  atLeast(4, {
    name,
    unit: 'million chains/s',
    prepare: async () => {
      const ours = prepareQueue(SPLIT);
      const v86 = await prepareV86Queue(build);
      return { ours: () => ours.run(), baseline: () => v86.run(), release: v86.release };
    },
  });

const network = (target: number, build: 'published' | 'unlogged', against: string): Case =>
  atLeast(target, {
    name: `network: 1500-byte packets through two functions and a hub, against ${against}`,
    unit: 'Mpackets/s',
    prepare: async () => {
      const ours = prepareNetwork();
      const v86 = await prepareV86Network(build);
      return { ours: () => ours.run(), baseline: () => v86.run(), release: v86.release };
    },
  });

/** A guest's throughput from a disk of ours against another disk in the same guest. */
const disks = (target: number, ours: DiskName, baseline: DiskName, against: string): Case =>
  atLeast(target, {
    name: `guest's dd through ${ours}, against ${against}`,
    unit: 'MiB/s',
    prepare: () => prepareDisks(ours, baseline),
  });

const oneDisk = new MemoryStorage(new Uint8Array(1 << 20));
const IDLE_BYTES = 6 * 1024;

/** Memory that a function takes while nobody uses it. */
const idle = (name: string, make: () => DeviceBehaviour): Case =>
  atMost(1, {
    name: `an idle ${name} function, against its budget`,
    unit: 'bytes',
    prepare: () => ({ ours: () => idleBytes(make), baseline: () => IDLE_BYTES }),
  });

/** Every benchmark, in the order it is run and printed. */
export const CASES: readonly Case[] = [
  // First, for whoever runs them in one process: v86 moves its memory, and once any buffer was detached V8 checks every
  // access to every array for that.
  againstC(0.25, 'split queue, device side', SPLIT),
  againstC(0.2, 'split queue with its service', { layout: 'split', device: 'service' }),
  againstC(0.21, 'packed queue, device side', PACKED),
  againstC(0.15, 'packed queue with IN_ORDER and its service', PACKED_IN_ORDER),
  queue('published', 'split queue, device side, against v86'),
  queue('unlogged', 'split queue, device side, against v86 without its log strings'),
  heap('split queue, heap per chain', SPLIT),
  heap('packed queue, heap per chain', PACKED),
  heap('packed queue with IN_ORDER, heap per chain', PACKED_IN_ORDER),
  ...([false, true] as const).map((packed) =>
    atLeast(0.07, {
      name: `shadow virtqueue over a ${packed ? 'packed' : 'split'} ring, against a guest's ring on the vDPA parent itself`,
      unit: 'million chains/s',
      prepare: () => {
        const [shadow, direct] = [prepareShadow("the mediator's", packed), prepareShadow("the guest's")];
        return { ours: () => shadow.run(), baseline: () => direct.run() };
      },
    }),
  ),
  atMost(1, {
    name: 'shadow virtqueue, heap per chain',
    unit: 'bytes',
    prepare: () => {
      const ours = prepareShadow("the mediator's");
      ours.run();
      return { ours: () => ours.heap(), baseline: () => NO_ALLOCATION };
    },
  }),
  network(1, 'published', "v86's device"),
  network(1, 'unlogged', "v86's device without its log strings"),
  atMost(1, {
    name: 'network: 1500-byte packets, heap per packet',
    unit: 'bytes',
    prepare: () => {
      const ours = prepareNetwork();
      ours.run();
      return { ours: () => ours.heap(), baseline: () => NO_ALLOCATION };
    },
  }),
  atLeast(0.5, {
    name: 'vfio-user: register reads over a socket, against a server in C that does the least',
    unit: 'thousand/s',
    prepare: prepareRoundTrips,
  }),
  ...[0.5, 0.99].map((part) =>
    atMost(part === 0.5 ? 2 : 3, {
      name: `vfio-user: time of a register read, percentile ${100 * part}, against that server`,
      unit: 'us',
      prepare: () => prepareLatency(part),
    }),
  ),
  atMost(1, {
    name: 'vfio-user: memory of each of 256 idle functions in one server, against its budget',
    unit: 'bytes',
    prepare: () => prepareServed('bytes', 24 * 1024),
  }),
  atMost(1, {
    name: 'vfio-user: 256 functions served, against its budget',
    unit: 'ms',
    prepare: () => prepareServed('milliseconds', 500),
  }),
  ...loadNames.map((load) =>
    atLeast(0.5, {
      name: `vfio-user: a QEMU guest reads our disk in ${load}, against QEMU's own`,
      unit: 'MiB/s',
      prepare: () => prepareQemuDisks(load),
    }),
  ),
  atLeast(0.5, {
    name: 'lab: accesses of the emulator with its page open, against a worker that nobody looks at',
    unit: 'thousand accesses/s',
    prepare: prepareLab,
  }),
  atLeast(0.9, {
    name: 'legacy register read, against v86 port dispatch',
    unit: 'million accesses/s',
    prepare: async () => {
      const ours = prepareLegacyRegisters();
      const v86 = await prepareV86Registers();
      return { ours: () => ours.run(), baseline: () => v86.run(), release: v86.release };
    },
  }),
  atMost(5, {
    name: 'DMA through 512 windows in turn, against one',
    unit: 'ns/access',
    prepare: () => {
      const [many, one] = [prepareDma(512), prepareDma(1)];
      return { ours: () => many.cost(), baseline: () => one.cost() };
    },
  }),
  idle('block', () => new BlockDevice({ storage: oneDisk })),
  idle('entropy', () => new EntropyDevice()),
  atMost(2, {
    name: 'translated register read, mmr against io-bar',
    unit: 'ns/access',
    prepare: () => {
      const [mmr, ioBar] = [prepareTranslatedRegisters('mmr'), prepareTranslatedRegisters('io-bar')];
      return { ours: () => mmr.cost(), baseline: () => ioBar.cost() };
    },
  }),
  // A number to compare with: a command and its answer are DMA, and what a device makes of them.
  atMost(1000, {
    name: 'translated register read, admin against mmr',
    unit: 'ns/access',
    prepare: () => {
      const [admin, mmr] = [prepareTranslatedRegisters('admin'), prepareTranslatedRegisters('mmr')];
      return { ours: () => admin.cost(10_000), baseline: () => mmr.cost() };
    },
  }),
  atMost(1, {
    name: 'translated register read, heap per access',
    unit: 'bytes',
    prepare: () => {
      const ours = prepareTranslatedRegisters('mmr');
      ours.run();
      return { ours: () => ours.heap(), baseline: () => NO_ALLOCATION };
    },
  }),
  disks(1, 'io-bar', 'ide', "v86's IDE disk"),
  disks(1, 'mmr', 'ide', "v86's IDE disk"),
  disks(0.9, 'mmr', 'io-bar', 'io-bar'),
  atMost(1.2, {
    name: 'legacy register read with a sink that wants findings only, against none',
    unit: 'ns',
    prepare: () => {
      const watched = prepareLegacyRegisters(sinkFor(['finding'], () => {}));
      const alone = prepareLegacyRegisters();
      return { ours: () => watched.cost(), baseline: () => alone.cost() };
    },
  }),
  ...(['legacy', 'modern'] as const).map((kind) =>
    atLeast(0.5, {
      name: `reads of a ${kind} block driver that is watched, against one that is not`,
      unit: 'thousand reads/s',
      prepare: () => {
        const [watched, alone] = [prepareDriver(kind, true), prepareDriver(kind, false)];
        return { ours: () => watched.run(), baseline: () => alone.run() };
      },
    }),
  ),
  atMost(1, {
    name: 'firmware for 248 functions on one bus, against its budget',
    unit: 'ms',
    prepare: () => prepareFirmware(25),
  }),
  atMost(1, {
    name: 'firmware for 256 functions behind four bridges, against its budget',
    unit: 'ms',
    prepare: () => ({ ours: () => bringUpBehindBridges(256), baseline: () => 100 }),
  }),
  atMost(1.5, {
    name: 'firmware for 4,096 functions behind bridges, each, against 256',
    unit: 'us/function',
    prepare: () => {
      const each = (functions: number) => (1000 * bringUpBehindBridges(functions)) / functions;
      return { ours: () => each(4096), baseline: () => each(256) };
    },
  }),
  atMost(1, {
    name: 'one BAR moved among those of 248 functions, against its budget',
    unit: 'ms',
    prepare: () => prepareMove(1),
  }),
  ...[4096, MOST].map((count) =>
    atMost(1.3, {
      name: `virtual functions: ${count} enabled, found, read and written, each, against 256`,
      unit: 'us/function',
      prepare: () => prepareTouch(count),
    }),
  ),
  atMost(1, {
    name: `virtual functions: heap of each of ${MOST} that were touched, against its budget`,
    unit: 'bytes',
    prepare: () => ({ ours: () => touchedBytes(MOST), baseline: () => 2048 }),
  }),
  atMost(1, {
    name: `virtual functions: heap of each of ${MOST} that nobody touched, against none`,
    unit: 'bytes',
    prepare: () => ({ ours: () => untouchedBytes(MOST), baseline: () => NO_ALLOCATION }),
  }),
  atMost(2, {
    name: `virtual functions: an access to one of ${MOST}, against the only one`,
    unit: 'ns/access',
    prepare: () => ({ ours: prepareAccess(MOST), baseline: prepareAccess(1) }),
  }),
  atMost(1.3, {
    name: 'virtual functions: an access to an MMR block, against that of a plain function',
    unit: 'ns/access',
    prepare: () => ({ ours: prepareAccess(256), baseline: preparePlainAccess() }),
  }),
  atMost(1.3, {
    name: 'virtual functions: translated register read, mmr on one of 256 against mmr',
    unit: 'ns/access',
    prepare: () => {
      const [virtual, plain] = [prepareTranslatedVirtual(256), prepareTranslatedRegisters('mmr')];
      return { ours: () => virtual.cost(), baseline: () => plain.cost() };
    },
  }),
  atMost(1, {
    name: 'virtual functions: one comes back of which the state was kept, against its budget',
    unit: 'us',
    prepare: () => ({ ours: preparePageIn(), baseline: () => 100 }),
  }),
  ...[1024, MOST_SLICES].map((count) =>
    atMost(1.5, {
      name: `mediated slices: ${count} made, given to a guest and found, each, against 64`,
      unit: 'us/slice',
      prepare: () => prepareSlices(count),
    }),
  ),
  atMost(1, {
    name: `mediated slices: heap of each of ${MOST_SLICES} that were made, against its budget`,
    unit: 'bytes',
    prepare: () => ({ ours: () => sliceBytes(MOST_SLICES, false), baseline: () => 512 }),
  }),
  atMost(1, {
    name: `mediated slices: heap of each of ${MOST_SLICES} that guests have, against its budget`,
    unit: 'bytes',
    prepare: () => ({ ours: () => sliceBytes(MOST_SLICES, true), baseline: () => 24576 }),
  }),
  atLeast(0.8, {
    name: 'a block driver whose device logs the pages that it writes, against the same without',
    unit: 'thousand reads/s',
    prepare: () => {
      const [logged, plain] = [prepareLogged(true), prepareLogged(false)];
      return { ours: () => logged.run(), baseline: () => plain.run() };
    },
  }),
  atMost(2, {
    name: 'a move: how long a guest of 64 MiB stands still, against one of 4 MiB',
    unit: 'ms',
    prepare: () => ({ ours: () => downtime(64 << 20), baseline: () => downtime(4 << 20) }),
  }),
  atMost(1, {
    name: 'npm start, from start to end, against its budget',
    unit: 'ms',
    prepare: () => prepareStart(600),
  }),
  atMost(1, {
    name: '--version of the built package, against its budget',
    unit: 'ms',
    prepare: () => prepareVersion(100),
  }),
  atMost(1, {
    name: 'guest test, from snapshot to result, against its budget',
    unit: 'ms',
    prepare: () => prepareRestore(1000),
  }),
  atMost(1, {
    name: 'conform: the whole suite on one of our functions, against 60 s',
    unit: 's',
    prepare: prepareSuite,
  }),
  atMost(1, {
    name: "conform: the whole suite on every function of a QEMU's, against 600 s",
    unit: 's',
    prepare: prepareQemuSuite,
  }),
  // A number to compare with: most of the time goes into making machines, and into waiting for silence.
  atLeast(0.0005, {
    name: 'conform: accesses of the suite, against a loop that only reads',
    unit: 'million accesses/s',
    prepare: prepareSuiteAccesses,
  }),
];
