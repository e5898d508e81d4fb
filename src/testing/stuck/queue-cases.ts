import type { Running } from '../../conformance/device/index.ts';
import type { Register } from '../../core/index.ts';
import { setCommand } from '../../driver/index.ts';
import { command, messageControl, msixEntry, type0Header, VECTOR_MASKED } from '../../pci/layout/index.ts';
import {
  commonConfig,
  descriptorFlag,
  deviceStatus,
  legacyHeader,
  legacyVectors,
  NO_VECTOR,
  networkQueue,
  QUEUE_ADDRESS_UNIT,
  RING_SUPPRESS,
} from '../../virtio/layout/index.ts';
import type { StuckCase } from './case.ts';
import type { Stage } from './stage.ts';

const { next: NEXT, indirect: INDIRECT } = descriptorFlag;

/** An address that is no RAM of any machine here. */
const NOWHERE = 0x7000_0000;

/** Writes registers of the small request's queue by hand, before DRIVER_OK. */
function queueRegisters(stage: Stage, writes: readonly (readonly [Register, number])[]): void {
  const { bench } = stage;
  const { queue } = bench.small();
  const status = bench.modern ? commonConfig.deviceStatus : legacyHeader.deviceStatus;
  stage.start({ queues: [], untilDriverOk: true });
  bench.put(bench.modern ? commonConfig.queueSelect : legacyHeader.queueSelect, queue);
  for (const [register, value] of writes) bench.put(register, value);
  bench.put(status, bench.get(status) | deviceStatus.driverOk);
}

/** Sets the ring's descriptor area somewhere, the others where there is memory. */
const areas = (descriptors: number, memory: number) =>
  [
    [commonConfig.queueDescriptorLow, descriptors],
    [commonConfig.queueDriverLow, memory + 0x2000],
    [commonConfig.queueDeviceLow, memory + 0x4000],
  ] as const;

/** A chain that is wrong: what its descriptors are, the first of which is exposed. */
const broken =
  (...descriptors: readonly Parameters<Stage['descriptor']>[2][]): StuckCase['make'] =>
  (stage) => {
    const running = stage.start();
    for (const [i, raw] of descriptors.entries()) stage.descriptor(running, i, raw);
    stage.available(running, [0]);
  };

/** A request that is answered, of which the driver is not told for some reason. */
const untold =
  (
    before: (stage: Stage, running: Running) => void,
    options: { readonly intx?: true } = {},
  ): StuckCase['make'] =>
  (stage) => {
    const running = stage.start(options);
    before(stage, running);
    stage.expose(running, true);
  };

/** Queues that nothing comes out of. */
export const queueCases: readonly StuckCase[] = [
  {
    reason: 'queue-without-address',
    says: 'the driver enabled a queue and gave it no address',
    settings: ['modern', 'packed'],
    make: (stage) => queueRegisters(stage, [[commonConfig.queueEnable, 1]]),
  },
  {
    reason: 'queue-not-enabled',
    says: 'the driver forgot queue_enable',
    settings: ['modern', 'packed'],
    // A queue without any other says so first.
    later: true,
    make: (stage) => queueRegisters(stage, areas(stage.bench.memory.start, stage.bench.memory.start)),
  },
  {
    reason: 'ring-misaligned',
    says: 'the descriptor table stands at an odd place',
    settings: ['modern', 'packed'],
    make: (stage) => {
      const { start } = stage.bench.memory;
      queueRegisters(stage, [...areas(start + 4, start), [commonConfig.queueEnable, 1]]);
    },
  },
  {
    reason: 'ring-outside-ram',
    says: 'the queue has an address where there is no RAM',
    // A device that sees it asks for a reset.
    later: true,
    make: (stage) => {
      const { bench } = stage;
      queueRegisters(
        stage,
        bench.modern
          ? [...areas(NOWHERE, bench.memory.start), [commonConfig.queueEnable, 1]]
          : [[legacyHeader.queueAddress, NOWHERE / QUEUE_ADDRESS_UNIT]],
      );
    },
  },
  {
    reason: 'index-too-far',
    says: 'the driver moved the available index by more than the queue has',
    settings: ['legacy', 'modern'],
    make: (stage) => stage.available(stage.start(), [], 3000),
  },
  {
    reason: 'chain-out-of-table',
    says: 'a chain leads on to a descriptor that there is none of',
    settings: ['legacy', 'modern'],
    make: broken({ flags: NEXT, next: 40_000 }),
  },
  {
    reason: 'chain-loop',
    says: 'a chain leads back into itself',
    settings: ['legacy', 'modern'],
    make: broken({ flags: NEXT, next: 1 }, { flags: NEXT, next: 0 }),
  },
  {
    reason: 'chain-misordered',
    says: 'a readable buffer comes after a writable one',
    make: (stage) => {
      const address = stage.bench.memory.allocate(32);
      stage.exposeBuffers(stage.start(), [
        { address, length: 16, writable: true },
        { address: address + 16, length: 16, writable: false },
      ]);
    },
  },
  {
    reason: 'chain-outside-ram',
    says: 'a buffer is no RAM',
    make: (stage) => stage.exposeBuffers(stage.start(), [{ address: NOWHERE, length: 512, writable: false }]),
  },
  {
    reason: 'chain-indirect',
    says: 'the driver uses indirect descriptors and did not accept them',
    settings: ['legacy', 'modern'],
    make: broken({ flags: INDIRECT, length: 32 }),
  },
  {
    reason: 'kick-missing',
    says: 'the driver exposed a request and forgot the kick',
    make: (stage) => stage.expose(stage.start(), false),
  },
  {
    reason: 'device-owes',
    says: 'the device asked for no kicks, and does not look',
    settings: ['legacy', 'modern'],
    make: (stage) => {
      const running = stage.start();
      stage.expose(running, false);
      stage.flags(running, 'device', RING_SUPPRESS);
    },
  },
  {
    reason: 'waits-for-outside',
    says: 'the driver waits for a frame, and none comes',
    types: ['network'],
    make: (stage) => {
      const { driver } = stage.start({ queues: [networkQueue.receive(0)] });
      driver.add(networkQueue.receive(0), stage.bench.buffers(new Uint8Array(), 1526));
      driver.kick(networkQueue.receive(0));
    },
  },
  {
    reason: 'nothing-exposed',
    says: 'the driver has asked for nothing',
    make: (stage) => void stage.start(),
  },
  {
    reason: 'queue-not-set-up',
    says: 'the driver left a queue out',
    types: ['network', 'console', 'balloon', 'scsi', 'vsock'],
    later: true,
    make: (stage) => void stage.start(),
  },
];

/** Answers that nobody is told of. */
export const interruptCases: readonly StuckCase[] = [
  {
    reason: 'function-masked',
    says: 'the function mask of MSI-X was left on',
    make: untold((stage) => stage.msixControl(messageControl.functionMask)),
  },
  {
    reason: 'vector-masked',
    says: 'the MSI-X vectors were left masked',
    make: untold((stage) => stage.vectors(msixEntry.vectorControl, VECTOR_MASKED)),
  },
  {
    reason: 'vector-unaimed',
    says: 'nobody gave the MSI-X vectors an address',
    make: untold((stage) => stage.vectors(msixEntry.messageAddressLow, 0)),
  },
  {
    reason: 'no-vector',
    says: 'MSI-X is on, and the queue has no vector',
    make: untold(({ bench }, { request }) => {
      bench.put(bench.modern ? commonConfig.queueSelect : legacyHeader.queueSelect, request.queue);
      bench.put(bench.modern ? commonConfig.queueMsixVector : legacyVectors.queueMsixVector, NO_VECTOR);
    }),
  },
  {
    reason: 'line-disabled',
    says: 'the driver works with its interrupt line, and that is switched off',
    make: untold((stage) => setCommand(stage.bus, stage.fn, command.interruptDisable), { intx: true }),
  },
  {
    reason: 'line-unserved',
    says: 'the driver listens to another line than its function has',
    make: (stage) => {
      const { bench, bus, fn } = stage;
      const { offset } = type0Header.interruptLine;
      bus.configWrite(fn, offset, 1, (bench.found.interruptLine + 1) & 0xf);
      stage.find();
      stage.expose(stage.start({ intx: true }), true);
    },
  },
  {
    reason: 'interrupt-unwanted',
    says: 'the driver switched its interrupts off, and looks for itself',
    settings: ['legacy', 'modern'],
    make: untold((stage, running) => stage.flags(running, 'driver', RING_SUPPRESS)),
    later: true,
  },
];
