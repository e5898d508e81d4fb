import { expect, it } from 'vitest';
import type { Setup } from '../../lab/protocol.ts';
import { Session } from '../../lab/worker/session.ts';

const setup: Setup = {
  ...{ type: 'block', way: 'mmr', ring: 'split', reading: null, draft: null, lies: [], mistakes: [] },
};

const open = (lies: readonly string[], mistakes: readonly string[] = []) =>
  Session.open({ ...setup, lies, mistakes }, () => {});

it('has several mistakes of a driver and lies of a device together', async () => {
  const session = await open(['used-length-wrong'], ['no-acknowledge', 'isr-read-twice', 'kick-elsewhere']);
  await session.do({ name: 'up', values: [] });
  const { error, findings } = await session.do({ name: 'read', values: [0, 1] });
  expect(error).toBe('no answer: the driver waits still');
  const rules = findings.map(({ text }) => text).join('\n');
  expect(rules).toMatch(/ACKNOWLEDGE/);
  expect(rules).toMatch(/queue 100|does not exist/);
});

it('has two lies of one device together', async () => {
  const session = await open(['used-length-wrong', 'never-answers']);
  await session.do({ name: 'up', values: [] });
  const { error } = await session.do({ name: 'read', values: [0, 1] });
  expect(error).toBe('no answer: the driver waits still');
});

it('refuses a name among several that there is not, or that another type has', async () => {
  await expect(open(['used-length-wrong', 'nothing'])).rejects.toThrow(
    /lie nothing: wants the name of a lie/,
  );
  await expect(open([], ['no-acknowledge', 'all'])).rejects.toThrow(/mistake all: wants one of/);
  const other = (await import('../../src/testing/mutants/index.ts')).deviceMutants.find(
    ({ type }) => type !== undefined && type !== 'block',
  )!;
  await expect(open([other.name])).rejects.toThrow(/of block devices/);
});
