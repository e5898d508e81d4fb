import { describe, expect, it } from 'vitest';
import { functionAddress, type LabEvent, sinkFor } from '../../src/core/index.ts';
import { Machine } from '../../src/pci/index.ts';

const kinds = (events: readonly LabEvent[]) => events.map(({ kind }) => kind);

describe('bounds of accesses on a machine', () => {
  it('stand around every access: before its event for a write, after it for a read', () => {
    const machine = new Machine();
    const events: LabEvent[] = [];
    machine.events = (event) => events.push(event);
    const accesses = [
      () => machine.ioWrite(0x80, 1, 1),
      () => machine.ioRead(0x80, 1),
      () => machine.memoryWrite(0x1000, 4, 1),
      () => machine.memoryRead(0x1000, 4),
      () => machine.configWrite(0, 4, 2, 0),
      () => machine.configRead(0, 4, 2),
    ];
    for (const access of accesses) {
      events.length = 0;
      access();
      expect(kinds(events)).toEqual(['enter', 'access', 'leave']);
    }
    events.length = 0;
    machine.configRead(functionAddress(0, 31), 0, 4);
    expect(events).toEqual([]);
  });

  it('and accesses are not told to a sink that wants other kinds, and not made for it', () => {
    const machine = new Machine();
    const told: LabEvent[] = [];
    machine.events = sinkFor(['interrupt', 'finding'], (event) => told.push(event));
    const { data } = machine.interrupts.allocateMessage(() => {});
    machine.ioWrite(0x80, 1, 1);
    machine.memoryRead(0x1000, 4);
    machine.configRead(0, 4, 2);
    machine.interrupts.message(0, data);
    expect(kinds(told)).toEqual(['interrupt']);
    machine.events = sinkFor(['access'], (event) => told.push(event));
    machine.interrupts.message(0, data);
    machine.configRead(0, 4, 2);
    expect(kinds(told)).toEqual(['interrupt', 'access']);
    machine.events = null;
    machine.ioRead(0x80, 1);
    expect(told).toHaveLength(2);
  });

  it('hold what one access leads to on the same machine', () => {
    const machine = new Machine();
    const seen: string[] = [];
    machine.events = (event) =>
      seen.push(event.kind === 'access' ? `${event.space} ${event.operation}` : event.kind);
    machine.ioWrite(0xcf8, 4, 0x80000000);
    seen.length = 0;
    machine.ioRead(0xcfc, 4);
    expect(seen).toEqual(['enter', 'enter', 'config read', 'leave', 'io read', 'leave']);
    seen.length = 0;
    machine.ioWrite(0xcfc, 4, 0);
    expect(seen).toEqual(['enter', 'io write', 'enter', 'config write', 'leave', 'leave']);
  });

  it('close when a target throws', () => {
    const machine = new Machine();
    const events: LabEvent[] = [];
    machine.events = (event) => events.push(event);
    const broken = () => {
      throw new Error('broken');
    };
    machine.io.map({ name: 'broken', start: 0x200, length: 4, target: { read: broken, write: broken } });
    expect(() => machine.ioRead(0x200, 1)).toThrow('broken');
    expect(() => machine.ioWrite(0x200, 1, 0)).toThrow('broken');
    expect(kinds(events)).toEqual(['enter', 'leave', 'enter', 'access', 'leave']);
  });

  it('name the function that a configuration access reached by its place', () => {
    const machine = new Machine();
    const targets: string[] = [];
    machine.events = (event) => event.kind === 'access' && targets.push(event.target);
    machine.configRead(0, 0, 4);
    expect(targets).toEqual(['00:00.0 host-bridge']);
  });
});
