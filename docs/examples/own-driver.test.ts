import { formatFinding } from 'virtiolab/core';
import { lab } from 'virtiolab/lab';
import { expect, it } from 'vitest';

it('reads eight random bytes by port accesses', () => {
  const world = lab({ type: 'entropy', kind: 'legacy', watch: true });
  const { bus, found } = world;
  const port = found.bars[0]!.address;
  const [ring, buffer] = [0x100000, 0x104000];
  const put = (at: number, ...bytes: number[]) => bus.ram.write(at, Uint8Array.from(bytes));

  // The driver under test.
  bus.configWrite(found.address, 4, 2, bus.configRead(found.address, 4, 2) | 4); // bus mastering
  bus.ioWrite(port + 18, 1, 0); // reset, then ACKNOWLEDGE, then DRIVER
  bus.ioRead(port + 18, 1);
  bus.ioWrite(port + 18, 1, 1);
  bus.ioWrite(port + 18, 1, 3);
  bus.ioRead(port, 4);
  bus.ioWrite(port + 4, 4, 0); // no feature is accepted
  bus.ioWrite(port + 14, 2, 0); // queue 0: its size, its place
  const size = bus.ioRead(port + 12, 2);
  bus.ioWrite(port + 8, 4, ring / 4096);
  const [available, used] = [ring + 16 * size, ring + 4096];
  put(ring, 0, 0x40, 0x10, 0, 0, 0, 0, 0, 8, 0, 0, 0, 2, 0); // descriptor 0: eight bytes to be written
  put(available, 1, 0, 1, 0, 0, 0); // no interrupts, please: one chain, with head 0
  bus.ioWrite(port + 16, 2, 0); // kick
  expect([...bus.ram.read(used, 12)]).toEqual([0, 0, 1, 0, 0, 0, 0, 0, 8, 0, 0, 0]);
  expect(bus.ram.read(buffer, 8).some((byte) => byte !== 0)).toBe(true);

  // It works, and yet it forgot DRIVER_OK: with another device it would wait for ever.
  expect(world.findings().map(formatFinding)).toEqual([
    '00:04.0 virtio-rng, queue 0: LEG-INIT-01, driver: a kick before DRIVER_OK (queue number 0)',
    '00:04.0 virtio-rng: LEG-INIT-01, driver: the device was used, and DRIVER_OK never set (kicks 1)',
  ]);
});
