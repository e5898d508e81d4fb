import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { findFunction, runFirmware } from '../../src/driver/index.ts';
import { drafts, mmrFunction } from '../../src/mmr/index.ts';
import { DumpedFunctions, placeAt, placesOf } from '../../src/trace/index.ts';
import { BlockDevice, type FunctionKind, MemoryStorage, virtioFunction } from '../../src/virtio/index.ts';
import { SLOT, smallMachine } from '../pci/support.ts';

const dump = readFileSync(join(import.meta.dirname, '../golden/traces/qemu-virtio-blk.lspci'), 'utf8');
const block = () => new BlockDevice({ storage: new MemoryStorage(new Uint8Array(4096)) });

/** Names of the places of a dump in which other bytes stand. */
function namesIn(...changes: readonly (readonly [from: string, to: string])[]): string[] {
  let text = dump;
  for (const [from, to] of changes) {
    expect(text).toContain(from);
    text = text.replace(from, to);
  }
  return placesOf(new DumpedFunctions(text)).map(({ target }) => target.replace(/.* /, ''));
}

describe('places of a function', () => {
  it('are those that its capabilities name, and the legacy block', () => {
    const places = placesOf(new DumpedFunctions(dump), [SLOT]);
    expect(places.map(({ target, space, start, length }) => [target, space, start, length])).toEqual([
      ['00:04.0 BAR1 msix-table', 'memory', 0xc0000000, 32],
      ['00:04.0 BAR1 msix-pba', 'memory', 0xc0000800, 8],
      ['00:04.0 BAR4 notify', 'memory', 0x8000003000, 4096],
      ['00:04.0 BAR4 device', 'memory', 0x8000002000, 4096],
      ['00:04.0 BAR4 isr', 'memory', 0x8000001000, 4096],
      ['00:04.0 BAR4 common', 'memory', 0x8000000000, 4096],
      ['00:04.0 BAR0 legacy', 'io', 0xc080, 256],
    ]);
  });

  const structures = ['msix-table', 'msix-pba', 'notify', 'device', 'isr', 'common'];

  it.each<readonly [string, (readonly [string, string])[], string[]]>([
    ['none that nobody decodes', [['f4 1a 01 10 07 04', 'f4 1a 01 10 04 04']], []],
    ['in ports only', [['f4 1a 01 10 07 04', 'f4 1a 01 10 05 04']], ['legacy']],
    ['in memory only', [['f4 1a 01 10 07 04', 'f4 1a 01 10 06 04']], structures],
    ['with the last id of a transitional function', [['f4 1a 01', 'f4 1a 3f']], [...structures, 'legacy']],
    ['with the first', [['f4 1a 01', 'f4 1a 00']], [...structures, 'legacy']],
    ['no legacy block with an id above', [['f4 1a 01', 'f4 1a 40']], structures],
    ['none with one below', [['f4 1a 01 10', 'f4 1a ff 0f']], structures],
    ["with another maker's, what is everybody's", [['f4 1a 01', '86 80 01']], ['msix-table', 'msix-pba']],
    // The bytes of a message-signalled interrupt capability, whatever they are, are no structure's.
    [
      'no structure of another kind of capability',
      [['40: 09 00', '40: 05 00']],
      [...structures.slice(0, -1), 'legacy'],
    ],
    // The window through configuration space: what a driver has put there is where it looks at the moment.
    [
      'not where a window through configuration space is',
      [['09 70 14 05 00 00 00 00 00 00 00 00\n90: 00', '09 70 14 05 04 00 00 00 10 00 00 00\n90: 04']],
      [...structures, 'legacy'],
    ],
    [
      "not where a vendor's data would be",
      [['09 50 10 04', '09 50 10 09']],
      ['msix-table', 'msix-pba', 'notify', 'isr', 'common', 'legacy'],
    ],
  ])('are %s', (_, changes, names) => {
    expect(namesIn(...changes)).toEqual(names);
  });

  const modern = ['4 common', '4 isr', '4 device', '4 notify'];

  it.each<readonly [FunctionKind, string[]]>([
    ['legacy', ['0 legacy']],
    ['transitional', [...modern, '0 legacy']],
    ['modern', modern],
    ['legacy-memory', ['0 legacy']],
    ['transitional-memory', [...modern, '0 legacy']],
  ])('are those of its kind: %s', (kind, rest) => {
    const machine = smallMachine();
    machine.plug(virtioFunction(block(), { kind }).pci, SLOT);
    runFirmware(machine);
    expect(placesOf(machine).map(({ target }) => target)).toEqual(
      ['1 msix-table', '1 msix-pba', ...rest].map((each) => `00:04.0 BAR${each}`),
    );
  });

  it.each(['mmr-2023', 'mmr-fixed-vectors', 'mmr-bare-capability'])(
    'have the memory block where the draft says: %s',
    (name) => {
      const draft = drafts[name]!;
      const machine = smallMachine();
      machine.plug(mmrFunction(block(), { draft }).pci, SLOT);
      runFirmware(machine);
      const { address } = findFunction(machine, SLOT)!.bars[0]!;
      const blocks = placesOf(machine, undefined, draft).filter(({ target }) => / legacy$/.test(target));
      expect(blocks).toEqual([
        {
          target: '00:04.0 BAR0 legacy',
          space: 'memory',
          start: address + 0x1000,
          length: expect.any(Number),
        },
      ]);
    },
  );
});

describe('the place of an address', () => {
  const places = [
    { target: 'ports', space: 'io', start: 0x1000, length: 16 },
    { target: 'memory', space: 'memory', start: 0x1008, length: 16 },
    { target: 'over it', space: 'memory', start: 0x1010, length: 16 },
  ] as const;

  it.each([
    ['io', 0x0fff, '', 0],
    ['io', 0x1000, 'ports', 0],
    ['io', 0x100f, 'ports', 15],
    ['io', 0x1010, '', 0],
    ['memory', 0x1000, '', 0],
    ['memory', 0x1008, 'memory', 0],
    ['memory', 0x1017, 'memory', 15],
    ['memory', 0x1018, 'over it', 8],
  ] as const)('is the first that holds it in its space: %s %i', (space, address, target, offset) => {
    expect(placeAt(places, space, address)).toEqual({ target, offset });
  });
});
