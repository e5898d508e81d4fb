import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it } from 'vitest';
import { GuestMemory, type State, stateFromText, stateToText } from '../../src/core/index.ts';
import { runFirmware } from '../../src/driver/index.ts';
import { presentLegacy } from '../../src/mmr/index.ts';
import { Machine } from '../../src/pci/index.ts';
import {
  BlockDevice,
  DiskUnit,
  MemoryStorage,
  ScsiDevice,
  type VirtioFunctionOptions,
  virtioFunction,
} from '../../src/virtio/index.ts';
import { Probe } from '../virtio/support/probe.ts';
import { SLOT } from './support.ts';

const storage = () => new MemoryStorage(new Uint8Array(4096));
const ram = () => GuestMemory.allocate({ start: 0, length: 0x10000 });

function machine(
  behaviour = new BlockDevice({ storage: storage() }),
  options: Partial<VirtioFunctionOptions> = {},
) {
  const made = new Machine({ ram: ram() });
  made.plug(virtioFunction(behaviour as BlockDevice, { kind: 'transitional', ...options }).pci, SLOT);
  return made;
}

/** Everything by its name, wherever it is. */
function names(state: State): string[] {
  if (typeof state !== 'object' || state === null || state instanceof Uint8Array) return [];
  const own =
    'record' in state && typeof state.record === 'string' ? [`${state.record} ${String(state.version)}`] : [];
  return [...own, ...Object.values(state).flatMap((each: State) => names(each))];
}

describe('the manifest of a machine', () => {
  it('names every record and its version, those of requests too', () => {
    const found = names(machine().manifest());
    for (const name of ['machine', 'pci-function', 'virtio-device', 'queue', 'split-queue', 'packed-queue'])
      expect(found.some((each) => each.startsWith(`${name} `))).toBe(true);
    for (const name of [
      'status',
      'features',
      'msix',
      'virtio-interrupts',
      'common-configuration',
      'legacy-window',
    ])
      expect(found.some((each) => each.startsWith(`${name} `))).toBe(true);
    for (const name of ['block', 'block-request']) expect(found).toContain(`${name} 1`);
    const scsi = new ScsiDevice({
      units: [{ target: 0, lun: 0, unit: new DiskUnit({ storage: storage() }) }],
    });
    const more = names(machine(scsi as never).manifest());
    for (const name of ['scsi', 'scsi-command', 'scsi-disk']) expect(more).toContain(`${name} 1`);
  });

  it("is equal where machines take each other's states, and another where they do not", () => {
    const one = machine();
    expect(one.manifest()).toEqual(machine().manifest());
    for (const other of [
      machine(undefined, { vectors: 3 }),
      machine(undefined, { kind: 'modern' }),
      machine(new BlockDevice({ storage: storage(), serial: 'other' })),
      machine(new Probe() as never),
    ]) {
      expect(isDeepStrictEqual(other.manifest(), one.manifest())).toBe(false);
      expect(() => other.load(one.save())).toThrow();
    }
  });

  it('does not depend on what the machine is doing, and can be written down', () => {
    const made = machine();
    const before = made.manifest();
    made.configWrite(SLOT, 4, 2, 7);
    expect(made.manifest()).toEqual(before);
    expect(stateFromText(stateToText(before))).toEqual(before);
  });

  it('covers what a guest is given by the translator', () => {
    const host = machine();
    runFirmware(host);
    const guest = new Machine({ ram: ram() });
    guest.plug(presentLegacy(host, SLOT).pci, SLOT);
    expect(names(guest.manifest())).toContain('io-bar-backend 1');
  });
});
