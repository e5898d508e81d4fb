import { expect, it } from 'vitest';
import { checks, conform, type SubjectSource } from '../../../src/conformance/device/index.ts';
import { functionAddress, GuestMemory } from '../../../src/core/index.ts';
import { runFirmware } from '../../../src/driver/index.ts';
import { Machine, machineTarget } from '../../../src/pci/index.ts';
import {
  defaultTransportFeatures,
  EntropyDevice,
  feature,
  virtioFunction,
} from '../../../src/virtio/index.ts';

const place = functionAddress(0, 4);

/** A function that has what the samples do not: shared memory, vendor data, notification data. */
const source: SubjectSource = {
  name: 'entropy with extras',
  cheap: true,
  open() {
    const behaviour = new EntropyDevice();
    const machine = new Machine({ ram: GuestMemory.allocate({ start: 0, length: 0x400000 }) });
    const { pci } = virtioFunction(behaviour, {
      kind: 'transitional',
      transportFeatures: [...defaultTransportFeatures, feature.ringPacked, feature.notificationData],
      sharedMemory: [1, 2].map((id) => ({ id, bytes: new Uint8Array(4096) })),
      vendorData: [{ vendorId: 0x1d0f, bytes: Uint8Array.of(1, 2, 3, 4, 5, 6) }],
    });
    machine.plug(pci, place);
    runFirmware(machine);
    return {
      target: machineTarget(machine, place),
      type: behaviour.type,
      settings: ['legacy', 'modern', 'packed'],
      memory: { start: 0x100000, end: 0x300000 },
      hands: {},
      patience: 120,
    };
  },
};

const wanted = [
  'shared-memory-ids',
  'shared-memory-inside-bar',
  'shared-memory-has-no-registers',
  'vendor-data',
  'vendor-data-is-only-read',
  'kicks-inside-structure',
  'kicks-with-data-inside-structure',
  'notify-structure-takes-data',
  'sr-iov-as-capability-says',
  'reset-ends-use',
];

it('a function with shared memory, vendor data and notification data passes what is about them', async () => {
  const seen: string[] = [];
  const list = checks.filter(({ id }) => wanted.includes(id));
  for await (const { check, setting, outcome, seen: what } of conform(source, {
    checks: list,
    witness: false,
  }))
    if (outcome !== 'PASS') seen.push(`${check} ${setting}: ${outcome} ${what}`);
  expect(list.map(({ id }) => id).sort()).toEqual([...wanted].sort());
  expect(seen).toEqual([]);
});
