import { describe, expect, it } from 'vitest';
import { LampDevice, lampType } from '../../../docs/examples/lamp.ts';
import { conform, type Result, type Subject } from '../../../src/conformance/device/index.ts';
import { functionAddress } from '../../../src/core/index.ts';
import { runFirmware } from '../../../src/driver/index.ts';
import { Machine, machineTarget } from '../../../src/pci/index.ts';
import { type DeviceType, virtioFunction } from '../../../src/virtio/index.ts';

/** A lamp whose row is as given. */
function open(type: DeviceType): Subject {
  const machine = new Machine();
  const place = functionAddress(0, 4);
  const lamp = Object.assign(new LampDevice(), { type });
  machine.plug(virtioFunction(lamp, { kind: 'transitional' }).pci, place);
  runFirmware(machine);
  return {
    target: machineTarget(machine, place),
    type,
    settings: ['legacy', 'modern'],
    memory: { start: 0x100000, end: 0x300000 },
    hands: {},
    patience: 120,
  };
}

async function results(type: DeviceType): Promise<Result[]> {
  const found: Result[] = [];
  const source = { name: 'lamp', cheap: true, open: () => open(type) };
  for await (const result of conform(source, { witness: false })) found.push(result);
  return found;
}

const unasked = (list: readonly Result[]) =>
  list.filter(({ reason }) => /no smallRequest$/.test(reason ?? ''));

describe('a device type from outside the package', () => {
  it('is asked by the request of its row, and so its rings are judged', async () => {
    const list = await results(lampType);
    expect(unasked(list)).toEqual([]);
    const failed = list.filter(({ outcome, recovers }) => outcome === 'FAIL' || recovers === false);
    expect(failed.map(({ check, seen }) => `${check}: ${seen}`)).toEqual([]);
    expect(list.filter(({ outcome }) => outcome === 'PASS').length).toBeGreaterThan(80);
  });

  it('is not, and the report says what is missing, where the row has none', async () => {
    const missing = unasked(await results({ ...lampType, smallRequest: null }));
    expect(missing.length).toBeGreaterThan(50);
    expect(missing[0]).toMatchObject({ outcome: 'SKIP' });
    expect(missing[0]!.reason).toBe(
      'this suite has no request for devices of type lamp, and their row has no smallRequest',
    );
  });
});
