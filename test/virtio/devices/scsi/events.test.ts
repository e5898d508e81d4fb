import { describe, expect, it, test } from 'vitest';
import { DiskUnit, MemoryStorage } from '../../../../src/virtio/index.ts';
import { ModernGuest } from '../../support/guests.ts';
import { hex, image, start } from './support.ts';

const unit = () => new DiskUnit({ storage: new MemoryStorage(image(8)) });

describe.each([
  ['legacy', {}, (bytes: string) => bytes],
  [
    'big-endian legacy',
    { guestEndian: 'big' },
    // Words are in the guest's order; the address bytes are bytes.
    (bytes: string) => {
      const [event, low, high, reason] = bytes.match(/../g)!.join('').match(/.{8}/g)!;
      const turned = (word: string) => word.match(/../g)!.reverse().join('');
      return [turned(event!), low, high, turned(reason!)].join('');
    },
  ],
  ['modern', { modern: true }, (bytes: string) => bytes],
] as const)('events for a %s driver', (_, options, order) => {
  const expected = (bytes: string) => order(bytes.replaceAll(' ', ''));
  const written = (lab: ReturnType<typeof start>, slot: number) =>
    hex(lab.scsi.written(slot, 16)).replaceAll(' ', '');
  const unused = 'ee'.repeat(16);

  it('tell of a unit that came, one that went, and one that was reset', () => {
    const lab = start(options);
    for (const slot of [0, 1, 2, 3]) lab.scsi.offerEvent(slot);
    lab.device.attachLun(2, 255, unit());
    lab.device.attachLun(2, 0x1234, unit());
    lab.device.detachLun(2, 255);
    expect([0, 1, 2, 3].map((slot) => written(lab, slot))).toEqual([
      expected('01000000 010200ff 00000000 01000000'),
      expected('01000000 01025234 00000000 01000000'),
      expected('01000000 010200ff 00000000 02000000'),
      unused,
    ]);
    lab.device.resetLun(0, 0);
    expect(written(lab, 3)).toBe(expected('01000000 01000000 00000000 00000000'));
    expect(lab.scsi.rings[1]!.used().map(([, length]) => length)).toEqual([16, 16, 16, 16]);
    expect(lab.scsi.outcome({ cdb: [0, 0, 0, 0, 0, 0], slot: 5 })).toBe('06/29/03');
    expect(lab.guest.clauses()).toEqual([]);
  });

  it('tell of a change: ASC and, above it, ASCQ', () => {
    const lab = start(options);
    lab.scsi.settle();
    lab.scsi.offerEvent(0);
    lab.storage.resize(128 * 512);
    lab.disk.capacityChanged();
    expect(written(lab, 0)).toBe(expected('03000000 01000000 00000000 2a090000'));
    expect(lab.scsi.outcome({ cdb: [0, 0, 0, 0, 0, 0], slot: 5 })).toBe('06/2a/09');
  });

  test('SCSI-OP-14: what was lost is told with the next buffer, at once and once', () => {
    const lab = start(options);
    lab.device.attachLun(0, 1, unit());
    lab.device.detachLun(0, 1);
    lab.scsi.offerEvent(0);
    expect(written(lab, 0)).toBe(expected('00000080 00000000 00000000 00000000'));
    lab.scsi.offerEvent(1);
    expect(written(lab, 1)).toBe(unused);
    lab.device.resetLun(0, 0);
    expect(written(lab, 1)).toBe(expected('01000000 01000000 00000000 00000000'));
  });

  test('SCSI-OP-15: plugging is no event without HOTPLUG, nor a change without CHANGE; a reset is', () => {
    const lab = start({ ...options, features: [] });
    lab.scsi.settle();
    lab.scsi.offerEvent(0);
    lab.device.attachLun(0, 1, unit());
    lab.device.detachLun(0, 1);
    lab.disk.capacityChanged();
    expect(written(lab, 0)).toBe(unused);
    // Whoever asks is told all the same.
    expect(lab.scsi.outcome({ cdb: [0, 0, 0, 0, 0, 0], slot: 5 })).toBe('06/3f/0e');
    expect(lab.scsi.outcome({ cdb: [0, 0, 0, 0, 0, 0], slot: 5 })).toBe('06/2a/09');
    lab.device.resetLun(0, 0);
    expect(written(lab, 0)).toBe(expected('01000000 01000000 00000000 00000000'));
  });

  test('SCSI-OP-09, SCSI-OP-12: short buffers come back as no event', () => {
    const lab = start(options);
    for (const bytes of [15, 4, 1]) {
      lab.scsi.offerEvent(0, bytes);
      expect(hex(lab.scsi.written(0, bytes))).toBe(Array(bytes).fill('00').join(' '));
      expect(lab.scsi.rings[1]!.used(1)[0]![1]).toBe(bytes);
    }
    expect(lab.guest.clauses()).toEqual(['SCSI-OP-12', 'SCSI-OP-12', 'SCSI-OP-12']);
    lab.device.attachLun(0, 1, unit());
    // Three bytes cannot say that something was lost: that is for the next buffer.
    lab.scsi.offerEvent(0, 3);
    lab.scsi.offerEvent(1, 4);
    expect(hex(lab.scsi.written(1, 4)).replaceAll(' ', '')).toBe(
      expected('00000080 00000000 00000000 00000000').slice(0, 8),
    );
    lab.scsi.offerEvent(2, 40);
    expect(written(lab, 2)).toBe(unused);
  });

  test('a buffer out of reach loses its event, and says so', () => {
    const lab = start({ ...options, windows: [{ start: 0, length: 0xf0000, write: true }] });
    const ring = lab.scsi.rings[1]!;
    ring.chain(0, [{ address: 0xf0000, length: 16, flags: 2 }]);
    ring.offer(0);
    lab.guest.kick(1);
    lab.device.attachLun(0, 1, unit());
    expect([ring.used(), lab.guest.clauses()]).toEqual([[[0, 0]], ['RF-05']]);
    lab.scsi.offerEvent(1);
    expect(written(lab, 1)).toBe(expected('00000080 00000000 00000000 00000000'));
  });

  it('wait for bus mastering, and for a driver', () => {
    const lab = start(options);
    lab.scsi.offerEvent(0);
    lab.guest.config.command(0x3);
    lab.device.attachLun(0, 1, unit());
    expect(written(lab, 0)).toBe(unused);
    lab.guest.config.command(0x7);
    expect(written(lab, 0)).toBe(expected('01000000 01000001 00000000 01000000'));
    lab.guest.block.set('deviceStatus', 0);
    lab.device.detachLun(0, 1);
    lab.device.resetLun(0, 0);
    const { guest } = lab;
    if (guest instanceof ModernGuest) guest.start([1, 2], [0, 1, 2]);
    else guest.start(6, [0, 1, 2]);
    expect(lab.device.save().events).toMatchObject({ missed: false, pending: [] });
  });

  it('that wait for bus mastering go along with a saved device', () => {
    const before = start(options);
    before.scsi.offerEvent(0);
    before.guest.config.command(0x3);
    before.device.attachLun(0, 1, unit());
    before.device.resetLun(0, 0);
    const units = [0, 1].map((lun) => ({ target: 0, lun, unit: unit() }));
    const after = start({ ...options, units });
    after.guest.machine.load(before.guest.machine.save());
    expect(written(after, 0)).toBe(unused);
    after.guest.config.command(0x7);
    expect(written(after, 0)).toBe(expected('01000000 01000001 00000000 01000000'));
    // The second one found no buffer.
    expect(after.device.save().events).toEqual({ missed: true, pending: [], buffers: 0 });
  });

  it('find the buffers of a saved device, whatever comes first after the load', () => {
    const before = start(options);
    before.scsi.offerEvent(0);
    before.scsi.offerEvent(1);
    const saved = before.guest.machine.save();
    const after = start(options);
    after.guest.machine.load(saved);
    after.device.resetLun(0, 0);
    expect([written(after, 0), written(after, 1)]).toEqual([
      expected('01000000 01000000 00000000 00000000'),
      unused,
    ]);
    // A queue that is stopped has no buffers to wait for.
    after.guest.config.command(0x3);
    const third = start(options);
    third.guest.machine.load(after.guest.machine.save());
    third.device.resetLun(0, 0);
    third.guest.device.resetQueue(1);
    third.guest.config.command(0x7);
    expect(third.device.save().events).toEqual({ missed: true, pending: [], buffers: 0 });
  });
});
