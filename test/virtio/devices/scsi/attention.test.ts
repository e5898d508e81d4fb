import { describe, expect, it } from 'vitest';
import { DiskUnit, MemoryStorage } from '../../../../src/virtio/index.ts';
import { image, READY, settled, start } from './support.ts';

const READ_LAST = [0x28, 0, 0, 0, 0, 127, 0, 0, 1, 0];

describe('unit attention', () => {
  const inquiry = { cdb: [0x12, 0, 0, 0, 36, 0], inBytes: 36 };
  const luns = { cdb: [0xa0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0], inBytes: 256 };
  const sense = { cdb: [3, 0, 0, 0, 18, 0], inBytes: 18 };
  const codes = ({ data }: { data: Uint8Array }) => [data[2], data[12], data[13]];

  it('is told once, before the first command that is not there to find out', () => {
    const { scsi } = start();
    expect([scsi.outcome(inquiry), scsi.outcome(luns)]).toEqual(['good', 'good']);
    expect([scsi.outcome({ cdb: READY }), scsi.outcome({ cdb: READY })]).toEqual(['06/29/00', 'good']);
  });

  it('is what REQUEST SENSE gives, once', () => {
    const { scsi } = start();
    expect([codes(scsi.do(sense)), codes(scsi.do(sense))]).toEqual([
      [6, 0x29, 0],
      [0, 0, 0],
    ]);
    expect(scsi.outcome({ cdb: READY })).toBe('good');
  });

  it('is the same each time that the device is reset', () => {
    const { scsi, guest } = settled();
    guest.device.behaviour.reset();
    expect([scsi.outcome({ cdb: READY }), scsi.outcome({ cdb: READY })]).toEqual(['06/29/00', 'good']);
  });

  it('tells of units that came and went, unless REPORT LUNS has', () => {
    const { scsi, device } = settled();
    const unit = () => new DiskUnit({ storage: new MemoryStorage(image(1)) });
    device.attachLun(0, 1, unit());
    device.attachLun(0, 2, unit());
    device.attachLun(1, 0, unit());
    device.detachLun(0, 2);
    expect([scsi.outcome({ cdb: READY }), scsi.outcome({ cdb: READY })]).toEqual(['06/3f/0e', 'good']);
    device.detachLun(0, 1);
    expect([scsi.outcome({ cdb: READY }), scsi.outcome({ cdb: READY })]).toEqual(['06/3f/0e', 'good']);
    device.attachLun(0, 3, unit());
    expect([scsi.outcome(luns), scsi.outcome({ cdb: READY })]).toEqual(['good', 'good']);
    expect(scsi.outcome({ lun: [1, 1], cdb: READY })).toBe('06/29/00');
    expect(scsi.outcome({ lun: [1, 1], cdb: READY })).toBe('good');
  });

  it('tells of another capacity after what came before it, and not of what a reset made old', () => {
    const storage = new MemoryStorage(image(64));
    const { scsi, disk, device } = settled({ storage });
    device.attachLun(0, 1, new DiskUnit({ storage: new MemoryStorage(image(1)) }));
    storage.resize(128 * 512);
    disk.capacityChanged();
    disk.capacityChanged();
    expect(scsi.outcome({ cdb: READY })).toBe('06/3f/0e');
    expect(scsi.outcome({ cdb: READY })).toBe('06/2a/09');
    expect(scsi.outcome({ cdb: READ_LAST, inBytes: 512 })).toBe('good');
    disk.capacityChanged();
    scsi.manage(5, [1]);
    expect([scsi.outcome({ cdb: READY }), scsi.outcome({ cdb: READY })]).toEqual(['06/29/03', 'good']);
  });
});
