import { describe, expect, it } from 'vitest';
import { HeldScheduler, StateMismatchError } from '../../../src/core/index.ts';
import {
  decodeP9,
  encodeP9,
  type P9Connection,
  P9Device,
  P9MemoryServer,
  type P9Tree,
  p9Messages,
  p9Type,
} from '../../../src/virtio/index.ts';
import { BUFFERS, LegacyGuest } from '../support/guests.ts';

/*
 * P9-01: the device carries messages between its driver and a server. What the driver has open belongs to the session, so
 * a state that is loaded has it too.
 */
const text = (value: string) => new TextEncoder().encode(value);
const TREE: P9Tree = { hello: text('hello'), folder: { deep: text('down here') } };
const REPLIES = BUFFERS + 0x10000;
const SLOT_BYTES = 0x400;

/** A guest whose server's replies wait for release, and whose ring is written by hand. */
function make(tree = TREE) {
  const replies = new HeldScheduler();
  const guest = new LegacyGuest(new P9Device({ server: new P9MemoryServer(tree, replies) }));
  const ring = guest.start(1)[0]!;
  return {
    guest,
    ring,
    replies,
    /** Offers a message, in buffers of its own. */
    send(slot: number, message: Uint8Array): void {
      const [out, into] = [BUFFERS + SLOT_BYTES * slot, REPLIES + SLOT_BYTES * slot];
      guest.machine.ram.write(out, message);
      ring.chain(2 * slot, [
        { address: out, length: message.length },
        { address: into, length: SLOT_BYTES, flags: 2 },
      ]);
      ring.offer(2 * slot);
      guest.kick();
    },
    reply: (slot: number) => guest.machine.ram.read(REPLIES + SLOT_BYTES * slot, SLOT_BYTES),
    used: () => ring.used().map(([head]) => head / 2),
  };
}

const mount = (each: ReturnType<typeof make>) => {
  each.send(0, encodeP9('Tversion', { msize: 1000, version: '9P2000.L' }, 0xffff));
  each.replies.releaseAll();
  each.send(1, encodeP9('Tattach', { fid: 1, afid: 0xffffffff, uname: '', aname: '', nUname: 0 }, 1));
  each.send(2, encodeP9('Twalk', { fid: 1, newfid: 2, names: ['folder', 'deep'] }, 2));
  each.replies.releaseAll();
};
const read = encodeP9('Tread', { fid: 2, offset: 5n, count: 100 }, 3);
const content = (message: Uint8Array) => new TextDecoder().decode(decodeP9('Rread', message)?.data);

describe('a 9P session over a server in memory', () => {
  it('is there after a load, with every fid and the agreed size of messages', () => {
    const before = make();
    mount(before);
    const after = make();
    after.guest.machine.load(before.guest.machine.save());
    after.ring.availableIndex = before.ring.availableIndex;
    before.send(3, read);
    after.send(3, read);
    after.send(4, encodeP9('Twalk', { fid: 2, newfid: 3, names: ['..', '..', 'hello'] }, 4));
    for (const each of [before, after]) each.replies.releaseAll();
    expect([content(before.reply(3)), content(after.reply(3))]).toEqual(['here', 'here']);
    expect(decodeP9('Rwalk', after.reply(4))?.qids.length).toBe(3);
  });

  it('carries out nothing twice: what was under way is answered as it would have been', () => {
    const before = make();
    mount(before);
    before.send(3, encodeP9('Tclunk', { fid: 2 }, 3));
    const state = before.guest.machine.save();
    const after = make();
    after.guest.machine.load(state);
    expect(after.used()).toEqual([0, 1, 2]);
    after.replies.releaseAll();
    expect([after.used(), p9Type(after.reply(3))]).toEqual([[0, 1, 2, 3], p9Messages.Rclunk.type]);
  });

  it('answers what the driver had sent, not what stands in its buffer by the time of the load', () => {
    const before = make();
    mount(before);
    before.send(3, read);
    before.guest.machine.ram.fill(BUFFERS + SLOT_BYTES * 3, read.length, 0);
    const state = before.guest.machine.save();
    // Once more: a state that nothing happened to since it was loaded is the same.
    const between = make();
    between.guest.machine.load(state);
    const after = make();
    after.guest.machine.load(between.guest.machine.save());
    after.replies.releaseAll();
    expect(content(after.reply(3))).toBe('here');
  });

  it('gives a reply that had come and waited for bus mastering', () => {
    const before = make();
    mount(before);
    before.send(3, read);
    before.guest.config.command(3);
    before.replies.releaseAll();
    const after = make();
    after.guest.machine.load(before.guest.machine.save());
    expect(after.replies.pending).toEqual([]);
    after.guest.config.command(7);
    expect([after.used(), content(after.reply(3))]).toEqual([[0, 1, 2, 3], 'here']);
  });

  it('is refused where the server has other files, and nothing is changed then', () => {
    const before = make();
    mount(before);
    const after = make({ hello: text('hello') });
    const { ram } = after.guest.machine;
    const untouched = [after.guest.function.pci.save(), ram.read(0, 0x100000)] as const;
    expect(() => after.guest.machine.load(before.guest.machine.save())).toThrow(StateMismatchError);
    expect(after.guest.function.pci.save()).toEqual(untouched[0]);
    expect(Buffer.compare(ram.read(0, 0x100000), untouched[1])).toBe(0);
  });

  it('is none where the state was saved without one', () => {
    const server = new P9MemoryServer(TREE);
    const connection: P9Connection | null = server.resume({ data: () => {}, closed: () => {} }, null);
    expect(connection).toBeNull();
  });
});
