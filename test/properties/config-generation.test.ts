import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { functionAddress, GuestMemory, registers, ro } from '../../src/core/index.ts';
import {
  DmaMemory,
  findFunction,
  ModernTransport,
  runFirmware,
  VirtioDriver,
} from '../../src/driver/index.ts';
import { Machine } from '../../src/pci/index.ts';
import { commonConfig, DeviceConfig, virtioFunction } from '../../src/virtio/index.ts';
import { Probe } from '../virtio/support/probe.ts';
import { PATIENCE, runs } from './support/runs.ts';

/*
 * Driver and device are both ours. What pins them down: a value's two halves are the same number, so a reading whose
 * halves differ is one of no moment; and the structure that the specification's own loop reads byte by byte has to be
 * one that was there while the loop ran.
 */
const map = registers({ first: ro(0, 4), wide: ro(8, 8), last: ro(16, 4) });
const address = functionAddress(0, 4);
const FOUR_GIB = 2 ** 32;

/** A device whose configuration changes whenever one of `changes` says so, an access to its BAR apart. */
function lab(changes: readonly boolean[]) {
  const config = new DeviceConfig(map);
  const ram = GuestMemory.allocate({ start: 0x1000, length: 0x10000 });
  const machine = new Machine({ ram });
  machine.plug(virtioFunction(new Probe({ config }), { kind: 'modern' }).pci, address);
  runFirmware(machine);
  const found = findFunction(machine, address)!;
  const transport = new ModernTransport(machine, found);
  const driver = new VirtioDriver(transport, new DmaMemory(ram, 0x1000));
  let version = 1;
  const seen = [version];
  const change = () => {
    version++;
    config.set('wide', version * FOUR_GIB + version);
    config.set('first', version);
    config.set('last', version);
    seen.push(version);
  };
  const pending = [...changes];
  const read = machine.memoryRead.bind(machine);
  version = 0;
  seen.length = 0;
  change();
  machine.memoryRead = (at, width) => {
    if (pending.shift() === true) change();
    return read(at, width);
  };
  return { config, machine, found, transport, driver, seen, change, now: () => version };
}

const interleaving = fc.array(fc.boolean(), { maxLength: 60 });

describe('configuration that changes while it is read', () => {
  it(
    'BF-CFG-02, PCI-COM-06: the driver never takes halves of two values, and takes one of while it read',
    () => {
      fc.assert(
        fc.property(interleaving, (changes) => {
          const { driver, seen, now } = lab(changes);
          for (let i = 0; i < 4; i++) {
            const before = now();
            const value = driver.readField(map, 'wide');
            expect(value % FOUR_GIB).toBe(Math.floor(value / FOUR_GIB));
            expect(value % FOUR_GIB).toBeGreaterThanOrEqual(before);
            expect(seen).toContain(value % FOUR_GIB);
          }
        }),
        { numRuns: runs(300) },
      );
    },
    PATIENCE,
  );

  it(
    'BF-CFG-02: the loop of the specification over several fields brings one state of the structure',
    () => {
      fc.assert(
        fc.property(interleaving, fc.constantFrom(1, 2, 4), (changes, width) => {
          const { transport, config } = lab(changes);
          const bytes = () => {
            for (;;) {
              const before = transport.configGeneration();
              const seen: number[] = [];
              for (let at = 0; at < config.length; at += width)
                seen.push(transport.readConfig(at, width as 1 | 2 | 4));
              if (transport.configGeneration() === before) return seen;
            }
          };
          const values = bytes();
          const field = (at: number) => values[at / width]!;
          // Versions stay below 256, so the first piece of each field has all of it.
          expect([field(8), field(12), field(16)]).toEqual([field(0), field(0), field(0)]);
        }),
        { numRuns: runs(300) },
      );
    },
    PATIENCE,
  );

  it('PCI-COM-06: the generation differs exactly when something changed since it was read last', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('change', 'read', 'generation'), { maxLength: 700 }), (steps) => {
        const { transport, change } = lab([]);
        let last = transport.configGeneration();
        let changed = false;
        for (const step of steps) {
          if (step === 'change') {
            change();
            changed = true;
          } else if (step === 'read') transport.readConfig(0, 4);
          else {
            const generation = transport.configGeneration();
            expect(generation !== last).toBe(changed);
            [last, changed] = [generation, false];
          }
        }
      }),
      { numRuns: runs(100) },
    );
  });

  it('PCI-COM-06: as many changes as the counter has values are a change all the same', () => {
    const { transport, change, machine, found } = lab([]);
    const before = transport.configGeneration();
    for (let i = 0; i < 256; i++) change();
    expect(transport.configGeneration()).not.toBe(before);
    const bar = found.bars.find(({ index }) => index === 4)!.address;
    expect(machine.memoryRead(bar + commonConfig.configGeneration.offset, 1)).toBe(before + 1);
  });
});
