import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Setting } from '../../src/conformance/device/index.ts';
import { ArgumentError, BlockDriver } from '../../src/driver/index.ts';
import { UnknownSubjectError } from '../../src/testing/devices.ts';
import { hostileConfigWrites } from '../../src/testing/hostile-config.ts';
import {
  applyHostileTable,
  type HostileTableKind,
  hostileTableKinds,
  hostileTables,
} from '../../src/testing/hostile-tables.ts';
import { lab } from '../../src/testing/lab.ts';
import { ringWriter } from '../../src/testing/ring-writer.ts';
import { shrunk } from './shrunk.ts';

const options = (ring: 'split' | 'packed') => ({
  size: 8,
  ring,
  buffers: [0x2f0000, 0x2f1000],
  table: 0x2f8000,
});

/** The smallest of each kind. */
const smallest: Readonly<Record<HostileTableKind, string>> = {
  'chain-with-loop': 'chain 0: R 0x2f0000+1; back to 0',
  'list-without-end': 'chain 0: R 0x2f0000+1; back to 0',
  'table-with-loop': 'chain 0 by table: R 0x2f0000+1; back to 0',
  'next-outside-table': 'chain 0: R 0x2f0000+1; back to 8',
  'head-outside-table': 'expose 8',
  'index-too-far-ahead': 'index 9',
  'readable-after-writable': 'chain 0: W 0x2f0000+1, R 0x2f0000+1',
  'buffers-of-no-bytes': 'chain 0: R 0x2f0000+0',
  'buffer-beyond-memory': 'chain 0: R 0x100000000000+1',
  'chain-of-too-many-bytes': 'chain 0: W 0x2f0000+4294965247, W 0x2f0000+4294965247',
  'chain-longer-than-queue': `chain 0: ${Array(9).fill('R 0x2f0000+1').join(', ')}`,
  'table-longer-than-queue': `chain 0 by table: ${Array(9).fill('R 0x2f0000+1').join(', ')}`,
  'indirect-in-table': 'chain 0 by table: R 0x2f8000+16 (indirect)',
  'indirect-in-middle':
    'table descriptor 0: R 0x2f0000+1, flags 0x0, next 0; chain 0: R 0x2f8000+16 (indirect), R 0x2f0000+1',
  'table-of-odd-length':
    'table descriptor 0: R 0x2f0000+1, flags 0x0, next 0; chain 0: R 0x2f8000+1 (indirect)',
  'table-of-no-bytes': 'chain 0: R 0x2f8000+0 (indirect)',
  'table-beyond-memory': 'chain 0: R 0x100000000000+16 (indirect)',
};

describe.each(['split', 'packed'] as const)('hostile tables of %s rings', (ring) => {
  it.each(hostileTableKinds(ring))('shrink to the smallest, and print: %s', (kind) => {
    expect(shrunk(hostileTables(options(ring)), ({ wrong }) => wrong !== kind)).toBe(
      `${kind}: ${smallest[kind]}`,
    );
  });

  it('are drawn of the kinds that are asked for', () => {
    for (const each of fc.sample(hostileTables(options(ring), ['table-of-no-bytes']), 50))
      expect(each.wrong).toBe('table-of-no-bytes');
  });
});

describe('hostile tables on a device', () => {
  it.each<[Setting, HostileTableKind, RegExp]>([
    ['legacy', 'chain-with-loop', /SPL-|LEG-/],
    ['modern', 'readable-after-writable', /SPL-/],
    ['packed', 'readable-after-writable', /PKD-|SPL-/],
    ['modern', 'indirect-in-table', /SPL-/],
  ])('are what their name says: %s, %s', (setting, kind, clause) => {
    const world = lab({ type: 'block', setting });
    const driver = new BlockDriver(world.transport(), world.memory());
    const found: string[] = [];
    world.machine.events = (event) => {
      if (event.kind === 'finding') found.push(`${event.clause} ${event.message}`);
    };
    const size = driver.driver.rings.get(0)!.size;
    const ring = setting === 'packed' ? 'packed' : 'split';
    const table = fc.sample(hostileTables({ ...options(ring), size }, [kind]), { numRuns: 1, seed: 3 })[0]!;
    applyHostileTable(ringWriter(driver.driver, 0), table);
    driver.driver.transport.notify(0, 0);
    expect(found.length).toBeGreaterThan(0);
    expect(found[0]).toMatch(clause);
  });

  it('want a queue that is set up', () => {
    const world = lab({ type: 'block' });
    const { driver } = new BlockDriver(world.transport(), world.memory());
    expect(() => ringWriter(driver, 9)).toThrow(ArgumentError);
    expect(() => ringWriter(driver, 9)).toThrow('queue 9: wants one that is set up: 0');
  });
});

describe('hostile configuration writes', () => {
  it('print as the field reads them, and shrink', () => {
    const writes = hostileConfigWrites('block');
    expect(shrunk(writes, ({ offset }) => offset < 8)).toMatch(/^write \S+.* 0x0+$/);
    for (const each of fc.sample(writes, 200))
      expect(fc.stringify(each)).toMatch(/^write \S+( \(.*\))? 0x[0-9a-f]+$/);
    const names = fc
      .sample(writes, { numRuns: 2000, seed: 1 })
      .map((each) => fc.stringify(each).split(' ')[1]);
    expect(names).toContain('capacity');
    expect(names).toContain('writeback');
    expect(names.some((name) => name!.startsWith('0x'))).toBe(true);
  });

  it('are there for a type without configuration, and refused for none', () => {
    expect(fc.sample(hostileConfigWrites('entropy'), 10).length).toBe(10);
    expect(() => hostileConfigWrites('gpu')).toThrow(UnknownSubjectError);
    expect(() => hostileConfigWrites('gpu')).toThrow(
      /^unknown device type 'gpu'; types are network, block, /,
    );
  });
});
