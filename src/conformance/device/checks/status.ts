import { availableRing, deviceStatus, feature, isrStatus } from '../../../virtio/layout/index.ts';
import { Bench } from '../bench.ts';
import type { Check } from '../check.ts';
import { reset, statusOf } from '../probe.ts';
import { RingUse } from '../ring-use.ts';

const { acknowledge, driver } = deviceStatus;
const legacy = ['legacy'] as const;

/** Device status and reset, by either interface. */
export const statusChecks: readonly Check[] = [
  {
    id: 'reset-shows-zero',
    clauses: ['BF-RST-01'],
    says: 'writing 0 to the device status resets the device, and it reads 0 then',
    async run(bench) {
      bench.put(statusOf(bench), acknowledge | driver);
      await reset(bench, bench.modern ? 'PCI-COM-07' : 'BF-RST-01');
    },
  },
  {
    id: 'reset-ends-use',
    clauses: ['BF-RST-02'],
    says: 'after a reset nothing is taken from queues, and nobody is told',
    async run(bench) {
      const { driver: running, request, signals } = bench.start();
      const buffers = bench.buffers(request.out, request.inBytes);
      // What a device has to tell when it starts is told then.
      await bench.lull();
      await reset(bench, 'BF-RST-02');
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
    id: 'needs-reset-told',
    clauses: ['BF-STAT-06', 'BF-STAT-07'],
    settings: ['modern'],
    says: 'a device that a ring has broken asks for a reset, and the driver is told',
    async run(bench) {
      const use = new RingUse(bench, { ringFeatures: [] });
      const { size, place, writer } = use.ring;
      use.ring.expose(use.prepare().list);
      // A head that is no descriptor's.
      bench.memory.ram.write(place.driver + availableRing.ring.offset, Uint8Array.of(0xff, 0xff));
      use.kick();
      await bench.lull();
      if (!use.broken) {
        // It may have passed the entry over: then it serves the next one.
        writer.setFlags(0);
        use.ring.expose(use.prepare().list);
        use.kick();
        await bench.until(
          'BF-STAT-06',
          `DEVICE_NEEDS_RESET, or service, after a head of 0xffff in a ring of ${size}`,
          () => use.broken || use.ring.take() !== null,
        );
        if (!use.broken) return;
      }
      const { signals } = use.running;
      await bench.until('BF-STAT-07', 'a configuration change notification', () => signals.config > 0);
    },
  },
  {
    id: 'legacy-without-version-1',
    clauses: ['LEG-FEAT-02'],
    settings: legacy,
    says: 'a driver that accepts 32 bits, and sets no FEATURES_OK, is served by the legacy rules',
    run: async (bench) => void (await bench.ask(bench.start(), 'LEG-FEAT-02')),
  },
  {
    id: 'legacy-after-packed',
    clauses: ['LEG-LAY-10'],
    settings: legacy,
    says: 'for a legacy driver bits from 32 on count as not accepted, whatever the driver before it accepted',
    async run(bench) {
      if (!bench.subject.settings.includes('packed')) bench.skip('the function has no other interface');
      const before = new Bench(bench.subject, 'packed', bench.bus);
      before.needs(feature.ringPacked, 'RING_PACKED');
      before.start();
      before.transport.disconnect();
      await bench.ask(bench.start(), 'LEG-LAY-10');
    },
  },
  {
    id: 'legacy-before-driver-ok',
    clauses: ['LEG-INIT-03'],
    settings: legacy,
    says: 'a legacy driver is served before DRIVER_OK',
    run: async (bench) => void (await bench.ask(bench.start({ untilDriverOk: true }), 'LEG-INIT-03')),
  },
];
