import type { Bus, Width } from '../../core/index.ts';

/** An access, or something else that a program did, written down to be done again. Bytes of RAM are in hexadecimal. */
export type Step =
  | readonly [
      operation: 'read' | 'write',
      space: 'config' | 'io' | 'memory',
      fn: number,
      address: number,
      width: Width,
      value: number,
    ]
  | readonly ['ram', address: number, bytes: string]
  | readonly ['pause', times: number];

/** A read that gave another value than when it was written down. */
export interface ReplayDifference {
  /** From 1 on. */
  readonly step: number;
  readonly name: string;
  readonly read: number;
  readonly was: number;
}

const accesses = {
  config: {
    read: (bus: Bus, fn: number, address: number, width: Width) => bus.configRead(fn, address, width),
    write: (bus: Bus, fn: number, address: number, width: Width, value: number) =>
      bus.configWrite(fn, address, width, value),
  },
  io: {
    read: (bus: Bus, _fn: number, address: number, width: Width) => bus.ioRead(address, width),
    write: (bus: Bus, _fn: number, address: number, width: Width, value: number) =>
      bus.ioWrite(address, width, value),
  },
  memory: {
    read: (bus: Bus, _fn: number, address: number, width: Width) => bus.memoryRead(address, width),
    write: (bus: Bus, _fn: number, address: number, width: Width, value: number) =>
      bus.memoryWrite(address, width, value),
  },
} as const;

/** Does the same again. Nobody handles interrupts. @returns the reads that gave something else. @throws TargetGoneError */
export function replay(bus: Bus, steps: readonly Step[]): ReplayDifference[] {
  const differences: ReplayDifference[] = [];
  for (const [i, step] of steps.entries()) {
    if (step[0] === 'pause') for (let n = 0; n < step[1]; n++) bus.pause();
    else if (step[0] === 'ram')
      bus.ram.write(
        step[1],
        Uint8Array.from(step[2].match(/../g) ?? [], (pair) => Number.parseInt(pair, 16)),
      );
    else {
      const [operation, space, fn, address, width, value] = step;
      if (operation === 'write') accesses[space].write(bus, fn, address, width, value);
      else {
        const read = accesses[space].read(bus, fn, address, width);
        const name = `${space} 0x${address.toString(16)}`;
        if (read !== value) differences.push({ step: i + 1, name, read, was: value });
      }
    }
  }
  return differences;
}
