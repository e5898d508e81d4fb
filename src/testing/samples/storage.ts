import type { Hands } from '../../conformance/device/index.ts';
import { BlockDevice, DiskUnit, FaultyStorage, MemoryStorage, ScsiDevice } from '../../virtio/index.ts';
import { SECTOR_BYTES } from '../../virtio/layout/index.ts';
import type { SampleDevice } from './sample.ts';

const SECTORS = 64;

/** Each sector begins with its number. */
const newDisk = (readOnly = false) =>
  new MemoryStorage(
    new Uint8Array(SECTORS * SECTOR_BYTES).map((_, i) => (i % SECTOR_BYTES === 0 ? i / SECTOR_BYTES : 0)),
    readOnly,
  );

/** What a storage keeps waits until it is let go. */
function holdWork(storage: FaultyStorage): () => void {
  const mend = storage.inject({ does: 'keep' });
  return () => {
    mend();
    storage.release();
  };
}

function blockOver(disk: MemoryStorage): SampleDevice {
  const storage = new FaultyStorage(disk);
  const limits = { sectors: 32, segments: 4 };
  const behaviour = new BlockDevice({
    storage,
    serial: 'virtiolab',
    queues: 2,
    barriers: true,
    discard: limits,
    writeZeroes: limits,
    ...(disk.readOnly ? {} : { secureErase: limits }),
  });
  const resizeDisk = (sectors: number) => {
    disk.resize(sectors * SECTOR_BYTES);
    behaviour.resize();
  };
  const hands: Hands = {
    changeConfig: () => resizeDisk(behaviour.capacity + 1),
    resizeDisk,
    holdWork: () => holdWork(storage),
  };
  return { behaviour, hands, disk };
}

export const block = (): SampleDevice => blockOver(newDisk());
export const readOnlyBlock = (): SampleDevice => blockOver(newDisk(true));

export function scsi(): SampleDevice {
  const disk = newDisk();
  const storage = new FaultyStorage(disk);
  const unit = new DiskUnit({ storage, serial: 'virtiolab' });
  const behaviour = new ScsiDevice({ units: [{ target: 0, lun: 0, unit }] });
  const storages = [storage];
  return {
    behaviour,
    hands: {
      holdWork: () => {
        const releases = storages.map(holdWork);
        return () => {
          for (const release of releases) release();
        };
      },
      resizeDisk: (sectors) => {
        disk.resize(sectors * SECTOR_BYTES);
        unit.capacityChanged();
      },
      plugUnit: () => {
        const more = new FaultyStorage(newDisk());
        const lun = storages.push(more) - 1;
        behaviour.attachLun(0, lun, new DiskUnit({ storage: more }));
        return lun;
      },
      unplugUnit: (lun) => void behaviour.detachLun(0, lun),
    },
  };
}
