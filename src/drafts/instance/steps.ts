import type { Width } from '../../core/index.ts';
import { deviceStatus, legacyHeaderWithVectors, NO_VECTOR } from '../../virtio/layout/index.ts';
import { registerOf } from '../checks/blocks.ts';
import { hex } from '../checks/check.ts';
import type { PlacedStructure } from '../model.ts';
import { type LegacyRegister, legacyRegisters } from './registers.ts';

/** Something that a driver does, or that time does: what sequences are made of. */
export type Step =
  | { readonly do: 'read'; readonly register: LegacyRegister }
  | { readonly do: 'write'; readonly register: LegacyRegister; readonly value: number }
  /** Device configuration; `offset` from its start. */
  | { readonly do: 'read-config'; readonly offset: number; readonly width: Width }
  | { readonly do: 'write-config'; readonly offset: number; readonly width: Width; readonly value: number }
  | { readonly do: 'msix'; readonly on: boolean }
  /** The ring is zeroed, as before it is given to a device. */
  | { readonly do: 'clear-ring' }
  /** A request is put into the ring. */
  | { readonly do: 'request' }
  /** The device does what it has to do, and notifications arrive. */
  | { readonly do: 'work' };

/** Repeatable numbers, by a 32-bit xorshift (Marsaglia, 2003). */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = Math.imul(seed + 1, 0x9e3779b1) >>> 0 || 1;
  }

  /** A whole number below `count`. */
  below(count: number): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x >>> 0;
    return this.#state % count;
  }

  of<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)]!;
  }
}

const { acknowledge, driver, driverOk, failed } = deviceStatus;
const STARTED = [0, acknowledge, acknowledge | driver, acknowledge | driver | driverOk] as const;

/** Values that a register is written with, beside any. */
const telling: Partial<Record<LegacyRegister, readonly number[]>> = {
  driverFeatures: [0, 2 ** 28, 2 ** 29, 0xffffffff],
  queueSelect: [0, 0, 1, 0x100, 0xffff],
  queueNotify: [0, 0, 1],
  deviceStatus: [...STARTED, failed],
  configMsixVector: [0, 1, NO_VECTOR],
  queueMsixVector: [0, 1, NO_VECTOR],
};

const write = (register: LegacyRegister, value: number): Step => ({ do: 'write', register, value });

/** A whole bring-up, register by register. */
const bringUp = (page: number, random: Random): Step[] => [
  { do: 'clear-ring' },
  ...STARTED.slice(0, 3).map((value) => write('deviceStatus', value)),
  { do: 'read', register: 'deviceFeatures' },
  write('driverFeatures', random.of([0, 2 ** 28, 2 ** 29])),
  write('queueSelect', 0),
  { do: 'read', register: 'queueSize' },
  write('queueAddress', page),
  write('configMsixVector', 0),
  write('queueMsixVector', random.of([0, 1])),
  write('deviceStatus', STARTED[3]),
];

/** What sequences are drawn from, with weights. */
export interface Drawn {
  /** Page where the ring is. */
  readonly page: number;
  readonly configBytes: number;
}

function steps(random: Random, { page, configBytes }: Drawn): Step[] {
  const register = random.of(legacyRegisters);
  const width = random.of([1, 2, 4] as const);
  const offset = configBytes < width ? 0 : random.below(configBytes - width + 1);
  const maybe = (list: readonly Step[]) => (random.below(2) === 0 ? [] : list);
  switch (random.below(20)) {
    case 0:
    case 1:
      return bringUp(page, random);
    case 2:
    case 3:
    case 4:
      return [
        { do: 'request' },
        write('queueNotify', 0),
        ...maybe([
          { do: 'work' },
          ...maybe([{ do: 'read', register }]),
          { do: 'read', register: 'isrStatus' },
        ]),
      ];
    case 5:
    case 6:
      return [{ do: 'work' }];
    case 7:
      return [...maybe([{ do: 'request' }]), write('deviceStatus', 0), ...maybe([{ do: 'work' }])];
    case 8:
      return [{ do: 'msix', on: random.below(2) === 0 }];
    case 9:
      return configBytes === 0 ? [] : [{ do: 'read-config', offset, width }];
    case 10:
      return configBytes === 0 ? [] : [{ do: 'write-config', offset, width, value: random.below(256) }];
    case 11:
    case 12:
    case 13:
      return [{ do: 'read', register }];
    default: {
      const values =
        register === 'queueAddress' ? [0, page] : (telling[register] ?? [0, random.below(2 ** 16)]);
      const written = write(register, random.of(values));
      // Whoever sets a register up may look whether it was taken.
      return [written, ...maybe([{ do: 'read', register }])];
    }
  }
}

/** A sequence of steps, the same for the same seed. */
export function sequence(seed: number, length: number, drawn: Drawn): Step[] {
  const random = new Random(seed);
  const list: Step[] = [];
  while (list.length < length) list.push(...steps(random, drawn));
  return list;
}

/** The step, in a draft's own names of registers. */
export function stepText(step: Step, { fields }: PlacedStructure): string {
  const nameOf = (register: LegacyRegister) =>
    registerOf(fields, register)?.field.name ?? `${register} (which the draft lacks)`;
  switch (step.do) {
    case 'read':
      return `read ${nameOf(step.register)}`;
    case 'write':
      return `write ${nameOf(step.register)} ${hex(step.value, 2 * legacyHeaderWithVectors[step.register].width)}`;
    case 'read-config':
      return `read ${step.width} bytes of device configuration at ${step.offset}`;
    case 'write-config':
      return `write ${hex(step.value, 2 * step.width)} to device configuration at ${step.offset}`;
    case 'msix':
      return step.on ? 'enable MSI-X' : 'disable MSI-X';
    case 'clear-ring':
      return 'zero the ring';
    case 'request':
      return 'put a request into the ring';
    case 'work':
      return 'the device works';
  }
}
