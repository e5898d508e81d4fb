import { describe, expect, it } from 'vitest';
import { functionAddress } from '../../../src/core/index.ts';
import { type DraftDocument, draftedFunction, shippedDrafts } from '../../../src/drafts/index.ts';
import { findFunction, runFirmware } from '../../../src/driver/index.ts';
import { mmrFunction } from '../../../src/mmr/index.ts';
import { Machine } from '../../../src/pci/index.ts';
import { EntropyDevice, legacyHeader } from '../../../src/virtio/index.ts';

const PLACE = functionAddress(0, 4);
const { queueNotify, deviceStatus, queueSelect } = legacyHeader;

/** mmr-2023, with one register and some rules as the test likes. */
function draftWith(name: string, change: object, rules: DraftDocument['rules'] = {}): DraftDocument {
  const base = shippedDrafts['mmr-2023']!;
  const [header] = base.structures!;
  const fields = header!.fields!.map((field) => (field.name === name ? { ...field, ...change } : field));
  return { ...base, structures: [{ ...header!, fields }], rules: { ...base.rules, ...rules } };
}

/** Its function in a machine, on the draft's bus. */
function driven(document: DraftDocument) {
  const fn = draftedFunction(document);
  if ('reasons' in fn) throw new Error(fn.reasons.join());
  const made = mmrFunction(new EntropyDevice(), { draft: fn.draft });
  const machine = new Machine();
  machine.plug(made.pci, PLACE);
  runFirmware(machine);
  const found = findFunction(machine, PLACE)!;
  machine.configWrite(PLACE, 4, 2, 7);
  const bus = fn.bus(machine, found, made.legacyBytes);
  return { fn, bus, machine, base: bus.block.base };
}

describe('the function of a draft, to be driven', () => {
  it('says its registers in the draft’s names, and what the legacy header calls them', () => {
    const { fn, base } = driven(
      draftWith('queueNotify', { name: 'bell', means: 'queueNotify', offset: 0x40 }),
    );
    expect(fn.kind).toBe('mmr');
    expect(fn.types).toContain('entropy');
    expect(fn.registers.find(({ name }) => name === 'bell')).toEqual({
      ...{ name: 'bell', offset: 0x40, bytes: 2, access: 'rw', when: undefined, means: 'queueNotify' },
    });
    expect(fn.reached(queueNotify.offset, 2)?.offset).toBe(0x40);
    expect(fn.reached(queueNotify.offset, 1)).toBeUndefined();
    expect(base % 0x1000).toBe(0);
  });

  it('lacks what the draft lacks', () => {
    const { fn } = driven(draftWith('queueSelect', { name: 'nothing' }));
    expect(fn.reached(queueSelect.offset, 2)).toBeNull();
    expect(fn.registers.find(({ name }) => name === 'nothing')?.means).toBeNull();
  });

  it('has writes arrive as its rules say, and whoever looks changes nothing', () => {
    const { bus, base, machine } = driven(draftWith('queueSelect', { width: 1 }));
    const status = base + deviceStatus.offset;
    bus.memoryWrite(status, 1, 1);
    bus.looking = true;
    expect(bus.memoryRead(status, 1)).toBe(0);
    bus.looking = false;
    expect(bus.memoryRead(status, 1)).toBe(1);
    bus.memoryWrite(base + queueSelect.offset, 2, 0x1ff);
    expect(bus.kicked).toBe(false);
    bus.memoryWrite(base + queueNotify.offset, 2, 0);
    expect(bus.kicked).toBe(true);
    bus.arriveAll();
    expect(bus.kicked).toBe(false);
    expect(machine.memoryRead(base + queueSelect.offset, 2)).toBe(0xff);
  });

  it('is none where none can be made', () => {
    expect(draftedFunction(shippedDrafts['io-bar']!)).toEqual({
      reasons: [expect.stringContaining('stands in I/O space')],
    });
  });
});
