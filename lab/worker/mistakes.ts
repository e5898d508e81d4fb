import type { Bus, FunctionAddress, GuestMemory, Interrupts, Register, Width } from 'virtiolab/core';
import { commonConfig, deviceStatus, legacyHeader, pciCommand, type0Header } from 'virtiolab/layout';
import type { Draft } from 'virtiolab/mmr';
import { type AccessPlace, placesOf } from 'virtiolab/trace';
import type { Choice } from '../protocol.ts';

/** An access of the driver on its way. */
interface Touched {
  /** `config` for configuration space, else the structure in a BAR. */
  readonly place: string;
  readonly offset: number;
  readonly width: Width;
}

/** Makes an access of its own, in the structure of the one that is on its way. */
type Extra = (offset: number, width: Width, value: number) => void;

interface Mistake extends Choice {
  /** What is written in place of a value; null for nothing. */
  write?(touched: Touched, value: number, extra: Extra): number | null;
  /** @param again reads once more. */
  read?(touched: Touched, value: number, again: () => number): number;
}

const is = ({ place, offset, width }: Touched, where: string, register: Register) =>
  place === where && offset === register.offset && width === register.width;

const isStatus = (touched: Touched) =>
  is(touched, 'legacy', legacyHeader.deviceStatus) || is(touched, 'common', commonConfig.deviceStatus);
const isKick = (touched: Touched) =>
  touched.place === 'notify' || is(touched, 'legacy', legacyHeader.queueNotify);
const isFeatures = (touched: Touched) =>
  is(touched, 'legacy', legacyHeader.driverFeatures) || is(touched, 'common', commonConfig.driverFeature);

const without = (bit: number) => (touched: Touched, value: number) =>
  isStatus(touched) ? value & ~bit : value;

/** A feature that no device type has. */
const NO_FEATURE = 1 << 22;
const LEGACY_SIZE = 64;

/** What drivers do wrong, each in one small way. */
export const mistakes: readonly Mistake[] = [
  { name: 'no-acknowledge', says: 'never sets ACKNOWLEDGE', write: without(deviceStatus.acknowledge) },
  { name: 'no-driver-ok', says: 'never sets DRIVER_OK', write: without(deviceStatus.driverOk) },
  {
    name: 'no-bus-mastering',
    says: 'forgets to let the function master the bus',
    write: (touched, value) =>
      is(touched, 'config', type0Header.command) ? value & ~pciCommand.busMaster : value,
  },
  {
    name: 'no-reset',
    says: 'does not reset the device first',
    write: (touched, value) => (isStatus(touched) && value === 0 ? null : value),
  },
  {
    name: 'features-not-offered',
    says: 'accepts a feature that was not offered',
    write: (touched, value) => (isFeatures(touched) ? value | NO_FEATURE : value),
  },
  {
    name: 'status-cleared',
    says: 'takes status bits back before DRIVER_OK',
    write(touched, value, extra) {
      if (isStatus(touched) && (value & deviceStatus.driverOk) !== 0)
        extra(touched.offset, 1, deviceStatus.acknowledge);
      return value;
    },
  },
  {
    name: 'features-late',
    says: 'writes features once more after DRIVER_OK',
    write(touched, value, extra) {
      if (isKick(touched) && touched.place === 'legacy') extra(legacyHeader.driverFeatures.offset, 4, 0);
      return value;
    },
  },
  {
    name: 'queue-size-written',
    says: 'writes the size of a legacy queue',
    write(touched, value, extra) {
      if (is(touched, 'legacy', legacyHeader.queueAddress) && value !== 0)
        extra(legacyHeader.queueSize.offset, 2, LEGACY_SIZE);
      return value;
    },
  },
  {
    name: 'kick-early',
    says: 'kicks before DRIVER_OK',
    write(touched, value, extra) {
      if (is(touched, 'legacy', legacyHeader.queueAddress) && value !== 0)
        extra(legacyHeader.queueNotify.offset, 2, 0);
      return value;
    },
  },
  {
    name: 'kick-forgotten',
    says: 'never kicks',
    write: (touched, value) => (isKick(touched) ? null : value),
  },
  {
    name: 'kick-elsewhere',
    says: 'kicks a queue that does not exist',
    write: (touched, value) => (isKick(touched) ? value + 100 : value),
  },
  {
    name: 'isr-read-twice',
    says: 'reads ISR once more when it told of something',
    read: (touched, value, again) => {
      const isr = is(touched, 'legacy', legacyHeader.isrStatus) || touched.place === 'isr';
      if (isr && value !== 0) again();
      return value;
    },
  },
];

/** A driver's bus, on which it makes a mistake. */
export class MistakenBus implements Bus {
  readonly ram: GuestMemory;
  readonly interrupts: Interrupts;
  readonly dmaMemory?: NonNullable<Bus['dmaMemory']>;
  readonly watchFunction?: NonNullable<Bus['watchFunction']>;
  readonly #bus: Bus;
  readonly #look: Pick<Bus, 'configRead'>;
  readonly #fn: FunctionAddress;
  readonly #mistake: Mistake;
  readonly #draft: Draft;

  /** @param look reads configuration space unseen. */
  constructor(bus: Bus, look: Pick<Bus, 'configRead'>, fn: FunctionAddress, mistake: Mistake, draft: Draft) {
    this.#draft = draft;
    this.#bus = bus;
    this.#look = look;
    this.#fn = fn;
    this.#mistake = mistake;
    this.ram = bus.ram;
    this.interrupts = bus.interrupts;
    if (bus.dmaMemory !== undefined) this.dmaMemory = (each) => bus.dmaMemory!(each);
    if (bus.watchFunction !== undefined)
      this.watchFunction = (each, watcher) => bus.watchFunction!(each, watcher);
  }

  pause(): void {
    this.#bus.pause();
  }

  #placeAt(space: 'io' | 'memory', address: number): AccessPlace | undefined {
    return placesOf(this.#look, [this.#fn], this.#draft).find(
      (each) => each.space === space && address >= each.start && address < each.start + each.length,
    );
  }

  #read(touched: Touched, read: () => number): number {
    const value = read();
    return this.#mistake.read?.(touched, value, read) ?? value;
  }

  #write(touched: Touched, value: number, write: Extra): void {
    const written = this.#mistake.write === undefined ? value : this.#mistake.write(touched, value, write);
    if (written !== null) write(touched.offset, touched.width, written);
  }

  configRead(fn: FunctionAddress, offset: number, width: Width): number {
    return this.#read({ place: 'config', offset, width }, () => this.#bus.configRead(fn, offset, width));
  }

  configWrite(fn: FunctionAddress, offset: number, width: Width, value: number): void {
    this.#write({ place: 'config', offset, width }, value, (at, wide, what) =>
      this.#bus.configWrite(fn, at, wide, what),
    );
  }

  #readAt(space: 'io' | 'memory', address: number, width: Width, read: () => number): number {
    const place = this.#placeAt(space, address);
    if (place === undefined) return read();
    const name = place.target.replace(/^.* /, '');
    return this.#read({ place: name, offset: address - place.start, width }, read);
  }

  #writeAt(space: 'io' | 'memory', address: number, width: Width, value: number, write: Extra): void {
    const place = this.#placeAt(space, address);
    if (place === undefined) {
      write(address, width, value);
      return;
    }
    const name = place.target.replace(/^.* /, '');
    this.#write({ place: name, offset: address - place.start, width }, value, (at, wide, what) =>
      write(place.start + at, wide, what),
    );
  }

  ioRead(port: number, width: Width): number {
    return this.#readAt('io', port, width, () => this.#bus.ioRead(port, width));
  }

  ioWrite(port: number, width: Width, value: number): void {
    this.#writeAt('io', port, width, value, (at, wide, what) => this.#bus.ioWrite(at, wide, what));
  }

  memoryRead(address: number, width: Width): number {
    return this.#readAt('memory', address, width, () => this.#bus.memoryRead(address, width));
  }

  memoryWrite(address: number, width: Width, value: number): void {
    this.#writeAt('memory', address, width, value, (at, wide, what) => this.#bus.memoryWrite(at, wide, what));
  }
}
