import { describe, expect, it } from 'vitest';
import { Chain } from '../../../src/conformance/watch/rings/chain.ts';
import { WatchedMemory } from '../../../src/conformance/watch/rings/memory.ts';
import { SplitView } from '../../../src/conformance/watch/rings/split.ts';
import { GuestMemory } from '../../../src/core/index.ts';

const [TABLE, AVAILABLE, USED, BUFFER] = [0x1000, 0x2000, 0x3000, 0x4000];

/** A ring of which a look is taken after so many chains were offered, and so many of them used. */
function look(offered: number, used: number) {
  const ram = GuestMemory.allocate({ start: 0, length: 0x5000 });
  const { view } = ram.ranges[0]!;
  view.setUint32(TABLE, BUFFER, true);
  view.setUint32(TABLE + 8, 8, true);
  view.setUint16(AVAILABLE + 2, offered, true);
  view.setUint16(USED + 2, used, true);
  const memory = new WatchedMemory(ram);
  const ring = new SplitView(memory, 4, [TABLE, AVAILABLE, USED], true, true);
  let chains = 0;
  ring.look(new Chain(memory), { chain: () => void chains++, used: () => {} });
  return { chains, missed: ring.missed };
}

/* A device on another thread that looks at its queues at DRIVER_OK takes a chain before the kick that tells of it. */
describe('a chain that was used before it was seen', () => {
  it('is not read, since its buffer may hold another by then, and the ring says that it was missed', () => {
    expect(look(1, 1)).toEqual({ chains: 0, missed: true });
  });

  it('is no matter where it is still there', () => {
    expect(look(1, 0)).toEqual({ chains: 1, missed: false });
  });
});
