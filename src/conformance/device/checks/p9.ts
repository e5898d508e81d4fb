import { MODERN_DEVICE_ID_BASE, p9DeviceType, transitionalIdOf } from '../../../virtio/layout/index.ts';
import type { Check } from '../check.ts';

const types = ['p9'];

/** The 9P transport, of which the text has ids only. */
export const p9Checks: readonly Check[] = [
  {
    id: 'p9-has-its-ids',
    clauses: ['P9-01', 'P9-02'],
    types,
    says: 'a 9P function has device id 0x1049, or 0x1009 with subsystem id 9 where it has the legacy interface',
    run(bench) {
      if (bench.subject.draft !== undefined) bench.skip('a draft gives this function its ids');
      const { deviceId, subsystemId } = bench.found;
      const { typeNumber } = p9DeviceType;
      if (deviceId >= MODERN_DEVICE_ID_BASE)
        bench.equal('P9-01', 'device id', deviceId, MODERN_DEVICE_ID_BASE + typeNumber);
      else {
        bench.equal('P9-02', 'device id', deviceId, transitionalIdOf(p9DeviceType, 'transitional'));
        bench.equal('P9-02', 'subsystem id', subsystemId, typeNumber);
      }
    },
  },
];
