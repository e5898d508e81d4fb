import { describe, expect, it, test } from 'vitest';
import { DmaDomain, HeldScheduler, immediate } from '../../../src/core/index.ts';
import {
  DmaMemory,
  findFunction,
  HandlerError,
  LegacyTransport,
  legacyAccess,
  ModernTransport,
  NetworkDriver,
  type NetworkDriverOptions,
  ReceiveError,
  runFirmware,
} from '../../../src/driver/index.ts';
import { DeviceConfig, networkConfig, networkFeature, virtioFunction } from '../../../src/virtio/index.ts';
import { SLOT, smallMachine } from '../../pci/support.ts';
import { Probe } from '../../virtio/support/probe.ts';
import { completeWith } from '../support/lying.ts';

const BUFFER = 64;
const BUFFERS = 4;

type Way = 'legacy' | 'modern';

/** A device that fills receive buffers as the test says; interrupts wait until they are let go. */
function open(way: Way, options: NetworkDriverOptions = {}, queueSize = 8) {
  const interrupts = new HeldScheduler();
  const machine = smallMachine({ scheduler: immediate, interruptScheduler: interrupts });
  const probe = new Probe({
    type: 'network',
    features: [networkFeature.mergeableBuffers],
    config: new DeviceConfig(networkConfig),
    queueSizes: [queueSize, 8],
  });
  const fn = virtioFunction(probe, { kind: 'transitional' });
  machine.plug(fn.pci, SLOT, new DmaDomain(machine.ram));
  runFirmware(machine);
  const found = findFunction(machine, SLOT)!;
  const transport =
    way === 'legacy'
      ? new LegacyTransport(machine, found, legacyAccess(machine, found))
      : new ModernTransport(machine, found);
  const log: string[] = [];
  const errors: ReceiveError[] = [];
  const driver = new NetworkDriver(transport, new DmaMemory(machine.ram, 0x10000), {
    buffers: BUFFERS,
    bufferBytes: BUFFER,
    onFrame: (frame) => log.push([...frame].join(' ')),
    onReceiveError: (error) => {
      errors.push(error);
      log.push('error');
    },
    ...options,
  });
  interrupts.releaseAll();
  return {
    driver,
    log,
    errors,
    probe,
    /** Buffers as (num_buffers, bytes of the frame in it, used length), which come back by one interrupt. */
    fill: (...buffers: (readonly [count: number, bytes: readonly number[], length?: number])[]) => {
      for (const [count, bytes, length] of buffers) {
        const chain = probe.taken.shift()!;
        const content = new Uint8Array(BUFFER);
        // A first buffer has a header; one that goes on with a frame is given count -1.
        const start = count < 0 ? 0 : 12;
        if (count >= 0) new DataView(content.buffer).setUint16(10, count, true);
        content.set(bytes, start);
        chain.write(0, content, 0, BUFFER);
        completeWith(probe.device, chain, length ?? start + bytes.length);
      }
      interrupts.releaseAll();
    },
  };
}

const FULL = BUFFER - 12;
const full = Array.from({ length: FULL }, (_, i) => i);
const more = Array.from({ length: BUFFER }, (_, i) => 100 + i);
const whole = full.join(' ');

describe.each<Way>(['legacy', 'modern'])('the number of buffers of a frame, %s', (way) => {
  it('NET-RX-11: puts a frame together from as many as there are', () => {
    const { fill, log, driver } = open(way);
    fill([2, full], [-1, [7]], [1, [8]]);
    fill([3, full], [-1, more], [-1, [9]]);
    expect(log).toEqual([`${whole} 7`, '8', `${whole} ${more.join(' ')} 9`]);
    expect(driver.receiveErrors).toBe(0);
  });

  test.each([
    ['0', 0, [1], 0],
    // NET-RX-13: all buffers of a frame become visible together.
    ['2, of which one came back', 2, full, 2],
    // NET-RX-12: each but the last is full.
    ['2, of which the first is not full', 2, [1, 2, 3], 2],
    ['as many as the driver has, of which one came back', BUFFERS, full, BUFFERS],
    ['more than the driver has', BUFFERS + 1, full, BUFFERS + 1],
    ['65535', 0xffff, full, 0xffff],
  ])('that cannot be is one error, and the next frame arrives: %s', (_, count, bytes, value) => {
    const { fill, log, driver, errors } = open(way);
    fill([count, bytes]);
    expect([log, errors[0]?.value, errors[0] instanceof ReceiveError]).toEqual([['error'], value, true]);
    // More rounds than there are buffers: the driver gave each of them back.
    for (let round = 0; round < 2 * BUFFERS; round++) fill([1, [round]]);
    expect(log.slice(1)).toEqual(Array.from({ length: 2 * BUFFERS }, (_, i) => `${i}`));
    expect(driver.receiveErrors).toBe(1);
  });

  it('does not swallow the frame behind one that is not full', () => {
    const { fill, log } = open(way);
    fill([2, [1, 2, 3]], [1, [4]], [3, full], [-1, more]);
    // The buffer that would have gone on has no header that can be.
    expect(log.slice(0, 3)).toEqual(['error', '4', 'error']);
  });

  test.each([
    [11, ['error']],
    [0, ['error']],
    [12, ['']],
  ])('a buffer of %d bytes: %j', (length, expected) => {
    const { fill, log } = open(way);
    fill([1, [], length]);
    expect(log).toEqual(expected);
  });

  it('more bytes than the buffer has are none', () => {
    const { fill, log, errors } = open(way);
    fill([1, [], BUFFER + 1]);
    fill([1, full, BUFFER]);
    expect([log, errors.length]).toEqual([['error', whole], 1]);
  });

  it('is not looked at where buffers are not merged', () => {
    if (way === 'legacy') return;
    const { fill, log } = open(way, { features: [] });
    fill([7, [1]]);
    expect(log).toEqual(['1']);
  });
});

describe('a handler of frames that throws', () => {
  it('loses none that came with it', () => {
    const seen: number[] = [];
    const { fill, driver } = open('modern', {
      onFrame: ([first]) => {
        seen.push(first!);
        if (first === 1) throw new TypeError('mine');
      },
    });
    fill([1, [1]], [1, [2]], [1, [3]]);
    expect(seen).toEqual([1, 2, 3]);
    expect(driver.driver.failure).toBeInstanceOf(HandlerError);
  });
});

describe('the arguments of a network driver', () => {
  it('are checked before anything is sent', async () => {
    const { driver } = open('modern');
    await expect(driver.setMacAddress(new Uint8Array(5))).rejects.toThrow(/6 bytes/);
    await expect(driver.send(new Uint8Array(60), null, 1)).rejects.toThrow(/pair of queues 1/);
  });
});
