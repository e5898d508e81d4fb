import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { type ClauseLevel, clauses } from '../../src/conformance/catalogue/index.ts';
import { configClauses, isBreach, judgeConfig } from '../../src/conformance/config.ts';
import { ConfigImage } from '../../src/driver/index.ts';
import { bareCapabilityDraft, drafts, mmrFunction } from '../../src/mmr/index.ts';
import { describeImage } from '../../src/trace/index.ts';
import { virtioFunction } from '../../src/virtio/index.ts';

import { runs } from '../properties/support/runs.ts';
import { Probe } from '../virtio/support/probe.ts';
import { imageOf } from './support.ts';

const block = () => new Probe({ type: 'block', queueSizes: [8, 8] });
const bytesOf = {
  legacy: () => imageOf(virtioFunction(block(), { kind: 'legacy' }).pci, 256),
  transitional: () => imageOf(virtioFunction(block(), { kind: 'transitional' }).pci, 256),
  'legacy-memory': () => imageOf(virtioFunction(block(), { kind: 'legacy-memory' }).pci, 256),
  'transitional-memory': () => imageOf(virtioFunction(block(), { kind: 'transitional-memory' }).pci, 256),
  modern: () => imageOf(virtioFunction(block(), { kind: 'modern' }).pci, 256),
  shared: () =>
    imageOf(
      virtioFunction(block(), {
        kind: 'modern',
        sharedMemory: [1, 2].map((id) => ({ id, bytes: new Uint8Array(4096) })),
        vendorData: [{ vendorId: 0x1234, bytes: Uint8Array.of(1, 2) }],
      }).pci,
      256,
    ),
  mmr: () => imageOf(mmrFunction(block()).pci, 4096),
  bare: () => imageOf(mmrFunction(block(), { draft: bareCapabilityDraft }).pci, 4096),
};
type Base = keyof typeof bytesOf;

const clausesOf = (bytes: Uint8Array) =>
  judgeConfig(ConfigImage.of(bytes)).findings.map(({ clause }) => clause);

/** Offset of the structure capability of a type, or of the capability with an id. */
function at(bytes: Uint8Array, what: { type?: number; id?: number }, nth = 0): number {
  const { capabilities } = describeImage(ConfigImage.of(bytes));
  return capabilities.filter(({ id, fields }) =>
    what.type === undefined ? id === what.id : fields['structureType'] === what.type,
  )[nth]!.offset;
}

const put = (bytes: Uint8Array, offset: number, ...values: number[]) => bytes.set(values, offset);
const [COMMON, NOTIFY, ISR, DEVICE, PCI_CFG, SHM, VENDOR] = [1, 2, 3, 4, 5, 8, 9];
const MSIX = 0x11;
/** Takes a structure out of the way: it becomes a second one of another type. */
const hide = (type: number) => (bytes: Uint8Array) =>
  put(bytes, at(bytes, { type }) + 3, type === ISR ? COMMON! : ISR!);

const broken: readonly (readonly [
  clause: (typeof configClauses)[number],
  what: string,
  base: Base,
  (bytes: Uint8Array) => void,
])[] = [
  ['PCI-ID-03', 'a transitional id of no type', 'legacy', (b) => put(b, 2, 0x06, 0x10)],
  ['PCI-ID-03', 'a modern id of type 0', 'modern', (b) => put(b, 2, 0x40, 0x10)],
  ['PCI-ID-06', 'revision 0 under modern ids', 'modern', (b) => put(b, 8, 0)],
  ['PCI-ID-07', 'a low subsystem id under modern ids', 'modern', (b) => put(b, 0x2e, 2, 0)],
  ['LEG-ID-01', 'revision 1 under transitional ids', 'transitional', (b) => put(b, 8, 1)],
  ['LEG-ID-02', 'the subsystem id of another type', 'legacy', (b) => put(b, 0x2e, 1, 0)],
  ['LEG-DET-01', 'a memory BAR0', 'legacy', (b) => put(b, 0x10, 8, 0, 0, 0xc0)],
  ['LEG-DET-01', 'the legacy block of ours in memory', 'legacy-memory', () => {}],
  ['LEG-DET-01', 'that beside structures', 'transitional-memory', () => {}],
  ['LEG-DET-01', 'no BAR0', 'transitional', (b) => put(b, 0x10, 0, 0, 0, 0)],
  ['PCI-CAP-02', 'a reserved structure type', 'shared', (b) => put(b, at(b, { type: SHM! }) + 3, 6)],
  ['PCI-CAP-04', 'a reserved BAR', 'modern', (b) => put(b, at(b, { type: ISR! }) + 4, 6)],
  [
    'PCI-CAP-15',
    'a notify capability without its multiplier',
    'modern',
    (b) => put(b, at(b, { type: NOTIFY! }) + 2, 16),
  ],
  [
    'PCI-CAP-15',
    'a capability that reaches into the next',
    'modern',
    (b) => put(b, at(b, { type: COMMON! }) + 2, 0x20),
  ],
  ['PCI-COM-01', 'an odd common structure', 'modern', (b) => put(b, at(b, { type: COMMON! }) + 8, 2)],
  ['PCI-COM-02', 'no common structure', 'modern', hide(COMMON!)],
  ['PCI-NOT-01', 'no notify structure', 'transitional', hide(NOTIFY!)],
  ['PCI-NOT-02', 'an odd notify structure', 'modern', (b) => put(b, at(b, { type: NOTIFY! }) + 8, 1)],
  ['PCI-NOT-03', 'a multiplier of 6', 'modern', (b) => put(b, at(b, { type: NOTIFY! }) + 16, 6)],
  ['PCI-NOT-03', 'a multiplier of 1', 'modern', (b) => put(b, at(b, { type: NOTIFY! }) + 16, 1)],
  ['PCI-NOT-04', 'one byte to notify in', 'modern', (b) => put(b, at(b, { type: NOTIFY! }) + 12, 1, 0, 0, 0)],
  ['PCI-ISR-01', 'no ISR structure', 'modern', hide(ISR!)],
  ['PCI-DEV-01', 'no configuration of a disk', 'modern', hide(DEVICE!)],
  ['PCI-DEV-02', 'configuration at an odd place', 'modern', (b) => put(b, at(b, { type: DEVICE! }) + 8, 2)],
  ['PCI-CFGW-01', 'no window for the driver', 'modern', (b) => put(b, at(b, { type: PCI_CFG! }) + 3, ISR!)],
  [
    'PCI-SHM-02',
    'two regions with one id',
    'shared',
    (b) => put(b, at(b, { type: SHM! }, 1) + 5, b[at(b, { type: SHM! }) + 5]!),
  ],
  ['PCI-VND-03', 'vendor data of virtio', 'shared', (b) => put(b, at(b, { type: VENDOR! }) + 4, 0xf4, 0x1a)],
  ['PCI-VND-04', 'vendor data of 7 bytes', 'shared', (b) => put(b, at(b, { type: VENDOR! }) + 2, 7)],
  ['PCI-MSIX-01', 'one vector', 'modern', (b) => put(b, at(b, { id: MSIX }) + 2, 0, 0)],
  ['PCI-BUS-01', 'MSI-X in a BAR that cannot be', 'modern', (b) => put(b, at(b, { id: MSIX }) + 4, 7)],
  ['PCI-BUS-01', 'MSI-X over its pending bits', 'modern', (b) => put(b, at(b, { id: MSIX }) + 8, 1, 0)],
  [
    'PCI-BUS-01',
    'a structure in the upper half of a BAR',
    'modern',
    (b) => put(b, at(b, { type: ISR! }) + 4, 5),
  ],
  ['PCI-BUS-01', 'a list that loops', 'legacy', (b) => put(b, at(b, { id: MSIX }) + 1, at(b, { id: MSIX }))],
  ['PCI-BUS-01', 'a list that leads into the header', 'legacy', (b) => put(b, at(b, { id: MSIX }) + 1, 0x10)],
  ['PCI-BUS-01', 'extended capabilities that loop', 'mmr', (b) => put(b, 0x102, 0x01, 0x10)],
  [
    'PCI-BUS-01',
    'extended capabilities that lead into ordinary space',
    'mmr',
    (b) => put(b, 0x102, 0x01, 0x04),
  ],
];

describe('a configuration space', () => {
  it.each(['legacy', 'transitional', 'modern', 'shared', 'mmr'] as const)(
    'of a %s function of ours breaks nothing',
    (base) => {
      expect(judgeConfig(ConfigImage.of(bytesOf[base]()))).toEqual({ findings: [], open: [] });
    },
  );

  it.each(broken)('breaks %s by %s', (clause, _, base, change) => {
    const bytes = bytesOf[base]();
    change(bytes);
    expect(clausesOf(bytes)).toEqual([clause]);
  });

  it('is judged by clauses that bind devices, each as strong as it is', () => {
    expect(new Set(broken.map(([clause]) => clause))).toEqual(new Set(configClauses));
    for (const id of configClauses) expect([id, clauses.get(id)?.party]).toEqual([id, 'device']);
  });

  it('of an MMR function is judged by its draft', () => {
    const change = (base: Base, edit: (bytes: Uint8Array) => void) => {
      const bytes = bytesOf[base]();
      edit(bytes);
      return judgeConfig(ConfigImage.of(bytes)).findings.map(
        ({ clause, message }) => `${clause}: ${message}`,
      );
    };
    expect(change('mmr', (b) => put(b, 0x10, 1, 0xc0, 0, 0))).toEqual([
      'mmr-2023: BAR0 is an I/O BAR, and an MMR function has none',
      'mmr-2023: the legacy block is in BAR0, an I/O BAR',
    ]);
    expect(change('mmr', (b) => put(b, 0x10c, 4))).toEqual([
      'mmr-2023: the legacy block is at 0x1004, no multiple of 4096',
    ]);
    expect(change('mmr', (b) => put(b, 0x110, 23))).toEqual([
      'mmr-2023: the legacy block has 23 bytes, and its header takes 24',
    ]);
    expect(change('mmr', (b) => put(b, 0x10, 8, 0, 0, 0xc0))).toEqual([
      'mmr-2023: the legacy block is in BAR0, which is prefetchable, and reading its ISR has an effect',
    ]);
    expect(change('mmr', (b) => put(b, 0x104, 11))).toEqual([
      'mmr-2023: there is no capability of a legacy block',
    ]);
    expect(change('mmr', (b) => put(b, 0x108, 6))).toEqual([
      'PCI-BUS-01: the legacy block is in BAR6, and there is no such BAR',
    ]);
    expect(change('bare', () => {})).toEqual([
      'PCI-BUS-01: a vendor-specific extended capability says that it has 0 bytes, as the draft mmr-bare-capability has it, which other software misreads',
    ]);
    expect(configClauses).not.toContain(Object.keys(drafts)[0]);
  });

  it('tells what is asked for from what is wanted', () => {
    const finding = (level: ClauseLevel) => isBreach({ clause: '', level, message: '', offset: 0 });
    expect([finding('MUST'), finding('MUST NOT'), finding('SHOULD')]).toEqual([true, true, false]);
  });

  it('of which nothing is known is open', () => {
    expect(judgeConfig(new ConfigImage())).toEqual({
      findings: [],
      open: ['the list of capabilities', 'the list of extended capabilities'],
    });
    expect(describeImage(new ConfigImage())).toMatchObject({
      vendorId: null,
      header: null,
      bars: [],
      knownBytes: 0,
    });
  });
});

/** Bytes as they come, or a virtio function's with a few of them changed, and some of them unknown. */
const images = fc
  .record({
    base: fc.option(fc.constantFrom(...(Object.keys(bytesOf) as Base[]))),
    noise: fc.uint8Array({ minLength: 0, maxLength: 4096, size: 'max' }),
    edits: fc.array(fc.record({ at: fc.nat(0x1ff), byte: fc.nat(255) }), { maxLength: 24 }),
    gaps: fc.array(fc.nat(0x1ff), { maxLength: 4 }),
  })
  .map(({ base, noise, edits, gaps }) => {
    const bytes = base === null ? noise : bytesOf[base]();
    for (const { at: offset, byte } of edits) if (offset < bytes.length) bytes[offset] = byte;
    const image = new ConfigImage();
    for (const [offset, byte] of bytes.entries()) if (!gaps.includes(offset)) image.set(offset, byte);
    return image;
  });

test('whatever a configuration space holds, it is described and judged, to an end', () => {
  fc.assert(
    fc.property(images, (image) => {
      const description = describeImage(image);
      const { findings, open } = judgeConfig(image);
      expect(description.capabilities.length).toBeLessThanOrEqual(48);
      expect(description.extended.length).toBeLessThanOrEqual(960);
      for (const { clause, level, offset } of findings) {
        expect(clause in drafts || clauses.get(clause)?.level === level).toBe(true);
        expect(offset).toBeLessThan(4096);
      }
      expect(JSON.parse(JSON.stringify({ description, findings, open }))).toEqual({
        description,
        findings,
        open,
      });
    }),
    { numRuns: runs(300) },
  );
});
