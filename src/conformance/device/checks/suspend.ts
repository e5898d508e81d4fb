import type { Width } from '../../../core/index.ts';
import {
  balloonConfig,
  blockConfig,
  blockFeature,
  deviceStatus,
  feature,
  featureBits,
  scsiConfig,
} from '../../../virtio/layout/index.ts';
import type { Bench, Running, StartOptions } from '../bench.ts';
import type { Check } from '../check.ts';
import { changingFeatures, greet, statusOf } from '../probe.ts';

const settings = ['modern', 'packed'] as const;
const { acknowledge, driver, driverOk, suspend, needsReset } = deviceStatus;

/** Fields that drivers write, by type, with another value than they have; and the feature that one needs. */
const writable: Readonly<
  Record<
    string,
    { readonly offset: number; readonly width: number; readonly value: number; readonly needs?: number }
  >
> = {
  balloon: { ...balloonConfig.actual, value: 0x55 },
  scsi: { ...scsiConfig.senseSize, value: 64 },
  block: { ...blockConfig.writeback, value: 0, needs: blockFeature.configWriteCache },
};

/** A device at work that can be suspended. */
function start(bench: Bench, options: StartOptions = {}): Running {
  bench.needs(feature.suspend, 'SUSPEND');
  return bench.start(options);
}

/** Status shows a bit and not another, or asks for a reset. @throws Silence */
async function becomes(bench: Bench, clause: string, set: number, clear: number): Promise<void> {
  const status = statusOf(bench);
  await bench.until(
    clause,
    `status with 0x${set.toString(16)} and without 0x${clear.toString(16)}, or DEVICE_NEEDS_RESET`,
    () => {
      const value = bench.get(status);
      return (value & needsReset) !== 0 || (value & (set | clear)) === set;
    },
  );
  if ((bench.get(status) & needsReset) !== 0) bench.skip('the device asks for a reset instead');
}

async function suspended(bench: Bench): Promise<void> {
  bench.put(statusOf(bench), bench.get(statusOf(bench)) | suspend);
  await becomes(bench, 'SUSP-12', suspend, driverOk);
}

async function resumed(bench: Bench): Promise<void> {
  bench.put(statusOf(bench), bench.get(statusOf(bench)) | driverOk);
  await becomes(bench, 'SUSP-13', driverOk, suspend);
}

/** Exposes a request and kicks, whatever the driver knows of the device. */
function expose(bench: Bench, { driver: running, request }: Running): void {
  const { queue } = request;
  const ring = running.rings.get(queue)!;
  running.add(queue, bench.buffers(request.out, request.inBytes));
  ring.publish();
  bench.transport.notify(queue, ring.position);
}

/** Suspension, and its end. */
export const suspendChecks: readonly Check[] = [
  {
    id: 'suspend-too-early',
    clauses: ['SUSP-07'],
    settings,
    says: 'SUSPEND is ignored before the device is initialized',
    hostile: true,
    run(bench) {
      bench.needs(feature.suspend, 'SUSPEND');
      greet(bench);
      bench.put(statusOf(bench), acknowledge | driver | suspend);
      const status = bench.get(statusOf(bench));
      bench.check('SUSP-07', (status & suspend) === 0, 'status without SUSPEND', `0x${status.toString(16)}`);
    },
  },
  {
    id: 'suspend-and-resume',
    clauses: ['SUSP-12', 'SUSP-13'],
    settings,
    says: 'a device that is asked to suspend itself does, one that is asked to resume does, and serves again',
    async run(bench) {
      const running = start(bench);
      await bench.ask(running, 'SUSP-12');
      await suspended(bench);
      await resumed(bench);
      await bench.ask(running, 'SUSP-13');
    },
  },
  {
    id: 'suspended-keeps-still',
    clauses: ['SUSP-09'],
    settings,
    says: 'a suspended device takes nothing from queues, and tells nothing',
    async run(bench) {
      const running = start(bench);
      await suspended(bench);
      const before = running.signals.queue;
      expose(bench, running);
      await bench.lull();
      const taken = running.driver.take(running.request.queue) !== null;
      bench.check('SUSP-09', !taken, 'the chain left alone', 'it was used');
      bench.equal('SUSP-09', 'interrupts of queues', running.signals.queue - before, 0);
    },
  },
  {
    id: 'suspended-after-the-last-word',
    clauses: ['SUSP-14'],
    settings,
    says: 'before it is suspended a device finishes what it has begun, and tells of it',
    async run(bench) {
      const running = start(bench);
      expose(bench, running);
      await suspended(bench);
      await bench.lull();
      if (running.driver.take(running.request.queue) === null) return;
      bench.check('SUSP-14', running.signals.queue > 0, 'an interrupt for what was used', 'none');
    },
  },
  {
    id: 'suspended-configuration-stays',
    clauses: ['SUSP-08'],
    settings,
    types: Object.keys(writable),
    says: 'configuration cannot be written while the device is suspended',
    async run(bench) {
      const { offset, width, value, needs } = writable[bench.type.name]!;
      if (needs !== undefined) bench.needs(needs, `feature ${needs} of the type`);
      start(bench, { features: featureBits(bench.offered()) });
      await suspended(bench);
      const before = bench.config(offset, width as Width);
      bench.registers.config.write(offset, width as Width, value);
      bench.equal('SUSP-08', `configuration at ${offset}`, bench.config(offset, width as Width), before);
    },
  },
  {
    id: 'suspended-changes-wait',
    clauses: ['SUSP-10', 'SUSP-11'],
    settings,
    says: 'a change of configuration is told when the device is resumed, and not before',
    async run(bench) {
      const change = bench.hand('changeConfig');
      const { signals } = start(bench, { features: changingFeatures(bench) });
      await suspended(bench);
      const before = signals.config;
      await change();
      await bench.lull();
      bench.equal('SUSP-10', 'configuration change notifications', signals.config - before, 0);
      await resumed(bench);
      await bench.until('SUSP-11', 'a configuration change notification', () => signals.config > before);
    },
  },
];
