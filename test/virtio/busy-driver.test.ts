import { describe, expect, it } from 'vitest';
import { functionAddress, GuestMemory, HeldScheduler, immediate } from '../../src/core/index.ts';
import { findFunction, legacyAccess, runFirmware } from '../../src/driver/index.ts';
import { command, Machine, type0Header } from '../../src/pci/index.ts';
import { descriptorFlag, EntropyDevice, legacyHeader, virtioFunction } from '../../src/virtio/index.ts';

const PLACE = functionAddress(0, 4);
const [TABLE, BUFFER] = [0x10000, 0x20000];

/** A driver on another thread offers a buffer again as soon as it is used: here, while the device fills the next. */
function busy(shared: boolean) {
  const scheduler = new HeldScheduler();
  const ram = GuestMemory.allocate({ start: 0, length: 1 << 20 });
  ram.shared = shared;
  const machine = new Machine({ ram, scheduler, interruptScheduler: immediate });
  const { view } = ram.ranges[0]!;
  let [available, filled] = [0, 0];
  const source = {
    save: () => null,
    load: () => {},
    fill(bytes: Uint8Array) {
      filled++;
      bytes.fill(7);
      // The same descriptor, named by every entry of the ring.
      const at = available + 2;
      view.setUint16(at, view.getUint16(at, true) + 1, true);
    },
  };
  const fn = virtioFunction(new EntropyDevice({ source }), { kind: 'transitional', vectors: 0 });
  machine.plug(fn.pci, PLACE);
  runFirmware(machine);
  machine.configWrite(PLACE, type0Header.command.offset, 2, command.io | command.busMaster);
  const access = legacyAccess(machine, findFunction(machine, PLACE)!);
  const size = access.read(legacyHeader.queueSize.offset, 2);
  available = TABLE + 16 * size;
  view.setUint32(TABLE, BUFFER, true);
  view.setUint32(TABLE + 8, 16, true);
  view.setUint16(TABLE + 12, descriptorFlag.write, true);
  view.setUint16(available + 2, 1, true);
  access.write(legacyHeader.queueAddress.offset, 4, TABLE / 4096);
  access.write(legacyHeader.deviceStatus.offset, 1, 7);
  access.write(legacyHeader.queueNotify.offset, 2, 0);
  return { scheduler, size, filled: () => filled };
}

describe('a driver that never stops', () => {
  it('on another thread is served in turns, and never forgotten', () => {
    const { scheduler, size, filled } = busy(true);
    for (let turn = 1; turn <= 3; turn++) {
      expect(scheduler.release()).toBe(true);
      expect(filled()).toBe(2 * size * turn);
    }
  });

  it('on this thread can only be a ring that overwrites itself: its turn ends', () => {
    const { scheduler, size, filled } = busy(false);
    scheduler.release();
    expect([filled(), scheduler.pending.length]).toEqual([2 * size, 0]);
  });
});
