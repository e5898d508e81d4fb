import type { BusTarget, Width } from '../../core/index.ts';
import type { MemberDoorbells } from '../behaviour.ts';
import type { MemberGroup } from './members.ts';

/** Bytes from one member's address to the next one's: even, as they have to be (ADL-17), and a register each. */
const DOORBELL_BYTES = 4;

/** Addresses in the owner's BAR, one for each member: a queue's number is written there (ADL-13). They read 0. */
export class OwnerDoorbells implements MemberDoorbells, BusTarget {
  readonly bytes: number;
  readonly #group: MemberGroup;
  #place: { readonly bar: number; readonly offset: number } | null = null;

  /** @param most members that there are room for. */
  constructor(group: MemberGroup, most: number) {
    this.#group = group;
    this.bytes = DOORBELL_BYTES * most;
  }

  place(at: { readonly bar: number; readonly offset: number }): void {
    this.#place = at;
  }

  /** Where a member is kicked; null where there is no room for it. */
  placeOf(member: number): { readonly bar: number; readonly offset: number } | null {
    const at = DOORBELL_BYTES * (member - 1);
    if (this.#place === null || at >= this.bytes) return null;
    return { bar: this.#place.bar, offset: this.#place.offset + at };
  }

  read(): number {
    return 0;
  }

  write(offset: number, _width: Width, value: number): void {
    const group = this.#group;
    const member = Math.floor(offset / DOORBELL_BYTES) + 1;
    if (offset % DOORBELL_BYTES === 0 && group.enabled && member <= group.count)
      group.member(member).legacy?.kick(value & 0xffff);
  }
}
