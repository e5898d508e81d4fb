import { Buffer } from 'node:buffer';
import { describe, expect, it } from 'vitest';
import { DmaDomain, GuestMemory, HeldScheduler } from '../../src/core/index.ts';
import { BlockDriver, NoDeviceError, ResourceError } from '../../src/driver/index.ts';
import { BlockDevice, feature, MemoryStorage } from '../../src/virtio/index.ts';
import { compare } from './support/compare.ts';
import { perform } from './support/perform.ts';
import { buildRig, type RigOptions } from './support/rigs.ts';
import { comparedKinds, LOW_RAM, type Setup, World } from './support/worlds.ts';

/* What the properties found, each shrunk to the least that shows it. */

const setup: Setup = {
  draft: 'mmr-2023',
  placement: 'own',
  types: ['block'],
  queueSize: 8,
  bigEndian: false,
  vectors: undefined,
  handler: 'none',
  held: false,
};
const plain: RigOptions = {
  way: { by: 'legacy', kind: 'legacy' },
  bigEndian: false,
  intx: true,
  lateInterrupts: false,
  lateWrites: false,
};
const start = { do: 'bring-up', fn: 0, place: 0, features: 0, messages: null } as const;
/** A read of one sector, by whatever is in its header. */
const readAt = (sector: number) => ({
  do: 'chain' as const,
  fn: 0,
  nth: 0,
  chain: {
    queue: 0,
    readable: [[...new Uint8Array(8), sector & 0xff, sector >> 8, ...new Uint8Array(6)]],
    writable: [512, 1],
  },
  slot: 0,
  head: 0,
  indirect: false,
  kick: true,
});
const read = readAt(0);

describe('what the properties found', () => {
  it('admin: an interrupt in the middle of a command, whose handler wants a command, waits for its end', () => {
    const one: Setup = { ...setup, types: ['balloon'], queueSize: 4, vectors: 1, handler: 'isr' };
    const chain = { queue: 2, readable: [[]], writable: [] };
    const statistics = { ...read, nth: 2, chain, kick: false };
    const status = { do: 'port' as const, fn: 0, access: { offset: 18, width: 1 as const, value: 0xac } };
    compare({ setup: one, start: [start], operations: [statistics, status] }, ['mmr', 'admin', 'direct']);
  });

  it('DMA: an address of 2^53, where adding one changes nothing, is out of reach and no exception', () => {
    const domain = new DmaDomain(GuestMemory.allocate({ start: 0, length: 4096 }));
    expect(domain.reaches(2 ** 53, 1, true)).toBe(false);
    expect(domain.write(2 ** 53, new Uint8Array(1), 0, 1)).toBe(false);
    expect(domain.read(2 ** 53, new Uint8Array(1), 0, 1)).toBe(false);
  });

  it('block: a request that was taken waits, refused or not, while bus mastering is off', () => {
    for (const sector of [0, 1000]) {
      const world = new World('direct', { ...setup, held: true });
      perform(world, start);
      perform(world, readAt(sector));
      expect(world.run('virtio-blk queue 0', 0)).toBe(true);
      perform(world, { do: 'command', fn: 0, bits: 3 });
      const before = world.guest.ram.read(0, LOW_RAM);
      expect(world.run('block request', 0)).toBe(true);
      expect(Buffer.compare(world.guest.ram.read(0, LOW_RAM), before)).toBe(0);
      expect(world.log).toEqual([]);
      perform(world, { do: 'command', fn: 0, bits: 7 });
      world.cpu.releaseAll();
      expect(world.scribe(0).usedIndex).toBe(1);
      expect(world.log).toEqual(['line 11 true 32']);
    }
  });

  it.each(comparedKinds)(
    '%s: a wide write to status whose low byte is 0 is a reset, also to the translator',
    (kind) => {
      const world = new World(kind, setup);
      perform(world, start);
      perform(world, read);
      expect(world.guest.interrupts.isAsserted(11)).toBe(true);
      perform(world, { do: 'port', fn: 0, access: { offset: 0x12, width: 2, value: 0x8000 } });
      expect(world.guest.interrupts.isAsserted(11)).toBe(false);
      expect(perform(world, { do: 'port', fn: 0, access: { offset: 0x13, width: 1, value: null } })).toEqual([
        0,
      ]);
    },
  );

  it('block driver: a queue too short for a request is refused, instead of a request that never ends', async () => {
    const open = (ringFeatures: readonly number[]) => {
      const device = new BlockDevice({ storage: new MemoryStorage(new Uint8Array(512)), queueSize: 2 });
      const rig = buildRig(device, plain, new HeldScheduler());
      return () =>
        new BlockDriver(rig.transport(), rig.memory, { depth: 1, requestBytes: 512, ringFeatures });
    };
    expect(open([])).toThrow(NoDeviceError);
    expect(open([feature.ringIndirectDescriptors])).not.toThrow();
  });

  it('block driver: a request with more data than it has room for is refused, and no other request harmed', async () => {
    const device = new BlockDevice({ storage: new MemoryStorage(new Uint8Array(4096)) });
    const rig = buildRig(device, plain, new HeldScheduler());
    const driver = new BlockDriver(rig.transport(), rig.memory, {
      depth: 2,
      requestBytes: 512,
      ringFeatures: [],
    });
    await expect(driver.request(1, 0, new Uint8Array(1024), 0)).rejects.toThrow(ResourceError);
  });
});
