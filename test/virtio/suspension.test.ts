import { describe, expect, it, test } from 'vitest';
import { HeldScheduler, registers, rw } from '../../src/core/index.ts';
import { DeviceConfig, deviceStatus, feature, WaitingChains } from '../../src/virtio/index.ts';
import { BUFFERS, ModernGuest } from './support/guests.ts';
import { Probe } from './support/probe.ts';

const { acknowledge, driver, driverOk, featuresOk, suspend, needsReset, failed } = deviceStatus;
const READY = acknowledge | driver | featuresOk;
const RUNNING = READY | driverOk;
const AT_REST = READY | suspend;
const ASKED = RUNNING | suspend;
const OFFERED = [feature.suspend, feature.ringReset];

/** A started device of two queues whose configuration can be written; chains wait in `probe.taken`. */
function started(accepted: readonly number[] = [feature.suspend], scheduler?: HeldScheduler) {
  const config = new DeviceConfig(registers({ value: rw(0, 4) }));
  const probe = new Probe({ queueSizes: [8, 8], config });
  const guest = new ModernGuest(probe, {
    transportFeatures: OFFERED,
    ...(scheduler === undefined ? {} : { machine: { scheduler } }),
  });
  const rings = guest.start(accepted, [0, 1]);
  guest.clauses();
  const give = (queue: number, head: number) => {
    rings[queue]!.describe(head, { address: BUFFERS + 16 * head, length: 4, flags: 2 });
    rings[queue]!.offer(head);
    guest.kick(queue);
  };
  return { config, probe, guest, rings, give, block: guest.block };
}

type Under = ReturnType<typeof started>;
const status = ({ block }: Under) => block.get('deviceStatus');
const setStatus = ({ block }: Under, value: number) => block.set('deviceStatus', value);
const configAt = ({ guest }: Under) => guest.structure(4);

describe('suspending', () => {
  it('SUSP-02, SUSP-12: an idle device is at rest as soon as it is asked, and shows it', () => {
    const under = started();
    setStatus(under, ASKED);
    expect([status(under), under.guest.clauses()]).toEqual([AT_REST, []]);
  });

  it('SUSP-14: takes no more chains, finishes those that it has and tells of them, and then rests', () => {
    const under = started();
    under.give(0, 0);
    under.give(1, 1);
    setStatus(under, ASKED);
    expect(status(under)).toBe(ASKED);
    under.rings[0]!.offer(2);
    under.guest.kick(0);
    expect(under.guest.clauses()).toEqual(['SUSP-04']);
    under.probe.finish(4);
    expect([status(under), under.guest.interrupts()]).toEqual([ASKED, ['line 11 up']]);
    under.guest.isr();
    under.probe.finish(4);
    expect([status(under), under.probe.handled, under.rings[1]!.used()]).toEqual([
      AT_REST,
      ['0:0', '1:1'],
      [[1, 4]],
    ]);
  });

  it('SUSP-14: what is used in one batch is published before the device is at rest', () => {
    const under = started();
    under.give(0, 0);
    under.give(1, 1);
    setStatus(under, ASKED);
    const seen: number[] = [];
    // The driver looks at status in the handler of the first interrupt, when the second queue has not interrupted yet.
    const before = under.probe.device.interrupts.queue.bind(under.probe.device.interrupts);
    under.probe.device.interrupts.queue = (index) => {
      seen.push(status(under));
      before(index);
    };
    under.probe.device.batch(() => {
      under.probe.finish(4);
      under.probe.finish(4);
      seen.push(status(under));
    });
    expect([seen, status(under)]).toEqual([[ASKED, ASKED, ASKED], AT_REST]);
    expect([under.rings[0]!.usedIndex, under.rings[1]!.usedIndex]).toEqual([1, 1]);
  });

  it('SUSP-14: does not wait for chains that only wait for something to happen, nor does their queue lose them', () => {
    const under = started();
    const waiting = new WaitingChains();
    under.probe.onChain = (chain) => waiting.add(chain);
    under.give(0, 0);
    under.give(0, 1);
    setStatus(under, ASKED);
    expect(status(under)).toBe(AT_REST);
    setStatus(under, RUNNING);
    under.probe.device.complete(waiting.take()!, 0);
    expect(under.rings[0]!.used()).toEqual([[0, 0]]);
    // A chain that was taken from there is being processed.
    const second = waiting.take()!;
    setStatus(under, ASKED);
    expect(status(under)).toBe(ASKED);
    under.probe.device.complete(second, 0);
    expect(status(under)).toBe(AT_REST);
  });

  it('waits for work of the scheduler that was under way', () => {
    const scheduler = new HeldScheduler();
    const under = started([feature.suspend], scheduler);
    scheduler.releaseAll();
    under.give(0, 0);
    setStatus(under, ASKED);
    // The chain was not taken yet, and is not from now on.
    scheduler.releaseAll();
    expect([status(under), under.probe.handled]).toEqual([AT_REST, []]);
    setStatus(under, RUNNING);
    scheduler.releaseAll();
    expect(under.probe.handled).toEqual(['0:0']);
  });

  // SUSP-01, SUSP-07
  test.each([
    ['while status is 0', 0, suspend, 0],
    ['before FEATURES_OK', acknowledge | driver, acknowledge | driver | suspend, acknowledge | driver],
    ['before DRIVER_OK', READY, READY | suspend, READY],
    ['alone, and is no reset', READY, suspend, READY],
    ['in one step with DRIVER_OK', READY, RUNNING | suspend, RUNNING],
  ])('is ignored %s, and reported', (_, before, written, after) => {
    const under = started();
    setStatus(under, 0);
    if (before !== 0) under.guest.negotiate([feature.suspend]);
    if ((before & featuresOk) === 0) {
      setStatus(under, 0);
      if (before !== 0) setStatus(under, before);
    }
    under.guest.clauses();
    setStatus(under, written);
    expect([status(under), under.guest.clauses()]).toEqual([after, ['SUSP-01']]);
    expect(under.guest.device.suspended).toBe(false);
  });

  it('SUSP-01: is ignored where the feature was not accepted', () => {
    const under = started([]);
    setStatus(under, ASKED);
    under.give(0, 0);
    expect([status(under), under.guest.clauses(), under.probe.handled]).toEqual([
      RUNNING,
      ['SUSP-01'],
      ['0:0'],
    ]);
  });

  it('SUSP-12: a device that breaks before it is at rest asks to be reset instead', () => {
    const under = started();
    under.give(0, 0);
    setStatus(under, ASKED);
    under.guest.device.fail('SPL-DESC-05', 'broken');
    under.probe.finish();
    expect([status(under), under.guest.isr()]).toEqual([RUNNING | needsReset, 3]);
    setStatus(under, ASKED | needsReset);
    expect(status(under)).toBe(RUNNING | needsReset);
  });
});

describe('a suspended device', () => {
  const atRest = () => {
    const under = started();
    setStatus(under, ASKED);
    status(under);
    return under;
  };

  it('SUSP-09: takes nothing, whatever is kicked, and reports the kick (SUSP-04)', () => {
    const under = atRest();
    under.give(0, 0);
    expect([under.guest.clauses(), under.probe.handled, under.rings[0]!.usedIndex]).toEqual([
      ['SUSP-04'],
      [],
      0,
    ]);
  });

  it('SUSP-09: reaches no memory: what its back end has to say waits', () => {
    const under = atRest();
    const ran: string[] = [];
    under.probe.device.whenDma({ label: 'late', run: () => void ran.push('late') });
    expect([under.probe.device.dmaEnabled, ran]).toEqual([false, []]);
    setStatus(under, RUNNING);
    expect([under.probe.device.dmaEnabled, ran]).toEqual([true, ['late']]);
  });

  it('stays without DMA when bus mastering goes off and on', () => {
    const under = atRest();
    const ran: string[] = [];
    under.probe.device.whenDma({ label: 'late', run: () => void ran.push('late') });
    under.guest.config.command(3);
    under.guest.config.command(7);
    expect(ran).toEqual([]);
    under.guest.config.command(3);
    setStatus(under, RUNNING);
    expect(ran).toEqual([]);
    under.guest.config.command(7);
    expect(ran).toEqual(['late']);
  });

  it('SUSP-09..11: shows the configuration of when it came to rest, and tells of a change when it goes on', () => {
    const under = started();
    under.config.set('value', 1);
    const generation = under.block.get('configGeneration');
    setStatus(under, ASKED);
    status(under);
    under.config.set('value', 2);
    under.probe.device.configChanged();
    under.probe.device.configChanged();
    const read = () => [
      under.guest.machine.memoryRead(configAt(under), 4),
      under.block.get('configGeneration'),
    ];
    expect([read(), under.guest.interrupts(), under.guest.isr()]).toEqual([[1, generation], [], 0]);
    setStatus(under, RUNNING);
    expect([under.guest.interrupts(), under.guest.isr()]).toEqual([['line 11 up'], 2]);
    expect(read()).toEqual([2, generation + 1]);
  });

  it('says nothing when it goes on where nothing changed', () => {
    const under = atRest();
    setStatus(under, RUNNING);
    expect([under.guest.interrupts(), under.guest.isr(), status(under)]).toEqual([[], 0, RUNNING]);
  });

  it('SUSP-08: takes no write of its configuration, and reports it (SUSP-05)', () => {
    const under = atRest();
    under.guest.machine.memoryWrite(configAt(under), 4, 7);
    expect([under.guest.clauses(), under.config.get('value')]).toEqual([['SUSP-05'], 0]);
    setStatus(under, RUNNING);
    under.guest.machine.memoryWrite(configAt(under), 4, 7);
    expect([under.guest.clauses(), under.config.get('value')]).toEqual([[], 7]);
  });

  it.each([
    ['SUSPEND still set', ASKED],
    ['SUSPEND cleared', RUNNING],
  ])('SUSP-13: goes on when DRIVER_OK is set, with %s: chains that wait are taken', (_, written) => {
    const under = atRest();
    under.give(0, 0);
    under.guest.clauses();
    under.probe.told.length = 0;
    setStatus(under, written);
    expect([status(under), under.probe.handled, under.guest.clauses()]).toEqual([RUNNING, ['0:0'], []]);
    // It was started before.
    expect(under.probe.told).toEqual([]);
  });

  it('stays so without DRIVER_OK, and keeps what else is set', () => {
    const under = atRest();
    setStatus(under, AT_REST | failed);
    expect(status(under)).toBe(AT_REST | failed);
  });

  it('SUSP-10, SUSP-11: an error is told of when it goes on', () => {
    const under = atRest();
    under.guest.device.fail('SPL-DESC-05', 'broken');
    expect([status(under), under.guest.isr(), under.guest.interrupts()]).toEqual([
      AT_REST | needsReset,
      0,
      [],
    ]);
    setStatus(under, ASKED | needsReset);
    expect([status(under), under.guest.isr()]).toEqual([RUNNING | needsReset, 2]);
  });

  it('is reset as any other', () => {
    const under = atRest();
    under.config.set('value', 5);
    under.probe.device.configChanged();
    setStatus(under, 0);
    expect([status(under), under.guest.device.suspended, under.guest.isr()]).toEqual([0, false, 0]);
    expect(under.guest.machine.memoryRead(configAt(under), 4)).toBe(5);
    under.guest.start([feature.suspend]);
    expect([status(under), under.guest.isr()]).toEqual([RUNNING, 0]);
  });

  it('is carried over in a saved state, with what it held back', () => {
    const under = started();
    under.config.set('value', 1);
    setStatus(under, ASKED);
    status(under);
    under.config.set('value', 2);
    under.probe.device.configChanged();
    under.give(0, 3);
    const fresh = started();
    fresh.guest.machine.load(under.guest.machine.save());
    const read = () => fresh.guest.machine.memoryRead(configAt(fresh), 4);
    expect([status(fresh), read(), fresh.probe.handled, fresh.guest.isr()]).toEqual([AT_REST, 1, [], 0]);
    setStatus(fresh, RUNNING);
    expect([status(fresh), read(), fresh.probe.handled, fresh.guest.isr()]).toEqual([RUNNING, 2, ['0:3'], 2]);
  });

  it('that was saved on its way finishes what it had taken', () => {
    const under = started();
    under.give(0, 0);
    setStatus(under, ASKED);
    const fresh = started();
    fresh.guest.machine.load(under.guest.machine.save());
    expect([status(fresh), fresh.probe.handled]).toEqual([ASKED, ['0:0']]);
    fresh.probe.finish(4);
    expect(status(fresh)).toBe(AT_REST);
  });
});
