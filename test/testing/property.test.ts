import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BlockDriver, NoAnswerError } from '../../src/driver/index.ts';
import { anyAccess } from '../../src/testing/accesses.ts';
import { inLab, LabCaseError } from '../../src/testing/in-lab.ts';
import { lab } from '../../src/testing/lab.ts';
import { labProperty } from '../../src/testing/lab-property.ts';
import { labReporter } from '../../src/testing/lab-reporter.ts';
import { picks } from '../../src/testing/orders.ts';
import { blockRangeRequests, blockRequests } from '../../src/testing/requests/index.ts';
import { ringEdits } from '../../src/testing/rings.ts';
import { shapes } from '../../src/testing/shapes.ts';
import { functionKindNames } from '../../src/virtio/index.ts';
import { shrunk } from './shrunk.ts';

const edits = ringEdits({
  size: 8,
  addresses: [0x300000, 0x310000],
  headers: [0x300000],
  buffers: [0x310000],
});

describe('values print as the field reads them, and shrink', () => {
  it('accesses to anything', () => {
    expect(shrunk(anyAccess(64), ({ offset, value }) => offset < 5 || value === null)).toBe(
      'write 0x05 (1 byte) 0x00',
    );
  });

  it('picks', () => {
    expect(shrunk(picks, (order) => order.length < 3)).toBe('picks 0 0 0');
  });

  it('block requests', () => {
    const requests = blockRequests(64, 8);
    expect(shrunk(requests, ({ kind }) => kind !== 'write')).toBe('write sector 0+1 (seed 0)');
    expect(shrunk(requests, (each) => each.kind !== 'read' || each.sectors < 3)).toBe('read sector 0+3');
    expect(shrunk(requests, ({ kind }) => kind !== 'get-id')).toBe('get-id');
    expect(shrunk(blockRangeRequests(64, 8), ({ ranges, unmap }) => ranges.length < 2 || !unmap)).toBe(
      'discard (unmap) sector 0+0, sector 0+0',
    );
  });

  it('shapes of functions', () => {
    const modern = shapes({ kind: 'modern' });
    expect(shrunk(modern, ({ structures }) => !structures!.notify!.includes('io'))).toMatch(
      /^shape common memory; isr memory; device memory; notify (memory, )?io; kicks x0; BAR4 memory32$/,
    );
    expect(shrunk(modern, ({ capabilities, msix }) => !capabilities?.others?.length || !msix)).toMatch(
      /; MSI-X BAR\d\+0x\w+, pending BAR\d\+0x\w+; capability 0x(09 of 8|f0 of 2)$/,
    );
    for (const kind of functionKindNames)
      for (const each of fc.sample(shapes({ kind }), { numRuns: 100, seed: 4 }))
        expect(fc.stringify(each)).toMatch(/^shape [^[\]{}]+$/);
  });

  it('ring edits', () => {
    const chain = shrunk(edits, (each) => each.edit !== 'chain' || each.request === null);
    expect(chain).toMatch(
      /^chain 0: R 0x300000\+16(, W 0x310000\+\d+)*, W 0x310000\+1; request type \d+, sector \d+$/,
    );
    const kinds = fc.sample(edits, { numRuns: 500, seed: 3 }).map((each) => fc.stringify(each));
    for (const text of kinds)
      expect(text).toMatch(/^(chain|(table )?descriptor|expose|index|flags|used-event|header at|byte at) /);
    expect(shrunk(edits, (each) => each.edit !== 'index' || each.value < 9)).toBe('index 9');
  });
});

describe('a case that fails in a lab', () => {
  it('tells what happened and why nothing happens', async () => {
    const failed = await inLab({ type: 'block', lie: 'never-answers' }, async (world) => {
      const driver = new BlockDriver(world.transport(), world.memory());
      await driver.read(5, 1);
    }).catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(LabCaseError);
    const { message, cause } = failed as LabCaseError;
    expect(cause).toBeInstanceOf(NoAnswerError);
    expect(message).toContain('waited in vain');
    expect(message).toMatch(/\n {2}write legacy queueNotify 0x0000/);
    expect(message).toContain('00:04.0 virtio-blk, legacy interface: why nothing happens');
  });

  it('is the last one of a property, shrunk', async () => {
    const sectors = fc.integer({ min: 0, max: 40 });
    const property = labProperty({ type: 'block' }, [sectors], async (world, sector) => {
      const driver = new BlockDriver(world.transport(), world.memory());
      await driver.read(sector, 1);
      return sector < 7;
    });
    const { failed, counterexample, errorInstance } = await fc.check(property, { numRuns: 30, seed: 1 });
    expect(failed).toBe(true);
    expect(counterexample).toEqual([[7]]);
    expect((errorInstance as Error).message).toMatch(/^the case does not hold\n\nwhat happened last:\n/);
  });

  it('is none where the body holds', async () => {
    expect(await inLab({ type: 'entropy' }, () => 5)).toBe(5);
  });
});

describe('a plain property with the reporter', () => {
  const sectors = fc.integer({ min: 0, max: 40 });
  /** A case in a lab that it makes by itself. */
  const readsIn = async (sector: number) => {
    const world = lab({ type: 'block' });
    const driver = new BlockDriver(world.transport(), world.memory());
    await driver.read(sector, 1);
    if (sector >= 7) throw new RangeError(`sector ${sector} is not to be read`);
  };

  it('tells what happened in its last case, and why nothing happens', async () => {
    const property = fc.asyncProperty(sectors, readsIn);
    const failed = await fc
      .assert(property, { numRuns: 30, seed: 1, plugins: [labReporter] })
      .catch((error: unknown) => error);
    const { message, cause } = failed as { message: string; cause: LabCaseError };
    expect(message).toContain('Counterexample: [7]');
    expect(cause).toBeInstanceOf(LabCaseError);
    expect(cause.message).toMatch(/^sector 7 is not to be read\n\nwhat happened last:\n/);
    expect(cause.message).toMatch(/\n {2}write legacy queueNotify 0x0000/);
    expect(cause.message).toContain('00:04.0 virtio-blk, legacy interface: why nothing happens');
    expect(cause.cause).toBeInstanceOf(RangeError);
  });

  it('tells the same where it is not asynchronous', () => {
    const property = fc.property(sectors, (sector) => {
      const world = lab({ type: 'entropy', kind: 'legacy' });
      world.bus.ioWrite(world.found.bars[0]!.address + 14, 2, sector);
      return sector < 3;
    });
    const { errorInstance, counterexample } = fc.check(property, { seed: 1, plugins: [labReporter] });
    expect(counterexample).toEqual([3]);
    expect((errorInstance as LabCaseError).message).toMatch(
      /what happened last:\n {2}write legacy queueSelect 0x0003/,
    );
  });

  it('is as it was without a lab, with labs of its own, and where it holds', async () => {
    const plain = fc.property(sectors, (sector) => sector < 3);
    expect(fc.check(plain, { seed: 1, plugins: [labReporter] }).errorInstance).not.toBeInstanceOf(
      LabCaseError,
    );
    const held = labProperty({ type: 'block' }, [sectors], (_, sector) => sector < 3);
    const { errorInstance } = await fc.check(held, { seed: 1, plugins: [labReporter] });
    expect((errorInstance as Error).message.split('what happened last:').length).toBe(2);
    const holds = fc.asyncProperty(fc.constant(5), readsIn);
    expect((await fc.check(holds, { numRuns: 2, plugins: [labReporter] })).failed).toBe(false);
  });
});
