import { describe, expect, it } from 'vitest';
import { replaceTable, worksTable } from '../../scripts/works-table.ts';
import { evidenceOf } from '../evidence.ts';

describe('what a test shows to work', () => {
  const cases = [
    [
      'test/guest/network.test.ts',
      "Linux's network driver > through mmr > gets a lease",
      { device: 'network', window: 'mmr', driver: 'linux' },
    ],
    [
      'test/guest/block-additions.test.ts',
      'through modern, packed ring > discards',
      { device: 'block', window: 'packed', driver: 'linux' },
    ],
    [
      'test/cli/demo.test.ts',
      "every device type through every window > 'scsi', 'native-mmr', INTx false",
      { device: 'scsi', window: 'native-mmr', driver: 'ours' },
    ],
    ['test/guest/together.test.ts', 'through mmr > are moved', null],
    ['test/guest/network.test.ts', 'shows nothing of a window', null],
    ['test/virtio/devices/network.test.ts', 'through mmr', null],
    ['test/cli/demo.test.ts', 'every device type through every window > is all of the types', null],
  ] as const;
  it.each(cases)('%s: %s', (file, name, expected) => {
    expect(evidenceOf(`/somewhere/${file}`, name)).toEqual(expected);
  });
});

describe('the table', () => {
  it('counts passed tests in their cells, and leaves the others empty', () => {
    const linux = { device: 'block', window: 'mmr', driver: 'linux' } as const;
    const table = worksTable(['block', 'p9'], [linux, linux, { ...linux, driver: 'ours' }]).split('\n');
    const cells = (line: string) => line.split('|').map((cell) => cell.trim());
    const [heads = [], block = [], p9 = []] = [0, 2, 3].map((line) => cells(table[line]!));
    expect(block.filter((cell) => cell !== '')).toEqual(['block', '1', '2']);
    expect(p9.filter((cell) => cell !== '')).toEqual(['p9']);
    expect([heads.length, p9.length]).toEqual([block.length, block.length]);
  });

  it('replaces what stands between its marks, and nothing else', () => {
    const marks = [
      '<!-- written by `npm run works` -->',
      '<!-- end of what `npm run works` wrote -->',
    ] as const;
    expect(replaceTable(`a\n${marks[0]}\nold\n${marks[1]}\nb`, 'new')).toBe(
      `a\n${marks[0]}\nnew\n${marks[1]}\nb`,
    );
    expect(() => replaceTable('no marks', 'new')).toThrow('no place');
  });
});
