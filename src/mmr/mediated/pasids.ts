import type { DmaDomain } from '../../core/index.ts';
import { PASID_MASK } from '../layout/index.ts';
import { PasidError } from './errors.ts';

/** What a PASID stands for: memory, and a guest that takes messages. */
export interface PasidContext {
  readonly pasid: number;
  /** Memory that DMA with the PASID reaches. */
  readonly domain: DmaDomain;
  /** Takes a message that goes to the guest past the host's handlers, by its data. Null where there is no such guest. */
  post: ((data: number) => void) | null;
}

/** @throws PasidError for what has not 20 bits, or is 0. */
export function checkPasid(pasid: number): void {
  if (!Number.isInteger(pasid) || pasid < 1 || pasid > PASID_MASK)
    throw new PasidError(pasid, `wants a whole number of 1..${PASID_MASK}`);
}

/** The IOMMU's table of one parent: whose memory DMA with a PASID reaches. What bears another PASID reaches nothing. */
export class PasidTable {
  /** Most PASIDs that are bound at a time. */
  readonly most: number;
  readonly #bound = new Map<number, PasidContext>();
  readonly #free: number[] = [];
  #next = 1;

  /** @param most 1..2^20 - 1. @throws PasidError */
  constructor(most: number) {
    checkPasid(most);
    this.most = most;
  }

  get free(): number {
    return this.most - this.#bound.size;
  }

  /** Binds a PASID of nobody's to memory. @throws PasidError where none is left */
  bind(domain: DmaDomain): PasidContext {
    if (this.free === 0) throw new PasidError(this.#next, `all ${this.most} are bound`);
    const pasid = this.#free.pop() ?? this.#next++;
    const context = { pasid, domain, post: null };
    this.#bound.set(pasid, context);
    return context;
  }

  /** From its return on nothing that bears the PASID reaches anything. */
  unbind(pasid: number): void {
    const context = this.#bound.get(pasid);
    if (context === undefined) return;
    this.#bound.delete(pasid);
    this.#free.push(pasid);
  }

  /** @returns undefined for a PASID of nobody's, or a number that is none. */
  find(pasid: number): PasidContext | undefined {
    return this.#bound.get(pasid);
  }
}
