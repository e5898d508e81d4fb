import { describe, expect, it } from 'vitest';
import { MeteredDma } from '../../src/compare/metered-dma.ts';
import { workloadNames, workloads } from '../../src/compare/workloads.ts';
import { functionAddress, GuestMemory, type Task } from '../../src/core/index.ts';
import { DmaMemory, findFunction, runFirmware } from '../../src/driver/index.ts';
import { type WayName, ways } from '../../src/mmr/index.ts';
import { Machine } from '../../src/pci/index.ts';

const PLACE = functionAddress(0, 4);

describe('a domain that counts transfers', () => {
  const domain = () => new MeteredDma(GuestMemory.allocate({ start: 0x1000, length: 0x1000 }));
  const bytes = new Uint8Array(256);

  it.each([
    { name: 'a payload is one transfer', at: [[0x1000, 200]], transfers: 1, sum: 200 },
    {
      name: 'fields of one line, one after the other, are one',
      at: [
        [0x1040, 2],
        [0x1042, 2],
      ],
      transfers: 1,
      sum: 4,
    },
    {
      name: 'a gap between them is transferred too',
      at: [
        [0x1060, 4],
        [0x1040, 2],
      ],
      transfers: 1,
      sum: 36,
    },
    {
      name: 'the next line is another',
      at: [
        [0x107e, 2],
        [0x1080, 2],
      ],
      transfers: 2,
      sum: 4,
    },
    {
      name: 'what was there already counts once',
      at: [
        [0x1040, 16],
        [0x1044, 4],
      ],
      transfers: 1,
      sum: 16,
    },
    {
      name: 'a payload in between ends it',
      at: [
        [0x1040, 2],
        [0x1070, 32],
        [0x1042, 2],
      ],
      transfers: 3,
      sum: 36,
    },
  ])('$name', ({ at, transfers, sum }) => {
    const dma = domain();
    for (const [address, length] of at) dma.read(address!, bytes, 0, length!);
    expect(dma.meter.counts).toEqual({ reads: transfers, readBytes: sum, writes: 0, writtenBytes: 0 });
    for (const [address, length] of at) dma.write(address!, bytes, 0, length!);
    expect(dma.meter.counts).toEqual({
      reads: transfers,
      readBytes: sum,
      writes: transfers,
      writtenBytes: sum,
    });
  });

  it('a change of direction begins another transfer', () => {
    const dma = domain();
    dma.read(0x1000, bytes, 0, 4);
    dma.writeByte(0x1004, 1);
    dma.read(0x1004, bytes, 0, 4);
    expect(dma.meter.counts).toEqual({ reads: 2, readBytes: 8, writes: 1, writtenBytes: 1 });
  });

  it('what is out of reach was no transfer', () => {
    const dma = domain();
    expect([dma.read(0x3000, bytes, 0, 4), dma.writeByte(0x3000, 1)]).toEqual([false, false]);
    expect(dma.meter.counts).toEqual({ reads: 0, readBytes: 0, writes: 0, writtenBytes: 0 });
  });

  // What pins it down is RAM itself: no byte of it changes while a device works but one that was counted.
  it.each(
    workloadNames.flatMap((name) => (['legacy-memory', 'modern'] as const).map((way) => ({ name, way }))),
  )(
    'no write of $name goes past it, $way',
    async ({ name, way }: { name: keyof typeof workloads; way: WayName & ('legacy-memory' | 'modern') }) => {
      const { usual } = workloads[name].bytes;
      const { behaviour, open } = workloads[name].make(usual);
      const ram = GuestMemory.allocate({ start: 0, length: 16 << 20 });
      const dma = new MeteredDma(ram);
      // Kept back, so that nothing but the device writes while it is kicked: handlers of the driver do too.
      const interrupts: Task[] = [];
      let kicked = false;
      const machine = new Machine({
        ram,
        interruptScheduler: { submit: (task) => (kicked ? void interrupts.push(task) : task.run()) },
      });
      machine.plug(ways[way].build(behaviour).pci, PLACE, dma);
      runFirmware(machine);
      const transport = ways[way].transport(machine, findFunction(machine, PLACE)!);
      const work = await open(transport, new DmaMemory(ram, 0x100000));
      const counted = new Uint8Array(16 << 20);
      const { meter } = dma;
      const count = meter.count.bind(meter);
      meter.count = (writing, at, length) => {
        if (writing) counted.fill(1, at, at + length);
        count(writing, at, length);
      };
      const notify = transport.notify.bind(transport);
      const strays: number[] = [];
      transport.notify = (index, position) => {
        const before = ram.ranges[0]!.bytes.slice();
        kicked = true;
        notify(index, position);
        kicked = false;
        const after = ram.ranges[0]!.bytes;
        if (Buffer.compare(before, after) !== 0)
          for (let at = 0; at < after.length; at++)
            if (before[at] !== after[at] && counted[at] === 0) strays.push(at);
        for (const task of interrupts.splice(0)) task.run();
      };
      await work.request();
      expect(strays).toEqual([]);
      expect(meter.counts.writtenBytes).toBeGreaterThan(0);
      work.close();
    },
  );
});
