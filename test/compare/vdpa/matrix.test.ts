import { beforeAll, describe, expect, it } from 'vitest';
import { matrixLines } from '../../../src/cli/vdpa-view.ts';
import {
  type Cell,
  type Outcome,
  positions,
  type TrialDevice,
  type TrialGuest,
  trialNames,
  vdpaMatrix,
} from '../../../src/compare/vdpa/index.ts';

/*
 * The matrix as a whole is golden. What it has to say, whatever its words, is known without it: from Linux' sources, from the
 * specification, from what was said in the debates.
 */
let cells: readonly Cell[];
beforeAll(async () => {
  cells = await vdpaMatrix();
});

const kinds = (position: string, guest: TrialGuest, device: TrialDevice) => {
  const cell = cells.find(
    (each) => each.position === position && each.guest === guest && each.device === device,
  )!;
  return trialNames.map((name) => cell.outcomes[name].kind);
};
const all = (kind: Outcome['kind']) => trialNames.map(() => kind);
const DEVICES = ['LE only', 'both orders'] as const;
const LEGACY = ['legacy LE', 'legacy BE'] as const;

describe('the matrix', () => {
  it('is what it was', async () => {
    await expect(`${matrixLines(positions, cells).join('\n')}\n`).toMatchFileSnapshot(
      '../../golden/vdpa-matrix.txt',
    );
  });

  it('has drivers of virtio 1.x served by every position, on every device that can be had', () => {
    for (const { name } of positions)
      for (const device of DEVICES)
        for (const guest of ['transitional', 'modern'] as const) {
          const impossible = name === 'honest-big' && device === 'LE only';
          expect([name, guest, device, kinds(name, guest, device)]).toEqual([
            name,
            guest,
            device,
            all(impossible ? 'refused' : 'works'),
          ]);
        }
  });

  it.each(['mandate', 'access-platform', 'linux', 'reset-to-zero'])(
    '%s refuses legacy drivers with the number that Linux gives',
    (position) => {
      for (const { outcomes } of cells.filter(
        (cell) => cell.position === position && LEGACY.some((guest) => guest === cell.guest),
      ))
        for (const outcome of Object.values(outcomes))
          expect(outcome).toEqual({ kind: 'refused', where: 'set_features', error: 'EINVAL' });
    },
  );

  it('has one position that serves everybody on every device: shadowed rings', () => {
    const everywhere = positions.filter(({ name }) =>
      DEVICES.every((device) =>
        LEGACY.every((guest) => kinds(name, guest, device).every((kind) => kind === 'works')),
      ),
    );
    expect(everywhere.map(({ name }) => name)).toEqual(['shadow']);
  });

  it.each(['pretend', 'drop-legacy', 'pretend-on-x86'])(
    '%s loses two bytes of every frame of a little-endian guest without mergeable buffers, and nothing else',
    (position) => {
      for (const device of DEVICES) {
        const { outcomes } = cells.find(
          (cell) => cell.position === position && cell.guest === 'legacy LE' && cell.device === device,
        )!;
        const { 'short-header network': short, ...others } = outcomes;
        expect(Object.values(others).map(({ kind }) => kind)).toEqual(['works', 'works', 'works']);
        expect(short).toMatchObject({
          kind: 'corrupts',
          written: 'ff ff ff ff ff ff 06 07 08 09 0a 0b 0c 0d 0e 0f',
          arrived: 'ff ff ff ff 06 07 08 09 0a 0b 0c 0d 0e 0f (14 bytes of 16)',
        });
      }
    },
  );

  it('has an order that is told to a device that has it, or is refused; never guessed', () => {
    for (const position of ['format-bits', 'ring-calls', 'device-call', 'told-legacy']) {
      expect(kinds(position, 'legacy BE', 'both orders')).toEqual(all('works'));
      expect(kinds(position, 'legacy BE', 'LE only')).toEqual(all('refused'));
      for (const device of DEVICES) expect(kinds(position, 'legacy LE', device)).toEqual(all('works'));
    }
    for (const position of ['honest-little', 'pretend', 'drop-legacy'])
      for (const device of DEVICES) expect(kinds(position, 'legacy BE', device)).toEqual(all('corrupts'));
    expect(kinds('honest-big', 'legacy LE', 'both orders')).toEqual(all('corrupts'));
  });

  it('has management misled by an early read on a big-endian host, and not once that is a write', () => {
    const { outcomes } = cells.find(
      (cell) => cell.position === 'early-read' && cell.guest === 'legacy BE' && cell.device === 'both orders',
    )!;
    expect(outcomes.block).toEqual({
      kind: 'corrupts',
      what: 'configuration, read by management',
      written: '08 00 00 00 00 00 00 00',
      arrived: '00 00 00 00 00 00 00 08',
    });
    expect(kinds('early-write', 'legacy BE', 'both orders')).toEqual(all('works'));
  });
});
