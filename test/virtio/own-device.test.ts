import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { lampDemo } from '../../docs/examples/lamp.ts';
import { runDemo } from '../../src/cli/demo-run.ts';
import { everyFunction } from '../../src/cli/every-function.ts';
import { outsideTypes } from '../../src/cli/outside-types.ts';
import { wayNames, ways } from '../../src/mmr/index.ts';
import { describeFunction } from '../../src/trace/index.ts';

const docs = join(import.meta.dirname, '../../docs');

describe('docs/your-own-device.md', () => {
  it('shows its example as it is', () => {
    const text = readFileSync(join(docs, 'your-own-device.md'), 'utf8');
    const [first] = [...text.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code]) => code);
    expect(first).toBe(readFileSync(join(docs, 'examples/lamp.ts'), 'utf8'));
  });
});

describe('a device type from outside the package', () => {
  it.each(wayNames)('is demonstrated by way of %s, and named in what is seen', async (way) => {
    const { good, stages, bringUp, facts, findings } = await runDemo(way, await lampDemo.visit({}), {
      intx: false,
    });
    expect(facts.filter((fact) => !fact.good)).toEqual([]);
    const { breaks } = ways[way];
    expect(good).toBe(true);
    expect(new Set(findings.map(({ clause }) => clause))).toEqual(new Set(breaks === null ? [] : [breaks]));
    for (const { description } of stages)
      expect(description).toMatchObject({ type: 'lamp', device: 'virtio-lamp' });
    const { decoder } = stages[0]!;
    const meanings = bringUp.trace.flatMap(({ event }) =>
      event?.kind === 'access' ? [decoder.decode(event).meaning] : [],
    );
    expect(meanings.some((meaning) => /\bdim\b/.test(meaning))).toBe(true);
  });

  it('is shown by lspci, in every kind that it has an id for', async () => {
    const demos = await outsideTypes(join(docs, 'examples/lamp.ts'));
    const { machine, functions, types } = everyFunction(demos);
    const kinds = functions.map(({ found, draft }) => describeFunction(machine, found, draft, types).kind);
    expect(kinds).toEqual([null, 'transitional', 'modern', 'mmr']);
  });

  it('comes from a module that exports one', async () => {
    await expect(outsideTypes(join(docs, 'missing.ts'))).rejects.toThrow(
      /'.*missing\.ts' cannot be loaded: /,
    );
    await expect(outsideTypes(join(import.meta.dirname, 'support/probe.ts'))).rejects.toThrow(
      /has no device type; wants a module that exports a DeviceDemo/,
    );
  });
});
