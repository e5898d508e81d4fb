import type { AccessEvent } from 'virtiolab/core';
import type { DecodedAccess, Decoder } from 'virtiolab/trace';
import type { DraftedStage } from './stage.ts';

/** An access in words; of a draft of one's own with the draft's name of the register, and its address. */
export interface ShownAccess extends DecodedAccess {
  readonly shown?: { readonly name: string; readonly address: number };
}

/** Whoever puts accesses into words. */
export interface Decodes {
  decode(event: AccessEvent): ShownAccess;
}

/** Accesses to the block of a draft, in the draft's own names. */
export function draftedDecoder(decoder: Decoder, { fn, bus }: DraftedStage): Decodes {
  return {
    decode(event) {
      const decoded = decoder.decode(event);
      const { base, length } = bus.block;
      const offset = event.address - base;
      if (event.space !== 'memory' || offset < 0 || offset >= length) return decoded;
      const reached = fn.reached(offset, event.width);
      if (reached === undefined) return decoded;
      const shown =
        reached === null
          ? { name: `${decoded.register}, which the draft lacks`, address: event.address }
          : { name: reached.name, address: base + reached.offset };
      return { ...decoded, shown };
    },
  };
}
