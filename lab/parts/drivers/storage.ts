import { BlockDriver, ScsiDisk, ScsiDriver } from 'virtiolab/driver';
import { SECTOR_BYTES } from 'virtiolab/layout';
import { bytesText, type Driven, whole } from './driven.ts';

const MOST_SECTORS = 64;
const sector = whole('Sector', 0, 0, 0xffff);
const sectors = whole('Sectors', 1, 1, MOST_SECTORS);
const byte = whole('Byte', 0x5a, 0, 0xff);

const filled = (count: number, value: number) => new Uint8Array(count * SECTOR_BYTES).fill(value);

export const block: Driven<BlockDriver> = {
  open: (transport, memory, { ringFeatures }) => new BlockDriver(transport, memory, { ringFeatures }),
  rings: ({ driver }) => driver,
  moves: {
    read: {
      label: 'Read',
      by: 'driver',
      fields: [sector, sectors],
      run: async (driver, [at, count]) => bytesText(await driver.read(Number(at), Number(count))),
    },
    write: {
      label: 'Write',
      by: 'driver',
      fields: [sector, sectors, byte],
      run: async (driver, [at, count, value]) => {
        await driver.write(Number(at), filled(Number(count), Number(value)));
        return `${count} sectors written`;
      },
    },
    flush: {
      label: 'Flush',
      by: 'driver',
      fields: [],
      run: async (driver) => {
        await driver.flush();
        return 'flushed';
      },
    },
    id: { label: 'Ask for the id', by: 'driver', fields: [], run: (driver) => driver.getId() },
    resize: {
      label: 'Resize the disk',
      by: 'outside',
      fields: [whole('Sectors', 80, 1, 0xffff)],
      run: async (driver, [count], { hands }) => {
        await hands.resizeDisk?.(Number(count));
        return `the driver knows of ${driver.capacity} sectors`;
      },
    },
  },
};

interface OpenScsi {
  readonly driver: ScsiDriver;
  readonly disk: ScsiDisk;
  close(): void;
}

export const scsi: Driven<OpenScsi> = {
  open: (transport, memory, { ringFeatures }) => {
    const driver = new ScsiDriver(transport, memory, { ringFeatures });
    return { driver, disk: new ScsiDisk(driver, { target: 0, lun: 0 }), close: () => driver.close() };
  },
  moves: {
    read: {
      label: 'Read',
      by: 'driver',
      fields: [sector, sectors],
      run: async ({ disk }, [at, count]) => bytesText(await disk.read(Number(at), Number(count))),
    },
    write: {
      label: 'Write',
      by: 'driver',
      fields: [sector, sectors, byte],
      run: async ({ disk }, [at, count, value]) => {
        await disk.write(Number(at), filled(Number(count), Number(value)));
        return `${count} sectors written`;
      },
    },
  },
};
