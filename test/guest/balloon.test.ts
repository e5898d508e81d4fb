import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { GuestWindow } from '../../src/hosts/present/present.ts';
import { ways } from '../../src/mmr/index.ts';
import { BalloonDevice, type BalloonEvent, type BalloonOptions } from '../../src/virtio/index.ts';
import { guestWays, Lab, pciFolder } from './lab.ts';
import { pieces, skipNote } from './support.ts';

const DEVICE = 5;
const PAGES = 4096;
const PATIENCE = { timeout: 30_000 };
/** Linux kicks its statistics queue before it sets DRIVER_OK, which only a legacy driver may. */
const broken = (window: GuestWindow) => (ways[window].modern ? ['INIT-08'] : []);
/**
 * A guest this small has too little memory to report any of it in the largest blocks; smaller ones are asked for, and
 * freed, once the driver is there.
 */
const REPORT = [
  'echo 3 > /sys/module/page_reporting/parameters/page_reporting_order',
  'dd if=/dev/zero of=/tmp/freed bs=1M count=8 2>/dev/null; rm /tmp/freed',
].join('\n');

describe.skipIf(pieces === null)(`Linux's balloon driver${skipNote}`, () => {
  let lab: Lab;
  let events: BalloonEvent[];

  beforeEach(async () => {
    lab = await Lab.start();
    events = [];
  });
  afterEach(() => lab?.destroy());

  const make = (options: BalloonOptions) =>
    new BalloonDevice({ ...options, onEvent: (event) => events.push(event) });
  /** Kilobytes, by the name that /proc/meminfo has. */
  const meminfo = async (name: string) =>
    Number(await lab.sh(`awk '/^${name}:/ { print $2 }' /proc/meminfo`));
  const reached = (device: BalloonDevice, pages: number) =>
    vi.waitFor(() => expect([device.actual, device.inflated.size]).toEqual([pages, pages]), PATIENCE);

  describe.each(guestWays)('through $name', ({ window, transportFeatures }) => {
    it('gives memory to its host and takes it back, and says how it is', async () => {
      const device = make({ discard: true });
      lab.present(device, DEVICE, window, undefined, transportFeatures);
      await lab.rescan();
      const [total, free] = [await meminfo('MemTotal'), await meminfo('MemFree')];
      device.setTarget(PAGES);
      await reached(device, PAGES);
      // The pages are not the guest's any more: 16 MiB less of all memory, and of what is free.
      expect(total - (await meminfo('MemTotal'))).toBe(4 * PAGES);
      expect(free - (await meminfo('MemFree'))).toBeGreaterThan(3 * PAGES);
      const [first] = device.inflated.ranges();
      const page = lab.board.ram.read(first!.first * 4096, 4096);
      expect(page.every((byte) => byte === 0)).toBe(true);
      device.setTarget(100);
      await reached(device, 100);
      expect(total - (await meminfo('MemTotal'))).toBe(400);
      expect(device.requestStatistics()).toBe(true);
      await vi.waitFor(() => expect(events.at(-1)?.kind).toBe('statistics'), PATIENCE);
      const { totalMemory, freeMemory } = device.statistics;
      expect(Number(totalMemory) / 1024).toBe(total - 400);
      expect(Math.abs(Number(freeMemory) / 1024 - (await meminfo('MemFree')))).toBeLessThan(4096);
      expect(device.statistics.majorFaults).toBeTypeOf('bigint');
      // Whoever unbinds the driver gets everything back first. The last interrupt of that may come too late to be taken.
      await lab.sh(`echo 1 > ${pciFolder(DEVICE)}/remove`);
      expect([device.actual, device.inflated.size]).toEqual([0, 0]);
      expect(lab.clauses).toEqual(broken(window));
    });
  });

  it.each(['mmr', 'modern'] as const)('hints at free pages, and reports them, through %s', async (window) => {
    const device = make({ freePageHints: true, freePageReports: true });
    lab.present(device, DEVICE, window);
    await lab.rescan();
    const free = await meminfo('MemFree');
    const commandId = device.hints.start();
    await vi.waitFor(() => expect(events).toContainEqual({ kind: 'hinted all', commandId }), PATIENCE);
    // Free memory comes in blocks of the largest order; what is left are smaller ones.
    expect(device.hints.pages.size * 4).toBeGreaterThan(free / 2);
    device.hints.done();
    await vi.waitFor(async () => expect(await meminfo('MemFree')).toBeGreaterThan(free / 2), PATIENCE);
    await lab.sh(REPORT);
    await vi.waitFor(() => expect(device.reported.size).toBeGreaterThan(1000), PATIENCE);
    expect(lab.clauses).toEqual(broken(window));
  });

  it('finds the reporting queue where QEMU has it, behind a gap that is closed', async () => {
    const device = make({ freePageReports: true, numbering: 'contiguous', discard: true });
    lab.present(device, DEVICE, 'io-bar');
    await lab.rescan();
    await lab.sh(REPORT);
    await vi.waitFor(() => expect(device.reported.size).toBeGreaterThan(1000), PATIENCE);
    expect(await lab.sh('echo alive; seq 1 1000 | md5sum')).toMatch(
      /^alive\n53d025127ae99ab79e8502aae2d9bea6/,
    );
    expect(lab.findings).toEqual([]);
  });
});
