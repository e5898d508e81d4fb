import { DmaDomain, GuestMemory } from '../src/core/index.ts';

const ACCESSES = 1_000_000;
const SPACING = 8192;
const HEADER_BYTES = 16;

/** Reads of a request's header, each through the next of `windows` windows. */
export function prepareDma(windows: number): { cost(): number } {
  const memory = GuestMemory.allocate({ start: 0, length: SPACING * windows });
  const table = Array.from({ length: windows }, (_, i) => ({
    start: SPACING * i,
    length: 4096,
    write: true,
  }));
  const domain = new DmaDomain(memory, table);
  const header = new Uint8Array(HEADER_BYTES);
  return {
    cost: () => {
      const start = process.hrtime.bigint();
      for (let i = 0; i < ACCESSES; i++) domain.read(SPACING * ((7 * i) % windows), header, 0, HEADER_BYTES);
      return Number(process.hrtime.bigint() - start) / ACCESSES;
    },
  };
}
