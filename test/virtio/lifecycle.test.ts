import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { deviceStatus, queueTransitions, statusRules, statusTransitions } from '../../src/virtio/index.ts';

const allBits = Object.values(deviceStatus).reduce((all, bit) => all | bit, 0);

/** Names of the bits of a mask, in words. */
function named(mask: number): string {
  const has = Object.entries(deviceStatus).filter(([, bit]) => (mask & bit) !== 0);
  if (has.length === 0) return '';
  if ((mask & allBits) === allBits) return 'any';
  const lacks = Object.entries(deviceStatus).filter(([, bit]) => (mask & bit) === 0);
  return lacks.length < has.length
    ? `any but ${lacks.map(([name]) => `\`${name}\``).join(', ')}`
    : has.map(([name]) => `\`${name}\``).join(', ');
}

const row = (...cells: readonly string[]) => `| ${cells.join(' | ')} |`;

const rules = [
  row('while', 'raises', 'clears', 'breaks', 'which is said as'),
  '|---|---|---|---|---|',
  ...statusRules.map((rule) =>
    row(named(rule.while), named(rule.raises), named(rule.clears), rule.clause, rule.message),
  ),
].join('\n');

const transitions = [
  row('raised', 'set before', 'the device'),
  '|---|---|---|',
  ...statusTransitions.map(({ raised, before, effect }) =>
    row(named(raised), named(before), effect === 'settle' ? 'settles the features' : 'starts'),
  ),
].join('\n');

const queues = [
  row('a queue that is', 'when `queueEnable` is written', 'when `queueReset` is written'),
  '|---|---|---|',
  ...(['absent', 'unset', 'ready', 'resetting'] as const).map((state) =>
    row(
      state,
      ...([queueTransitions.enable, queueTransitions.reset] as const).map((table) => {
        const transition = table[state];
        return 'to' in transition ? transition.to : `${transition.clause}: ${transition.message}`;
      }),
    ),
  ),
].join('\n');

describe('the life cycles of the device status and of a queue', () => {
  it('stand in the documentation as the device reads them', () => {
    const text = readFileSync(join(import.meta.dirname, '../../docs/architecture.md'), 'utf8');
    expect(text).toContain(rules);
    expect(text).toContain(transitions);
    expect(text).toContain(queues);
  });
});
