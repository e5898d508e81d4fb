import { describe, expect, it, test } from 'vitest';
import { DmaDomain, type Width } from '../../src/core/index.ts';
import {
  BlockDriver,
  DeviceFailedError,
  DmaMemory,
  EntropyDriver,
  findFunction,
  LegacyTransport,
  legacyAccess,
  ModernTransport,
  NetworkDriver,
  P9Driver,
  ReceiveQueue,
  runFirmware,
  ScsiDisk,
  ScsiDriver,
  type Transport,
  UnansweredError,
  VirtioDriver,
} from '../../src/driver/index.ts';
import {
  BlockDevice,
  type Chain,
  type DeviceBehaviour,
  EntropyDevice,
  Hub,
  MemoryStorage,
  NetworkDevice,
  P9Device,
  P9MemoryServer,
  ScsiDevice,
  virtioFunction,
} from '../../src/virtio/index.ts';
import { SLOT, smallMachine } from '../pci/support.ts';
import { Probe } from '../virtio/support/probe.ts';
import { completeWith } from './support/lying.ts';

type Way = 'legacy' | 'modern';

/** A real device that hands every chain back as the test says. */
function open<T>(
  way: Way,
  behaviour: DeviceBehaviour,
  start: (transport: Transport, memory: DmaMemory) => T,
  answer: (chain: Chain, complete: (length: number) => void) => void,
): T {
  const machine = smallMachine();
  const fn = virtioFunction(behaviour, { kind: 'transitional' });
  machine.plug(fn.pci, SLOT, new DmaDomain(machine.ram));
  runFirmware(machine);
  const found = findFunction(machine, SLOT)!;
  const transport =
    way === 'legacy'
      ? new LegacyTransport(machine, found, legacyAccess(machine, found))
      : new ModernTransport(machine, found);
  const driver = start(transport, new DmaMemory(machine.ram, 0x10000));
  behaviour.handle = (chain) => answer(chain, (length) => completeWith(fn.device, chain, length));
  return driver;
}

const block = () => new BlockDevice({ storage: new MemoryStorage(new Uint8Array(8192)) });
const network = () => new NetworkDevice({ link: new Hub().socket() });
const scsiDriver = (transport: Transport, memory: DmaMemory) =>
  new ScsiDriver(transport, memory, { requestBytes: 4096, depth: 2 });
const blockDriver = (transport: Transport, memory: DmaMemory) =>
  new BlockDriver(transport, memory, { requestBytes: 4096, depth: 2 });

const unit = { target: 0, lun: 0 };

/** Requests that have an answer: nothing may pass for one. */
const requests: Readonly<
  Record<string, (way: Way, answer: Parameters<typeof open>[3]) => () => Promise<unknown>>
> = {
  'a block read': (way, answer) => {
    const driver = open(way, block(), blockDriver, answer);
    return () => driver.read(0, 2);
  },
  'a block write': (way, answer) => {
    const driver = open(way, block(), blockDriver, answer);
    return () => driver.write(0, new Uint8Array(512));
  },
  'a flush': (way, answer) => {
    const driver = open(way, block(), blockDriver, answer);
    return () => driver.flush();
  },
  'a network control command': (way, answer) => {
    const driver = open(way, network(), (...args) => new NetworkDriver(...args), answer);
    return () => driver.commands!.setMode('promiscuous', true);
  },
  'a SCSI command': (way, answer) => {
    const driver = open(way, new ScsiDevice(), scsiDriver, answer);
    return () => driver.command(unit, new Uint8Array(6));
  },
  'SYNCHRONIZE CACHE': (way, answer) => {
    const driver = open(way, new ScsiDevice(), scsiDriver, answer);
    return () => new ScsiDisk(driver, unit).sync();
  },
  'a SCSI task management function': (way, answer) => {
    const driver = open(way, new ScsiDevice(), scsiDriver, answer);
    return () => driver.manage('abortTaskSet', unit);
  },
  'a SCSI subscription': (way, answer) => {
    const driver = open(way, new ScsiDevice(), scsiDriver, answer);
    return () => driver.notifications('subscribe', unit, 1);
  },
};

describe.each(Object.keys(requests))('%s', (name) => {
  test.each<Way>(['legacy', 'modern'])('that comes back unanswered is no success, %s', async (way) => {
    const ask = requests[name]!(way, (_, complete) => complete(0));
    await expect(ask()).rejects.toThrow(UnansweredError);
    await expect(ask()).rejects.toThrow(DeviceFailedError);
  });

  it('LEG-USED-01: whose used length covers a part of the answer only is none, but for a legacy device', async () => {
    // Everything reads as zero, which is success; one byte short of the least that an answer has.
    const answer = (short: boolean) => (chain: Chain, complete: (length: number) => void) => {
      const { writableBytes } = chain;
      chain.write(0, new Uint8Array(writableBytes), 0, writableBytes);
      complete(short ? 0 : writableBytes);
    };
    await expect(requests[name]!('modern', answer(true))()).rejects.toThrow(UnansweredError);
    await requests[name]!('legacy', answer(true))();
    await requests[name]!('modern', answer(false))();
  });
});

describe('used lengths', () => {
  const filled = (length: number) => (chain: Chain, complete: (length: number) => void) => {
    chain.write(0, new Uint8Array(chain.writableBytes), 0, chain.writableBytes);
    complete(length);
  };

  test.each([
    [512, false],
    [513, true],
    [514, false],
  ])('a block read of 512 bytes is answered by %d: %s', async (length, good) => {
    const reading = open('modern', block(), blockDriver, filled(length)).read(0, 1);
    if (good) expect((await reading).length).toBe(512);
    else await expect(reading).rejects.toMatchObject({ length, least: 513, most: 513 });
  });

  test.each([
    [11, false],
    [12, true],
    // Sense data and nothing else behind the response.
    [108, true],
    [109, false],
  ])('a SCSI command without data is answered by %d bytes: %s', async (length, good) => {
    const driver = open('modern', new ScsiDevice(), scsiDriver, filled(length));
    const command = driver.command(unit, new Uint8Array(6));
    if (good) expect((await command).response).toBe(0);
    else await expect(command).rejects.toThrow(UnansweredError);
  });

  it('more random bytes than were asked for are none', async () => {
    const start = (transport: Transport, memory: DmaMemory) => new EntropyDriver(transport, memory);
    const read = (way: Way, length: number) => open(way, new EntropyDevice(), start, filled(length)).read(8);
    expect((await read('modern', 8)).length).toBe(8);
    await expect(read('modern', 9)).rejects.toThrow(UnansweredError);
    expect((await read('legacy', 9)).length).toBe(8);
  });

  it('of a buffer that say more than it has are not believed, and counted: nobody gets what is in it', async () => {
    const machine = smallMachine();
    const probe = new Probe({ queueSizes: [8] });
    const fn = virtioFunction(probe, { kind: 'modern' });
    machine.plug(fn.pci, SLOT, new DmaDomain(machine.ram));
    runFirmware(machine);
    const transport = new ModernTransport(machine, findFunction(machine, SLOT)!);
    const driver = new VirtioDriver(transport, new DmaMemory(machine.ram, 0x10000));
    const got: number[] = [];
    let queue: ReceiveQueue | null = null;
    driver.bringUp({ features: [], queues: [0] }, { queue: () => queue?.poll(), config: () => {} });
    queue = new ReceiveQueue(driver, 0, { count: 3, bytes: 16, onBuffer: ({ length }) => got.push(length) });
    for (const length of [16, 17, 0, 0xffffffff, 1]) completeWith(fn.device, probe.taken.shift()!, length);
    // Every buffer is the device's again.
    expect([got, queue.errors, probe.taken.length]).toEqual([[16, 0, 1], 2, 3]);
  });

  // p9Header: a message begins with its own length.
  test.each([
    ['shorter than what was written', 9, 12, 9],
    ['as long as what was written', 12, 12, 12],
    ['longer than what was written', 13, 12, null],
    ['shorter than any message', 6, 12, null],
  ])('a 9P reply that says it is %s', async (_, says, written, got) => {
    const answer = (chain: Chain, complete: (length: number) => void) => {
      const message = new Uint8Array(16);
      new DataView(message.buffer).setUint32(0, says, true);
      chain.write(0, message, 0, message.length);
      complete(written);
    };
    const start = (transport: Transport, memory: DmaMemory) => new P9Driver(transport, memory);
    const reply = open('modern', new P9Device({ server: new P9MemoryServer({}) }), start, answer).rpc(
      new Uint8Array(7),
    );
    if (got === null) await expect(reply).rejects.toThrow(DeviceFailedError);
    else expect((await reply).length).toBe(got satisfies Width | number);
  });
});
