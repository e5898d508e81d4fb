import { describe, expect, it } from 'vitest';
import { positions, trialGuestNames } from '../../src/compare/vdpa/index.ts';
import { virtiolab } from './run.ts';

describe.concurrent('vdpa', () => {
  it('shows a position, and what goes wrong by it', async () => {
    const { status, stdout, stderr } = await virtiolab([
      'vdpa',
      '--position',
      'pretend',
      '--position',
      'shadow',
    ]);
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^shadow: .*\(000, Jason Wang\)\n {2}device +legacy LE/m);
    expect(stdout).toMatch(/^ {2}both orders +works +works +works +works$/m);
    expect(stdout).toContain('arrived ff ff ff ff 06 07');
    expect(stdout).not.toContain('mandate:');
  });

  it('gives one document', async () => {
    const { status, stdout, stderr } = await virtiolab(['vdpa', '--position', 'mandate', '--json']);
    expect([status, stderr]).toEqual([0, '']);
    const document = JSON.parse(stdout);
    expect(document.positions.map(({ name }: { name: string }) => name)).toEqual(['mandate']);
    expect(document.cells).toHaveLength(2 * trialGuestNames.length);
    expect(document.cells[0].outcomes.block).toEqual({
      kind: 'refused',
      where: 'set_features',
      error: 'EINVAL',
    });
  });

  it('knows its positions, and says which they are', async () => {
    const { status, stdout, stderr } = await virtiolab(['vdpa', '--position', 'nobody']);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toContain("unknown position 'nobody'; positions are mandate, ");
    expect(stderr.trim().split('\n')).toHaveLength(1);
    const help = await virtiolab(['vdpa', '--help']);
    for (const { name } of positions) expect(help.stdout).toContain(name);
  });
});
