import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { P9Session } from '../../../src/virtio/index.ts';
import { HeldServer } from '../../properties/support/held-server.ts';

const message = (body: readonly number[]) => [7 + body.length, 0, 0, 0, 117, 1, 0, ...body];

describe('a session with a 9P server', () => {
  it('finds the messages in bytes that are cut anywhere', () => {
    const bodies = fc.array(fc.array(fc.nat(255), { maxLength: 40 }), { maxLength: 6 });
    const cuts = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(bodies, cuts, (each, lengths) => {
        const server = new HeldServer((bytes) => bytes);
        const found: number[][] = [];
        new P9Session(server, 64, { message: (bytes) => found.push([...bytes]), lost: () => {} });
        const stream = Uint8Array.from(each.flatMap(message));
        for (let at = 0, i = 0; at < stream.length; i++) {
          const length = lengths[i % lengths.length]!;
          server.say(stream.subarray(at, at + length));
          at += length;
        }
        expect(found).toEqual(each.map(message));
      }),
      { numRuns: 300 },
    );
  });

  it.each([
    [[6, 0, 0, 0, 0, 0, 0], 6],
    [[65, 0, 0, 0, 0, 0, 0], 65],
    [[0, 0, 0, 0xff, 0, 0, 0], 0xff000000],
  ])('ends at a message of impossible size, however it comes: %j', (bytes, size) => {
    for (const cut of [0, 3]) {
      const server = new HeldServer((each) => each);
      const seen: string[] = [];
      const owner = { message: () => seen.push('message'), lost: (error: Error) => seen.push(error.message) };
      const session = new P9Session(server, 64, owner);
      server.say(Uint8Array.from(bytes.slice(0, cut)));
      server.say(Uint8Array.from([...bytes.slice(cut), ...message([])]));
      expect([seen, session.open, server.connected]).toEqual([
        [`9P server: a message of ${size} bytes`],
        false,
        false,
      ]);
    }
  });

  it('hears nothing after it was closed, within a message or after it', () => {
    const server = new HeldServer((each) => each);
    const seen: string[] = [];
    const session: P9Session = new P9Session(server, 64, {
      message: () => {
        seen.push('message');
        session.close();
      },
      lost: () => seen.push('lost'),
    });
    server.say(Uint8Array.from([...message([1]), ...message([2])]));
    server.die();
    session.send(Uint8Array.of(1));
    expect([seen, server.pending]).toEqual([['message'], []]);
  });
});
