import { scsiResponse, scsiSense } from '../../layout/index.ts';
import {
  checkAddress,
  EVERY_TARGET,
  isWellKnown,
  NOWHERE,
  ScsiAddressError,
  targetOf,
  unitKey,
} from './address.ts';
import { AbsentUnit, type Addressee, AttachedUnit, ReportLunsUnit, type UnitDirectory } from './addressee.ts';
import type { ScsiUnit } from './unit.ts';

/** The units of a host by address, and what answers at addresses that have none. */
export class UnitTable implements UnitDirectory {
  readonly #units = new Map<number, AttachedUnit>();

  /** A new unit has its power-on condition to tell. @throws ScsiAddressError */
  add(target: number, lun: number, unit: ScsiUnit): AttachedUnit {
    checkAddress(target, lun);
    const key = unitKey(target, lun);
    if (this.#units.has(key)) throw new ScsiAddressError(target, lun, 'there is one already');
    const attached = new AttachedUnit(key, unit, this);
    attached.attentions.raiseReset(scsiSense.powerOn);
    this.#units.set(key, attached);
    return attached;
  }

  delete(key: number): void {
    this.#units.delete(key);
  }

  /** The other units of a target have to tell that one came or went. */
  tellNeighbours(key: number): void {
    for (const each of this.unitsOf(targetOf(key)))
      if (each !== key) this.#units.get(each)!.attentions.raise(scsiSense.reportedLunsChanged);
  }

  has(key: number): boolean {
    return this.#units.has(key);
  }

  get(key: number): AttachedUnit | undefined {
    return this.#units.get(key);
  }

  /** @throws ScsiAddressError where there is none */
  at(target: number, lun: number): AttachedUnit {
    checkAddress(target, lun);
    const attached = this.#units.get(unitKey(target, lun));
    if (attached === undefined) throw new ScsiAddressError(target, lun, 'there is none');
    return attached;
  }

  unitsOf(target: number): readonly number[] {
    const keys = [...this.#units.keys()];
    return keys.filter((key) => target === EVERY_TARGET || targetOf(key) === target).sort((a, b) => a - b);
  }

  lunsReported(target: number): void {
    for (const key of this.unitsOf(target)) this.#units.get(key)!.attentions.lunsReported();
  }

  /** What answers commands for an address; null where there is no such target. */
  addressee(key: number): Addressee | null {
    const attached = this.#units.get(key);
    return attached ?? this.absent(key);
  }

  /** What answers where no unit stands. */
  absent(key: number): Addressee | null {
    if (key === NOWHERE || !this.#hasTarget(targetOf(key))) return null;
    return isWellKnown(key) ? new ReportLunsUnit(targetOf(key), this) : new AbsentUnit(targetOf(key), this);
  }

  /** Response of task management for an address: OK, or what is wrong with it. */
  judge(key: number): number {
    if (this.#units.has(key)) return scsiResponse.ok;
    if (key === NOWHERE || !this.#hasTarget(targetOf(key))) return scsiResponse.badTarget;
    return isWellKnown(key) ? scsiResponse.ok : scsiResponse.incorrectLun;
  }

  #hasTarget(target: number): boolean {
    if (target === EVERY_TARGET) return true;
    for (const key of this.#units.keys()) if (targetOf(key) === target) return true;
    return false;
  }
}
