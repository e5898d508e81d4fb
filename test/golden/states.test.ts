import { Buffer } from 'node:buffer';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { stateFromText, stateToText } from '../../src/core/index.ts';
import { SeededEntropy } from '../../src/virtio/index.ts';
import { busyMachine, buffersOf, freshMachine, places } from './states/machine.ts';

/*
 * States of machines as they were saved by earlier versions, and by today's: each is loaded and goes on, for ever. A change
 * after which one is refused wants an upgrade of its record, or takes something from those who keep states.
 */
const folder = new URL('./states/', import.meta.url);

/** VIRTIOLAB_KEEP_STATE=NAME writes today's state down: once for each version, and never again. */
const name = process.env.VIRTIOLAB_KEEP_STATE;
if (name !== undefined)
  writeFileSync(new URL(`${name}.json`, folder), `${stateToText(busyMachine().machine.save())}\n`);
const kept = readdirSync(folder).filter((name) => name.endsWith('.json'));

describe.each(kept)('the state %s', (file) => {
  const state = stateFromText(readFileSync(new URL(file, folder), 'utf8'));

  it('is loaded, and what was in flight comes to its end', () => {
    const { machine, tasks, terminal, balloon } = freshMachine();
    machine.load(state);
    const before = machine.ram.read(0, 0x14000);
    for (const page of [0x11, 0x12]) expect(balloon.inflated.has(page)).toBe(true);
    expect(balloon.statistics).toEqual({ freeMemory: 0x1000n });
    machine.posted!.flushAll();
    tasks.releaseAll();
    const at = (place: keyof typeof places, offset: number, length: number) =>
      machine.ram.read(buffersOf(places[place]) + offset, length);
    expect([...at('block', 16, 513)]).toEqual([...new Uint8Array(512).fill(0x43), 0]);
    // The rest of the line had been taken.
    expect(new TextDecoder().decode(terminal.take())).toBe('orld');
    const random = new Uint8Array(16);
    new SeededEntropy(7).fill(random);
    expect([...at('entropy', 0, 16)]).toEqual([...random]);
    expect(Buffer.from(at('scsi', 16 + 51 + 108 + 8, 8)).toString()).toBe('VIRTLAB ');
    expect(at('p9', 21 + 64 + 23, 7)[4]).toBe(105);
    expect(Buffer.compare(before, machine.ram.read(0, 0x14000))).not.toBe(0);
  });

  it('is one that a machine of today saves again, and takes again', () => {
    const one = freshMachine();
    one.machine.load(state);
    const again = one.machine.save();
    const other = freshMachine();
    other.machine.load(stateFromText(stateToText(again)));
    const { messages: _, ...rest } = other.machine.save();
    expect(rest).toEqual({ ...again, messages: undefined });
  });

  it('has a network device that receives, and a driver that may start anew', () => {
    const { machine, tasks, network } = freshMachine();
    machine.load(state);
    const frame = new Uint8Array(60).fill(0xff, 0, 6);
    expect(network.receive(frame, 0, 60, null)).toBe(true);
    tasks.releaseAll();
    expect([...machine.ram.read(buffersOf(places.network) + 12, 6)]).toEqual(new Array(6).fill(0xff));
    for (const fn of Object.values(places)) machine.functions.get(fn)!.reset();
  });
});
