import { describe, expect, it, test } from 'vitest';
import { commonConfig } from '../../../src/virtio/index.ts';
import { ModernGuest } from '../support/guests.ts';
import { Probe } from '../support/probe.ts';

const [NUM_QUEUES, STATUS, SELECT] = [
  commonConfig.numQueues.offset,
  commonConfig.deviceStatus.offset,
  commonConfig.queueSelect.offset,
];

function window(decode = true) {
  const guest = new ModernGuest(new Probe({ queueSizes: [8, 8, 8] }));
  const at = guest.found.capabilities.find(
    ({ id, offset }) => id === 0x09 && guest.config.read(offset + 3, 1) === 5,
  )!.offset;
  if (!decode) guest.config.command(0);
  const aim = (bar: number, offset: number, length: number) => {
    guest.config.write(at + 4, 1, bar);
    guest.config.write(at + 8, 4, offset);
    guest.config.write(at + 12, 4, length);
  };
  return { guest, aim, data: at + 16, read: () => guest.config.read(at + 16, 4) };
}

describe('the window into the BARs (PCI-CFGW-02, PCI-CFGW-03)', () => {
  it.each([true, false])('reads and writes with the width that is set, memory decoding on: %s', (decode) => {
    const { guest, aim, data, read } = window(decode);
    aim(4, NUM_QUEUES, 2);
    expect(read()).toBe(3);
    aim(4, STATUS, 1);
    guest.config.write(data, 4, 0x03);
    expect([read(), guest.device.status]).toEqual([0x03, 0x03]);
    aim(4, SELECT, 2);
    guest.config.write(data, 4, 0xffff_0002);
    expect(read()).toBe(2);
    aim(4, 0x1000, 1);
    guest.function.interrupts.queue(0);
    expect([read(), read()]).toEqual([1, 0]);
  });

  test.each([
    ['a length of 3', 4, 0, 3],
    ['a length of 0', 4, 0, 0],
    ['a length of 8', 4, 0, 8],
    ['an unaligned offset', 4, 2, 4],
  ])('does nothing with %s, and keeps the data', (_, bar, offset, length) => {
    const { guest, aim, data, read } = window();
    aim(4, NUM_QUEUES, 2);
    expect(read()).toBe(3);
    aim(bar, offset, length);
    expect(read()).toBe(3);
    guest.config.write(data, 4, 1);
    guest.block.set('queueSelect', 0);
    expect([guest.device.status, guest.block.get('deviceFeatureSelect')]).toEqual([0, 0]);
  });

  test.each([
    ['a BAR that does not exist', 2, 0, 4],
    ['a BAR number above 5', 9, 0, 4],
    ['the I/O BAR', 0, 0, 4],
    ['the upper half of a 64-bit BAR', 5, 0, 4],
    ['a place past the BAR', 4, 0x10000, 4],
    ['an offset of nearly 4 GiB', 4, 0xfffffffc, 4],
  ])('reads 0 from %s', (_, bar, offset, length) => {
    const { guest, aim, data, read } = window();
    aim(4, NUM_QUEUES, 2);
    expect(read()).toBe(3);
    aim(bar, offset, length);
    guest.config.write(data, 4, 7);
    expect(read()).toBe(0);
  });

  it('reaches the MSI-X table as well, which no driver should do so', () => {
    const { guest, aim, data, read } = window();
    aim(1, 8, 4);
    guest.config.write(data, 4, 0xabcd);
    expect([read(), guest.function.pci.msix!.table.read(8, 4)]).toEqual([0xabcd, 0xabcd]);
    expect(new Set(guest.clauses())).toEqual(new Set(['PCI-CFGW-05']));
  });

  test.each([
    ['a structure', 4, NUM_QUEUES, 2, []],
    ['the last bytes of one', 4, 0xffc, 4, []],
    ['nothing, as nobody aimed it', 0, 0, 0, []],
    ['an offset that is not aligned', 4, 2, 4, ['PCI-CFGW-04']],
    ['a length of 3', 4, 0, 3, ['PCI-CFGW-05']],
    ['the gap behind all structures', 4, 0x8000, 4, ['PCI-CFGW-05']],
    ['another BAR', 1, 0, 4, ['PCI-CFGW-05']],
    ['the legacy block', 0, 0, 4, ['PCI-CFGW-05']],
  ])('PCI-CFGW-04, PCI-CFGW-05: aimed at %s', (_, bar, offset, length, clauses) => {
    const { guest, aim, data, read } = window();
    aim(bar, offset, length);
    read();
    expect(guest.clauses()).toEqual(clauses);
    guest.config.write(data, 4, 0);
    expect(guest.clauses()).toEqual(clauses);
  });
});

describe('below D0 (PCI PM 1.2, section 5.4: no access but to configuration space is answered)', () => {
  function asleep() {
    const guest = new ModernGuest(new Probe({ queueSizes: [8, 8, 8] }), { powerManagement: true });
    const capability = (id: number, type: number | null) =>
      guest.found.capabilities.find(
        (each) => each.id === id && (type === null || guest.config.read(each.offset + 3, 1) === type),
      )!.offset;
    const at = capability(0x09, 5);
    const power = (state: number) => guest.config.write(capability(0x01, null) + 4, 2, state);
    const aim = (offset: number, length: number) => {
      guest.config.write(at + 4, 1, 4);
      guest.config.write(at + 8, 4, offset);
      guest.config.write(at + 12, 4, length);
    };
    return {
      guest,
      power,
      aim,
      read: () => guest.config.read(at + 16, 4),
      write: (value: number) => guest.config.write(at + 16, 4, value),
    };
  }

  it.each([
    [1, 0xff],
    [2, 0xffff],
    [4, 0xffffffff],
  ])('the window reads what a BAR reads then, and reaches nothing: %d bytes', (length, ones) => {
    const { power, aim, read } = asleep();
    aim(NUM_QUEUES - (NUM_QUEUES % length), length);
    power(3);
    expect(read()).toBe(ones);
    power(0);
    expect(read()).not.toBe(ones);
  });

  it('a write reaches nothing, a read clears nothing, and no kick gets through', () => {
    const { guest, power, aim, read, write } = asleep();
    guest.function.interrupts.queue(0);
    power(3);
    aim(STATUS, 1);
    write(1);
    aim(0x1000, 1);
    read();
    aim(0x3000, 2);
    write(0);
    expect(guest.device.status).toBe(0);
    power(0);
    aim(0x1000, 1);
    expect([read(), read()]).toEqual([1, 0]);
    aim(STATUS, 1);
    write(1);
    expect(guest.device.status).toBe(1);
  });
});
