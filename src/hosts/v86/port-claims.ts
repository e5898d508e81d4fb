import { AddressRangeError, type BusTarget, type Width } from '../../core/index.ts';
import { Claim, type TargetCalls } from './claims.ts';
import type { V86Cpu, V86Port } from './emulator.ts';

const PORTS = 0x10000;

/** A port's entry in v86's table while a claim holds it. v86 calls the methods with `device` as `this`. */
class ClaimedPort implements V86Port {
  readonly device: ClaimedPort = this;
  readonly #claims: PortClaims;
  readonly #claim: Claim;
  readonly #port: number;

  constructor(claims: PortClaims, claim: Claim, port: number) {
    this.#claims = claims;
    this.#claim = claim;
    this.#port = port;
  }

  read8(): number {
    return this.#claims.read(this.#claim, this.#port, 1) & 0xff;
  }

  read16(): number {
    return this.#claims.read(this.#claim, this.#port, 2) & 0xffff;
  }

  read32(): number {
    return this.#claims.read(this.#claim, this.#port, 4) | 0;
  }

  write8(data: number): void {
    this.#claims.write(this.#claim, this.#port, 1, data & 0xff);
  }

  write16(data: number): void {
    this.#claims.write(this.#claim, this.#port, 2, data & 0xffff);
  }

  write32(data: number): void {
    this.#claims.write(this.#claim, this.#port, 4, data >>> 0);
  }
}

/**
 * I/O ports of functions, put into v86's own table. Ports of v86's own devices stay theirs; where claims overlap, the
 * one made first answers.
 */
export class PortClaims {
  readonly #cpu: V86Cpu;
  readonly #calls: TargetCalls;
  readonly #claims: Claim[] = [];
  /** What v86 had at claimed ports. */
  readonly #originals = new Map<number, V86Port>();

  constructor(cpu: V86Cpu, calls: TargetCalls) {
    this.#cpu = cpu;
    this.#calls = calls;
  }

  /** @returns a function that gives the ports back (idempotent). @throws AddressRangeError outside I/O space. */
  claim(start: number, length: number, target: BusTarget): () => void {
    if (
      !Number.isInteger(start) ||
      !Number.isInteger(length) ||
      start < 0 ||
      length <= 0 ||
      start + length > PORTS
    )
      throw new AddressRangeError(start, length, 'wants ports below 0x10000');
    const claim = new Claim(start, length, target);
    this.#claims.push(claim);
    this.#settle(claim);
    return () => {
      const index = this.#claims.indexOf(claim);
      if (index < 0) return;
      this.#claims.splice(index, 1);
      this.#settle(claim);
    };
  }

  /** Decides anew who answers at the ports of a claim that came or went. */
  #settle({ start, end }: Claim): void {
    const { ports } = this.#cpu.io;
    for (let port = start; port < end; port++) {
      const original = this.#originals.get(port) ?? ports[port]!;
      if (!this.#isFree(original)) continue;
      const holder = this.#claims.find((claim) => port >= claim.start && port < claim.end);
      if (holder === undefined) {
        ports[port] = original;
        this.#originals.delete(port);
      } else {
        ports[port] = new ClaimedPort(this, holder, port);
        this.#originals.set(port, original);
      }
    }
  }

  #isFree(entry: V86Port): boolean {
    const { empty_port_read8, empty_port_write } = this.#cpu.io;
    return entry.read8 === empty_port_read8 && entry.write8 === empty_port_write;
  }

  read(claim: Claim, port: number, width: Width): number {
    if (port + width <= claim.end) return this.#calls.read(claim.target, port - claim.start, width);
    let value = 0;
    for (let i = 0; i < width; i++) {
      const entry = this.#cpu.io.ports[port + i];
      value |= (entry === undefined ? 0xff : entry.read8.call(entry.device as V86Port, port + i)) << (8 * i);
    }
    return value >>> 0;
  }

  write(claim: Claim, port: number, width: Width, value: number): void {
    if (port + width <= claim.end) {
      this.#calls.write(claim.target, port - claim.start, width, value);
      return;
    }
    for (let i = 0; i < width; i++) {
      const entry = this.#cpu.io.ports[port + i];
      entry?.write8.call(entry.device as V86Port, (value >>> (8 * i)) & 0xff);
    }
  }
}
