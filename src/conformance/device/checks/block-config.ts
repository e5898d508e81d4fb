import type { Width } from '../../../core/index.ts';
import { DeviceFailedError } from '../../../driver/index.ts';
import {
  BLOCK_ZONED_OFFSET,
  blockConfig,
  blockFeature,
  blockZonedConfig,
  blockZoneModel,
  deviceStatus,
  legacyHeader,
} from '../../../virtio/layout/index.ts';
import type { Bench } from '../bench.ts';
import type { Check, Setting } from '../check.ts';
import { readRegister } from '../registers.ts';
import { Disk } from '../types/block.ts';

const types = ['block'];
const legacy: readonly Setting[] = ['legacy'];
const modern: readonly Setting[] = ['modern', 'packed'];
const { acknowledge, driver, driverOk } = deviceStatus;
const { hostManaged, hostAware, none } = blockZoneModel;

const writeback = (bench: Bench) => readRegister(bench.registers.config, blockConfig.writeback);
const zoned = (bench: Bench, name: keyof typeof blockZonedConfig, index = 0): number => {
  const { offset, width } = blockZonedConfig[name];
  return bench.config(BLOCK_ZONED_OFFSET + offset + index, width as Width);
};

function needsCacheMode(bench: Bench): void {
  bench.needs(blockFeature.configWriteCache, 'CONFIG_WCE');
}

/** The cache mode of a legacy device stays as it is while the driver does something. */
function keepsCacheMode(bench: Bench, clause: string, what: string, step: () => void): void {
  const before = writeback(bench);
  step();
  bench.equal(clause, `writeback after ${what}`, writeback(bench), before);
}

/** What a block device offers, and what its configuration shows. */
export const blockConfigChecks: readonly Check[] = [
  {
    id: 'block-legacy-bits',
    clauses: ['LEG-BLK-01'],
    types,
    settings: modern,
    says: 'BARRIER and SCSI are not offered to a modern driver',
    run(bench) {
      for (const [name, bit] of [
        ['BARRIER', blockFeature.barrier],
        ['SCSI', blockFeature.scsi],
      ] as const)
        bench.check('LEG-BLK-01', !bench.offers(bit), `${name} not offered`, 'it is');
    },
  },
  {
    id: 'block-offers-flush',
    clauses: ['BLK-INIT-08'],
    types,
    says: 'FLUSH is offered',
    run: (bench) =>
      bench.check('BLK-INIT-08', bench.offers(blockFeature.flush), 'FLUSH offered', 'it is not'),
  },
  {
    id: 'block-cache-mode-wants-flush',
    clauses: ['BLK-INIT-09'],
    types,
    says: 'CONFIG_WCE is offered with FLUSH only',
    run(bench) {
      needsCacheMode(bench);
      bench.check('BLK-INIT-09', bench.offers(blockFeature.flush), 'FLUSH offered as well', 'it is not');
    },
  },
  {
    id: 'block-writethrough-without-flush',
    clauses: ['BLK-INIT-10'],
    types,
    settings: modern,
    says: 'a driver with CONFIG_WCE and without FLUSH finds writeback 0',
    run(bench) {
      needsCacheMode(bench);
      bench.start({ features: [blockFeature.configWriteCache], untilDriverOk: true });
      bench.equal('BLK-INIT-10', 'writeback', writeback(bench), 0);
    },
  },
  {
    id: 'block-padding-reads-zero',
    clauses: ['BLK-INIT-11'],
    types,
    says: 'unused0 and unused1 read 0',
    run(bench) {
      const { unused0, unused1 } = blockConfig;
      const fields = [
        [blockFeature.configWriteCache, unused0],
        [blockFeature.writeZeroes, unused1],
      ] as const;
      for (const [bit, { offset, count }] of fields)
        if (bench.offers(bit))
          for (let i = 0; i < count; i++)
            bench.equal(
              'BLK-INIT-11',
              `byte ${offset + i} of the configuration`,
              bench.config(offset + i, 1),
              0,
            );
    },
  },
  {
    id: 'block-zoned-is-zoned',
    clauses: ['BLK-INIT-12'],
    types,
    settings: modern,
    says: 'a disk without zones does not offer ZONED',
    run(bench) {
      if (!bench.offers(blockFeature.zoned)) return;
      bench.check('BLK-INIT-12', zoned(bench, 'model') !== none, 'a zone model, or no ZONED', 'model 0');
    },
  },
  {
    id: 'block-zoned-not-for-legacy',
    clauses: ['BLK-INIT-13'],
    types,
    settings: legacy,
    says: 'ZONED is not offered to a legacy driver',
    run: (bench) =>
      bench.check('BLK-INIT-13', !bench.offers(blockFeature.zoned), 'ZONED not offered', 'it is'),
  },
  {
    id: 'block-zoned-not-accepted',
    clauses: ['BLK-INIT-14'],
    types,
    settings: modern,
    says: 'without ZONED a host-managed device refuses FEATURES_OK, and another works with its zoned fields at 0',
    run(bench) {
      bench.needs(blockFeature.zoned, 'ZONED');
      const managed = zoned(bench, 'model') === hostManaged;
      try {
        bench.start();
      } catch (error) {
        if (managed && error instanceof DeviceFailedError) return;
        throw error;
      }
      bench.check('BLK-INIT-14', !managed, 'FEATURES_OK refused', 'it stands');
      for (const name of Object.keys(blockZonedConfig) as (keyof typeof blockZonedConfig)[])
        bench.equal('BLK-INIT-14', name, zoned(bench, name), 0);
    },
  },
  {
    id: 'block-zoned-fields',
    clauses: ['BLK-INIT-15'],
    types,
    settings: modern,
    says: 'with ZONED the fields are those of a zone model: zones of a size, a granularity, padding of 0',
    run(bench) {
      bench.needs(blockFeature.zoned, 'ZONED');
      bench.start({ features: [blockFeature.zoned], untilDriverOk: true });
      const model = zoned(bench, 'model');
      const known = [none, hostManaged, hostAware] as readonly number[];
      bench.check('BLK-INIT-15', known.includes(model), 'a zone model', `model ${model}`);
      if (model === none) return;
      for (const name of ['zoneSectors', 'writeGranularity'] as const)
        bench.check('BLK-INIT-15', zoned(bench, name) !== 0, `${name} of more than 0`, '0');
      for (let i = 0; i < blockZonedConfig.unused2.count; i++)
        bench.equal('BLK-INIT-15', 'unused2', zoned(bench, 'unused2', i), 0);
    },
  },
  {
    id: 'block-capacity-of-legacy-drivers',
    clauses: ['LEG-BLK-02'],
    types,
    settings: legacy,
    says: "a legacy driver reads the capacity in the guest's order: the last sector of it can be read",
    async run(bench) {
      const disk = new Disk(bench);
      const last = disk.capacity - 1;
      const expected = `sector ${last}, the last by the capacity, to be read`;
      const { status } = await disk.ask('LEG-BLK-02', 0, { sector: last, inBytes: 512 });
      bench.check('LEG-BLK-02', status === 0, expected, `status ${status}`);
    },
  },
  {
    id: 'block-cache-mode-before-driver',
    clauses: ['LEG-BLK-03'],
    types,
    settings: legacy,
    says: 'a legacy driver may set writeback before it sets DRIVER',
    run(bench) {
      needsCacheMode(bench);
      bench.transport.reset();
      const { offset } = blockConfig.writeback;
      for (const mode of [0, 1]) {
        bench.registers.config.write(offset, 1, mode);
        bench.equal('LEG-BLK-03', 'writeback, as it was written', writeback(bench), mode);
      }
    },
  },
  {
    id: 'block-cache-mode-and-status',
    clauses: ['LEG-BLK-05'],
    types,
    settings: legacy,
    says: 'status bits of a legacy driver leave the cache mode alone; DRIVER_OK does with CONFIG_WCE',
    run(bench) {
      needsCacheMode(bench);
      const { deviceStatus: status, driverFeatures } = legacyHeader;
      const steps = (mode: number) => {
        bench.transport.reset();
        bench.registers.config.write(blockConfig.writeback.offset, 1, mode);
        const raise = (what: string, value: number) =>
          keepsCacheMode(bench, 'LEG-BLK-05', what, () => bench.put(status, value));
        raise('ACKNOWLEDGE', acknowledge);
        raise('DRIVER', acknowledge | driver);
        bench.put(driverFeatures, 1 << blockFeature.configWriteCache);
        raise('DRIVER_OK with CONFIG_WCE', acknowledge | driver | driverOk);
      };
      steps(0);
      steps(1);
    },
  },
  {
    id: 'block-cache-mode-and-features',
    clauses: ['LEG-BLK-06'],
    types,
    settings: legacy,
    says: 'features that a legacy driver writes leave the cache mode alone',
    run(bench) {
      needsCacheMode(bench);
      bench.put(legacyHeader.deviceStatus, acknowledge | driver);
      const wce = 1 << blockFeature.configWriteCache;
      for (const mode of [1, 0]) {
        bench.registers.config.write(blockConfig.writeback.offset, 1, mode);
        for (const features of [wce, wce | (1 << blockFeature.flush), 0])
          keepsCacheMode(bench, 'LEG-BLK-06', `features 0x${features.toString(16)}`, () =>
            bench.put(legacyHeader.driverFeatures, features),
          );
      }
    },
  },
  {
    id: 'block-capacity-changes',
    clauses: ['BLK-OP-15'],
    types,
    says: 'when the capacity changes the driver reads the new one, and is told',
    async run(bench) {
      const resize = bench.hand('resizeDisk');
      const disk = new Disk(bench);
      const sectors = disk.capacity + 8;
      const before = disk.running.signals.config;
      await resize(sectors);
      await bench.until('BLK-OP-15', 'a configuration change', () => disk.running.signals.config > before);
      bench.equal('BLK-OP-15', 'capacity', disk.capacity, sectors);
    },
  },
];
