import { describe, expect, it } from 'vitest';
import { judgeConfig } from '../../src/conformance/config.ts';
import { describeImage } from '../../src/trace/index.ts';
import { cut, dumped, dumpNames } from './support.ts';

/** What every dump breaks, and what kind of function it is. */
const verdicts: Readonly<Record<string, readonly [kind: string | null, ...clauses: string[]]>> = {
  'cloud-blk-1001-legacy-memory-bar0-64': ['unknown', 'LEG-DET-01'],
  'cloud-console-1003-legacy-64': ['unknown'],
  'cloud-net-1000-legacy-memory-bar0-64': ['unknown', 'LEG-DET-01'],
  'cloudhv-fs-105a-modern-shm': ['modern', 'PCI-CFGW-01'],
  'hw-blk-1001-memory-bars-sriov-pf': ['transitional-memory', 'LEG-DET-01', 'PCI-CFGW-01'],
  'hyperv-wsl2-console-1043-modern-64': ['modern'],
  'qemu-balloon-1002-transitional-no-msix': ['transitional'],
  'qemu-balloon-1045-modern-express': ['modern'],
  'qemu-blk-1001-transitional': ['transitional'],
  'qemu-blk-1001-transitional-2': ['transitional'],
  'qemu-blk-1001-transitional-3-64': ['unknown'],
  'qemu-net-1000-transitional': ['transitional'],
  'qemu-net-1000-transitional-pciutils': ['transitional', 'PCI-CFGW-01'],
  'sriov-layout-cap-dvsec-cxl': [null],
  'sriov-layout-cap-pcie-2': [null],
  'sriov-layout-cap-phy32': [null],
  'virtualbox-net-1000-transitional': ['transitional'],
};

describe('a function of another machine', () => {
  it('is judged in each dump that there is', () => {
    expect(dumpNames.toSorted()).toEqual(Object.keys(verdicts).toSorted());
  });

  it.each(dumpNames)('%s', (name) => {
    const { image } = dumped(name);
    const { findings } = judgeConfig(image);
    expect([describeImage(image).kind, ...findings.map(({ clause }) => clause)]).toEqual(verdicts[name]);
  });

  it.each(dumpNames)('%s: of its first bytes nothing is said that all of them do not say', (name) => {
    const { image } = dumped(name);
    const all = judgeConfig(image).findings.map(({ clause, offset }) => `${clause} ${offset}`);
    for (let length = 0; length < Math.min(image.length, 300); length++)
      for (const { clause, offset } of judgeConfig(cut(image, length)).findings)
        expect(all, `${length} bytes`).toContain(`${clause} ${offset}`);
  });

  it('has SR-IOV read by its table', () => {
    const { extended } = describeImage(dumped('sriov-layout-cap-pcie-2').image);
    expect(extended.find(({ name }) => name === 'singleRootIov')).toMatchObject({
      offset: 0x160,
      fields: { totalVfs: 8, initialVfs: 8, numVfs: 1, firstVfOffset: 384, vfStride: 2, vfDeviceId: 0x10ca },
    });
  });

  it('that is no function of its own is a bridge, or unknown', () => {
    const { image } = dumped('qemu-net-1000-transitional');
    image.set(0x0e, 0x81);
    image.set(0x19, 4);
    expect(describeImage(image)).toMatchObject({
      header: 'bridge',
      kind: null,
      buses: { secondary: 4 },
      subsystemId: null,
    });
    image.set(0x0e, 0x33);
    expect(describeImage(image)).toMatchObject({ header: null, bars: [] });
    expect(judgeConfig(image).findings).toEqual([]);
  });
});
