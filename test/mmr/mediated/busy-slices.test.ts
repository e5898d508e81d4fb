import { describe, expect, it } from 'vitest';
import { HeldScheduler, immediate } from '../../../src/core/index.ts';
import { DmaMemory, NetworkDriver, openTransport, runFirmware } from '../../../src/driver/index.ts';
import { type SliceType, virtioSlice } from '../../../src/mmr/index.ts';
import { BlockDevice, Hub, NetworkDevice } from '../../../src/virtio/index.ts';
import { LateStorage } from '../../properties/support/late-storage.ts';
import { driverOf, guestMachine, ParentLab, SLICE, uuidOf } from './support.ts';

/** A slice whose disk answers when the test lets it, with a read under way. */
function busyDisk() {
  const held = new HeldScheduler();
  const disk = new Uint8Array(16 * 512).fill(0x77);
  const type: SliceType = {
    name: 'late',
    title: 'late',
    description: 'late',
    queues: 2,
    make: () => virtioSlice(new BlockDevice({ storage: new LateStorage(disk, held) })),
  };
  const lab = new ParentLab({ types: [type] });
  const guest = lab.guest(1, 'late', {}, guestMachine({ scheduler: held, interruptScheduler: immediate }));
  const read = driverOf(guest).read(0, 1);
  read.catch(() => {});
  held.release();
  expect(lab.parent.slice(uuidOf(1)).fn.busy).toBe(1);
  return { lab, guest, held, read };
}

describe('a disk that is taken while it is read', () => {
  it('answers before it is gone, where it is drained', async () => {
    const { lab, read } = busyDisk();
    expect(lab.parent.remove(uuidOf(1), 'drain')).toEqual({ drained: 1, aborted: 0 });
    expect(await read).toEqual(new Uint8Array(512).fill(0x77));
  });

  it('writes nothing any more, where it is aborted', () => {
    const { lab, guest, held } = busyDisk();
    expect(lab.parent.remove(uuidOf(1), 'abort')).toEqual({ drained: 0, aborted: 1 });
    const before = guest.ram.ranges[0]!.bytes.slice();
    held.releaseAll();
    expect(Buffer.compare(guest.ram.ranges[0]!.bytes, before)).toBe(0);
    expect([lab.device.counts.delivered, guest.configRead(SLICE, 0, 2)]).toEqual([0, 0xffff]);
  });
});

it('slices of one parent that are network devices send each other frames', async () => {
  const hub = new Hub();
  const type: SliceType = {
    name: 'net',
    title: 'net',
    description: 'a pair of queues',
    queues: 4,
    make: (uuid) =>
      virtioSlice(
        new NetworkDevice({
          link: hub.socket(),
          macAddress: Uint8Array.of(2, 0, 0, 0, 0, Number(uuid.slice(-1))),
        }),
      ),
  };
  const lab = new ParentLab({ types: [type] });
  const frames: [number, Uint8Array][] = [];
  const drivers = [1, 2].map((n) => {
    const guest = lab.guest(n, 'net');
    runFirmware(guest);
    const onFrame = (frame: Uint8Array) => void frames.push([n, frame.slice()]);
    return new NetworkDriver(openTransport(guest, SLICE), new DmaMemory(guest.ram, 0x10000), { onFrame });
  });
  const frame = new Uint8Array(64).fill(0xab);
  frame.set([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x88, 0xb5]);
  await drivers[0]!.send(frame);
  expect(frames).toEqual([[2, frame]]);
  expect(lab.parent.slice(uuidOf(2)).counts.delivered).toBe(1);
});
