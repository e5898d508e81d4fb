import { describe, expect, it } from 'vitest';
import { GuestMemory, HeldScheduler } from '../../../src/core/index.ts';
import { BlockDriver, DmaMemory } from '../../../src/driver/index.ts';
import { VdpaTransport } from '../../../src/mmr/index.ts';
import { Machine } from '../../../src/pci/index.ts';
import { BlockDevice, VdpaParent } from '../../../src/virtio/index.ts';
import { LateStorage } from '../../properties/support/late-storage.ts';

const RAM_BYTES = 4 << 20;

/** A parent whose disk works only when it is let. */
function busy() {
  const ram = GuestMemory.allocate({ start: 0, length: RAM_BYTES });
  const work = new HeldScheduler();
  const disk = new Uint8Array(64 * 512);
  const parent = new VdpaParent(new BlockDevice({ storage: new LateStorage(disk, work) }), ram);
  parent.map(0, RAM_BYTES);
  const driver = new BlockDriver(new VdpaTransport(new Machine({}), parent), new DmaMemory(ram, 0x100000));
  return { parent, driver, work, disk };
}

describe('a parent that is suspended while it works', () => {
  it('finishes what it has, takes nothing more, and says when it is at rest', async () => {
    const { parent, driver, work, disk } = busy();
    const first = driver.write(1, new Uint8Array(512).fill(1));
    let rest = 0;
    expect(parent.suspend(() => rest++)).toBe(false);
    const second = driver.write(2, new Uint8Array(512).fill(2));
    second.catch(() => {});
    expect([rest, parent.rings.position(0)]).toEqual([0, 0]);
    // Asked again, it is still busy.
    expect(parent.suspend(() => rest++)).toBe(false);
    while (work.release());
    expect([rest, parent.rings.position(0)]).toEqual([2, 1]);
    expect([disk[512], disk[1024]]).toEqual([1, 0]);
    expect(parent.suspend()).toBe(true);
    parent.resume();
    while (work.release());
    await first;
    await second;
    expect(disk[1024]).toBe(2);
  });

  it('forgets all of it by a reset, and callbacks that waited with it', async () => {
    const { parent, driver, work } = busy();
    const request = driver.write(1, new Uint8Array(512).fill(1));
    request.catch(() => {});
    let rest = 0;
    parent.suspend(() => rest++);
    parent.setStatus(0);
    while (work.release());
    expect([rest, parent.status, parent.rings.ready(0)]).toEqual([1, 0, false]);
    expect(parent.suspend()).toBe(true);
    parent.setStatus(1);
    expect(parent.status).toBe(1);
  });

  it('goes on at once where it is resumed before it is at rest', async () => {
    const { parent, driver, work, disk } = busy();
    const first = driver.write(1, new Uint8Array(512).fill(1));
    parent.suspend();
    const second = driver.write(2, new Uint8Array(512).fill(2));
    parent.resume();
    while (work.release());
    await first;
    await second;
    expect([disk[512], disk[1024]]).toEqual([1, 2]);
  });
});
