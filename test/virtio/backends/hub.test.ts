import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  Hub,
  type HubSocket,
  type NetworkLink,
  networkGsoType,
  networkHeaderFlag,
  type Offload,
  SocketTakenError,
} from '../../../src/virtio/index.ts';
import { PATIENCE, runs } from '../../properties/support/runs.ts';

const offload: Offload = {
  flags: networkHeaderFlag.needsChecksum,
  gsoType: networkGsoType.none,
  headerLength: 0,
  gsoSize: 0,
  checksumStart: 0,
  checksumOffset: 2,
};

let log: string[];
let hub: Hub;

beforeEach(() => {
  log = [];
  hub = new Hub();
});

/** A device in a socket, which writes down what it gets, with a star where something is left to be done. */
function station(name: string, onFrame: (socket: HubSocket, text: string) => void = () => {}): HubSocket {
  const socket = hub.socket();
  socket.attach({
    macAddress: new Uint8Array(6),
    receive: (bytes, offset, length, left) => {
      const text = String.fromCharCode(...bytes.subarray(offset, offset + length));
      log.push(`${name}:${text}${left === null ? '' : '*'}`);
      onFrame(socket, text);
      return true;
    },
  });
  return socket;
}

function send(from: NetworkLink, text: string, left: Offload | null = null): void {
  // In the middle of an array, which is overwritten as soon as the call returns.
  const bytes = new Uint8Array(text.length + 4);
  for (let i = 0; i < text.length; i++) bytes[i + 2] = text.charCodeAt(i);
  from.transmit(bytes, 2, text.length, left);
  bytes.fill(0x3f);
}

describe('a hub', () => {
  it('repeats a frame to all others, in the order in which they came', () => {
    station('a');
    const b = station('b');
    station('c');
    send(b, 'hello');
    expect(log).toEqual(['a:hello', 'c:hello']);
  });

  it('leaves offloads to whoever gets the frame', () => {
    const a = station('a');
    station('b');
    expect(a.offloads).toBe(true);
    send(a, 'sum', offload);
    expect(log).toEqual(['b:sum*']);
  });

  it('shows everybody the same order when frames are sent in answer to frames', () => {
    const answer = (socket: HubSocket, text: string) => {
      if (text.length < 3) send(socket, `${text}b`);
    };
    const a = station('a');
    station('b', answer);
    station('c');
    send(a, 'x');
    expect(log).toEqual(['b:x', 'c:x', 'a:xb', 'c:xb']);
    log.length = 0;
    const d = station('d', (socket, text) => {
      if (text.length < 3) send(socket, `${text}d`);
    });
    send(a, 'y');
    const order = (name: string) => log.filter((line) => line.startsWith(name)).map((line) => line.slice(2));
    expect(order('c')).toEqual(['y', 'yb', 'yd', 'ybd', 'ydb']);
    expect(order('a')).toEqual(['yb', 'yd', 'ybd', 'ydb']);
    d.leave();
  });

  it('drops what is sent without end while frames are being delivered, and says how much', () => {
    const a = station('a');
    station('b', (socket) => {
      // Two frames for every frame, but only so long that the test ends.
      if (log.length < 2000) {
        send(socket, '1');
        send(socket, '2');
      }
    });
    station('c', (socket) => {
      if (log.length < 2000) send(socket, '3');
    });
    send(a, '0');
    expect(hub.dropped).toBeGreaterThan(0);
    const dropped = hub.dropped;
    log.length = 3000;
    send(a, 'again');
    expect(hub.dropped).toBe(dropped);
    expect(log.slice(-2)).toEqual(['b:again', 'c:again']);
  });

  it('forgets who leaves, even in the middle of a frame', () => {
    const a = station('a');
    let c: HubSocket | null = null;
    station('b', () => c!.leave());
    c = station('c');
    send(a, 'one');
    send(c, 'two');
    expect(log).toEqual(['b:one']);
  });

  it('takes in who comes in the middle of a frame from the next one on', () => {
    const a = station('a');
    station('b', (_, text) => text === 'one' && station('late'));
    send(a, 'one');
    send(a, 'two');
    expect(log).toEqual(['b:one', 'b:two', 'late:two']);
  });

  it('refuses a second device in a socket', () => {
    const a = station('a');
    expect(() => a.attach({ macAddress: new Uint8Array(6), receive: () => true })).toThrow(SocketTakenError);
  });

  it('joins other links, and finishes frames for those that take no offloads', () => {
    const sent: [Uint8Array, Offload | null][] = [];
    let say: (text: string) => boolean = () => false;
    const link = (offloads: boolean): NetworkLink => ({
      offloads,
      attach: (port) => {
        expect(port.macAddress).toEqual(Uint8Array.of(2, 0, 0, 0, 0, 9));
        say = (text) => port.receive(new TextEncoder().encode(text), 0, text.length, null);
      },
      transmit: (bytes, offset, length, left) => sent.push([bytes.slice(offset, offset + length), left]),
    });
    const mac = Uint8Array.of(2, 0, 0, 0, 0, 9);
    const a = station('a');
    const take = hub.join(link(true), mac);
    const leave = hub.join(link(false), mac);
    a.transmit(Uint8Array.of(1, 2, 0, 0, 5), 0, 5, offload);
    // 0102 + 0500 = 0602, and its complement; RFC 1071.
    expect(sent).toEqual([
      [Uint8Array.of(1, 2, 0, 0, 5), offload],
      [Uint8Array.of(1, 2, 0xf9, 0xfd, 5), null],
    ]);
    sent.length = 0;
    expect(say('in')).toBe(true);
    expect(log).toEqual(['a:in']);
    expect(sent).toHaveLength(1);
    leave();
    take();
    expect(say('gone')).toBe(false);
    expect(log).toEqual(['a:in']);
  });

  it(
    'brings every frame to everybody else once, whoever comes, leaves and sends',
    () => {
      const action = fc.record({
        what: fc.constantFrom('come', 'leave', 'send', 'send', 'send'),
        who: fc.nat(5),
      });
      fc.assert(
        fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
          hub = new Hub();
          const seen = new Map<string, number[]>();
          const expected = new Map<string, number[]>();
          const here = new Map<string, HubSocket>();
          for (const [step, { what, who }] of actions.entries()) {
            const names = [...here.keys()];
            const name = names[who % Math.max(1, names.length)];
            if (what === 'come') {
              const fresh = `station ${step}`;
              const socket = hub.socket();
              seen.set(fresh, []);
              expected.set(fresh, []);
              socket.attach({
                macAddress: new Uint8Array(6),
                receive: (bytes, offset) => seen.get(fresh)!.push(bytes[offset]!) > 0,
              });
              here.set(fresh, socket);
            } else if (name !== undefined && what === 'leave') {
              here.get(name)!.leave();
              here.delete(name);
            } else if (name !== undefined) {
              here.get(name)!.transmit(Uint8Array.of(step), 0, 1, null);
              for (const other of here.keys()) if (other !== name) expected.get(other)!.push(step);
            }
          }
          expect(seen).toEqual(expected);
        }),
        { numRuns: runs(200) },
      );
    },
    PATIENCE,
  );
});
