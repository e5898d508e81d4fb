import { describe, expect, it } from 'vitest';
import { MoveSource, MovingBus } from '../../../src/compare/migration/index.ts';
import { wayNames } from '../../../src/mmr/index.ts';
import {
  blockTraffic,
  consoleTraffic,
  memoryOf,
  networkTraffic,
  settle,
  transportOf,
} from '../../properties/support/moving.ts';

const traffics = { block: blockTraffic, network: networkTraffic, console: consoleTraffic };
const places = Object.keys(traffics).flatMap((type) => wayNames.map((way) => [type, way] as const));

describe('a machine that is left', () => {
  it.each(places)(
    'has its memory as it was copied, whatever ends behind its %s device: %s',
    async (type, way) => {
      const traffic = traffics[type as keyof typeof traffics]();
      const { machine, tasks, input } = traffic.site(way);
      const bus = new MovingBus(machine.guest);
      const driving = traffic.open(transportOf(bus, machine.place, way), memoryOf(bus));
      const done: (string | null)[] = [];
      const act = () => void driving.act(done.length).then((wrong) => done.push(wrong));
      tasks.releaseAll();
      await settle();
      act();
      // The device has the request by now, and what is behind it has not ended.
      tasks.release();
      const source = new MoveSource(machine);
      source.begin();
      source.stop();
      const before = machine.ram.read(0, machine.ram.ranges[0]!.bytes.length);
      input(new Uint8Array(64).fill(7));
      tasks.releaseAll();
      await settle();
      expect(Buffer.compare(machine.ram.read(0, before.length), before)).toBe(0);
      // It lives on where the move comes to nothing.
      source.cancel();
      for (let i = 0; i < 20 && done.length === 0; i++) {
        tasks.releaseAll();
        await settle();
      }
      expect(done).toEqual([null]);
    },
  );
});
