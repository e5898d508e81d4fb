import { commonConfig, deviceStatus, isrStatus, legacyHeader } from '../../../virtio/layout/index.ts';
import type { Bench } from '../bench.ts';
import type { Check } from '../check.ts';

const { acknowledge, driver } = deviceStatus;

/** The status register of the interface that is spoken. */
const status = ({ modern }: Bench) => (modern ? commonConfig.deviceStatus : legacyHeader.deviceStatus);

/** Device status and reset, by either interface. */
export const statusChecks: readonly Check[] = [
  {
    id: 'reset-shows-zero',
    clauses: ['BF-RST-01'],
    says: 'writing 0 to the device status resets the device, and it reads 0 then',
    async run(bench) {
      bench.put(status(bench), acknowledge | driver);
      bench.put(status(bench), 0);
      const clause = bench.modern ? 'PCI-COM-07' : 'BF-RST-01';
      await bench.until(clause, 'status 0', () => bench.get(status(bench)) === 0);
    },
  },
  {
    id: 'reset-ends-use',
    clauses: ['BF-RST-02'],
    says: 'after a reset nothing is taken from queues, and nobody is told',
    async run(bench) {
      const { driver: running, request, signals } = bench.start();
      const buffers = bench.buffers(request.out, request.inBytes);
      bench.put(status(bench), 0);
      await bench.until('BF-RST-02', 'status 0', () => bench.get(status(bench)) === 0);
      const before = signals.queue;
      running.add(request.queue, buffers);
      running.rings.get(request.queue)!.publish();
      bench.registers.kick(request.queue);
      await bench.lull();
      bench.check('BF-RST-02', running.take(request.queue) === null, 'the chain left alone', 'it was used');
      bench.equal('BF-RST-02', 'interrupts of queues after the reset', signals.queue - before, 0);
    },
  },
  {
    id: 'used-before-driver-ok',
    clauses: ['BF-STAT-05'],
    settings: ['modern', 'packed'],
    says: 'before DRIVER_OK nothing is taken from queues',
    hostile: true,
    async run(bench) {
      const { driver: running, request, signals } = bench.start({ untilDriverOk: true });
      running.add(request.queue, bench.buffers(request.out, request.inBytes));
      running.kick(request.queue);
      await bench.lull();
      bench.check('BF-STAT-05', running.take(request.queue) === null, 'the chain left alone', 'it was used');
      bench.equal('BF-STAT-05', 'interrupts of queues', signals.queue, 0);
    },
  },
  {
    id: 'isr-cleared-by-read',
    clauses: ['PCI-ISR-05', 'PCI-ISR-03'],
    says: 'ISR shows what happened, and is clear once it was read',
    async run(bench) {
      const running = bench.start({ intx: true });
      const { driver: device, request } = running;
      bench.transport.disconnect();
      device.add(request.queue, bench.buffers(request.out, request.inBytes));
      device.kick(request.queue);
      await bench.taken(device, request.queue, 'PCI-ISR-03');
      await bench.lull();
      const first = bench.registers.isr();
      bench.check('PCI-ISR-03', (first & isrStatus.queue) !== 0, 'bit 0 of ISR', `0x${first.toString(16)}`);
      bench.equal('PCI-ISR-05', 'ISR, read again', bench.registers.isr(), 0);
    },
  },
  {
    id: 'status-keeps-bits',
    clauses: ['PCI-COM-07'],
    settings: ['modern'],
    says: 'bits of the status that the driver wrote read back',
    run(bench) {
      for (const value of [acknowledge, acknowledge | driver]) {
        bench.put(status(bench), value);
        bench.equal('PCI-COM-07', 'device_status', bench.get(status(bench)), value);
      }
    },
  },
];
