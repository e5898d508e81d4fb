import { beforeEach, describe, expect, it } from 'vitest';
import { Responder, type ResponderOptions } from '../../../src/virtio/index.ts';
import { checksumHolds, readFrame } from './frames.ts';
import {
  CLIENT,
  CLIENT_IP,
  clientOf,
  discover,
  EVERYBODY,
  hex,
  message,
  RESPONDER,
  RESPONDER_IP,
  request,
  SERVER,
  u16,
} from './requests.ts';

// As responder.test.ts: messages are written out by hand from RFC 2131, and a real client (busybox) is judged by others.

let responder: Responder;
let ask: ReturnType<typeof clientOf>;

function start(options: ResponderOptions = {}): void {
  responder = new Responder(options);
  ask = clientOf(responder);
}

beforeEach(() => start());

/** What a server answered. */
function read(frame: Uint8Array) {
  const ip = readFrame(frame);
  expect(checksumHolds(ip)).toBe(true);
  expect(hex(ip.carried.subarray(0, 4))).toBe('00430044');
  const text = ip.carried.subarray(8);
  expect(hex(text.subarray(0, 8))).toBe('020106003903f326');
  expect(hex(text.subarray(236, 240))).toBe('63825363');
  const options: Record<number, string> = {};
  for (let at = 240; text[at] !== 255; at += 2 + text[at + 1]!)
    options[text[at]!] = hex(text.subarray(at + 2, at + 2 + text[at + 1]!));
  return {
    to: hex(frame.subarray(0, 6)),
    destination: ip.destination,
    current: hex(text.subarray(12, 16)),
    your: hex(text.subarray(16, 20)),
    client: hex(text.subarray(28, 34)),
    options,
  };
}

const answerTo = (frame: Uint8Array) => {
  const answers = ask(frame);
  expect(answers.length).toBeLessThanOrEqual(1);
  return answers.length === 0 ? null : read(answers[0]!);
};

describe("a responder's DHCP server", () => {
  const granted = { 51: '00015180', 1: 'ffffff00', 3: RESPONDER_IP, 54: RESPONDER_IP };

  it('offers an address and acknowledges it', () => {
    const offer = {
      to: CLIENT,
      destination: CLIENT_IP,
      current: '00000000',
      your: CLIENT_IP,
      client: CLIENT,
    };
    expect(answerTo(discover())).toEqual({ ...offer, options: { 53: '02', ...granted } });
    expect(answerTo(request(CLIENT_IP))).toEqual({ ...offer, options: { 53: '05', ...granted } });
    // Later it renews, from that address to us.
    const renewal = { current: CLIENT_IP, given: { destination: RESPONDER_IP, to: RESPONDER } };
    expect(answerTo(message(3, renewal))).toMatchObject({
      destination: CLIENT_IP,
      current: CLIENT_IP,
      your: CLIENT_IP,
      options: { 53: '05' },
    });
    // Or starts again and asks whether the address is still its own.
    expect(answerTo(request(CLIENT_IP, { options: '' }))).toMatchObject({
      your: CLIENT_IP,
      options: { 53: '05' },
    });
  });

  it('answers everybody where the client asks for it', () => {
    expect(answerTo(discover({ flags: '8000' }))).toMatchObject({ to: EVERYBODY, destination: 'ffffffff' });
  });

  it('gives the same client the same address, and others others, until none is left', () => {
    start({ leases: 3 });
    const offers = ['000000000001', '000000000002', '000000000001', '000000000003'].map(
      (tail) => answerTo(discover({ client: `52${tail.slice(2)}` }))?.your,
    );
    expect(offers).toEqual(['0a00020f', '0a000210', '0a00020f', '0a000211']);
    expect(answerTo(discover({ client: '520000000004' }))).toBeNull();
    expect([...responder.dhcp!.leases.keys()]).toHaveLength(3);
  });

  it('gives the address that is asked for, where it is free', () => {
    expect(answerTo(discover({ options: '32040a000230' }))?.your).toBe('0a000230');
    const other = { client: '520000000002' };
    expect(answerTo(discover({ ...other, options: '32040a000230' }))?.your).toBe('0a00020f');
    expect(answerTo(discover({ client: '520000000003', options: '32040a000202' }))?.your).toBe('0a000210');
  });

  it('says no to a wrong address, to everybody', () => {
    answerTo(discover());
    const no = {
      to: EVERYBODY,
      destination: 'ffffffff',
      current: '00000000',
      your: '00000000',
      client: CLIENT,
      options: { 53: '06', 54: RESPONDER_IP },
    };
    expect(answerTo(request('0a000210'))).toEqual(no);
    expect(answerTo(request('c0a80001', { options: '' }))).toEqual(no);
    // Nobody asked for this one, and it was not offered.
    expect(answerTo(request('0a000211', { client: '520000000002' }))).toMatchObject({
      options: { 53: '06' },
    });
  });

  it('keeps silent where another server was chosen, or may know more', () => {
    answerTo(discover());
    expect(answerTo(request(CLIENT_IP, { options: '36040a000203' }))).toBeNull();
    expect(answerTo(request('0a000230', { client: '520000000002', options: '' }))).toBeNull();
  });

  it('takes an address back, from its holder only, and never gives one that somebody else sits on', () => {
    answerTo(discover());
    const release = (client: string) =>
      message(7, { client, current: CLIENT_IP, options: SERVER, given: { destination: RESPONDER_IP } });
    expect(answerTo(release('520000000002'))).toBeNull();
    expect(answerTo(discover({ client: '520000000002' }))?.your).toBe('0a000210');
    expect(answerTo(release(CLIENT))).toBeNull();
    expect(answerTo(discover({ client: '520000000003' }))?.your).toBe('0a00020f');
    expect(answerTo(message(4, { client: '520000000003', options: `3204${CLIENT_IP}${SERVER}` }))).toBeNull();
    expect(answerTo(discover({ client: '520000000003' }))?.your).toBe('0a000211');
  });

  it('tells one who has an address about the subnet', () => {
    const inform = message(8, { current: CLIENT_IP, given: { destination: RESPONDER_IP, to: RESPONDER } });
    const { 51: _lease, ...subnet } = granted;
    expect(answerTo(inform)).toMatchObject({
      your: '00000000',
      current: CLIENT_IP,
      options: { 53: '05', ...subnet },
    });
    expect(answerTo(inform)!.options[51]).toBeUndefined();
  });

  it.each(['ffffffff', '0a0002ff', 'e0000001', '7f000001', RESPONDER_IP])(
    'ignores a client at %s',
    (source) => {
      expect(answerTo(discover())).not.toBeNull();
      expect(answerTo(discover({ given: { source } }))).toBeNull();
    },
  );

  it('ignores what is no question of a client on an Ethernet', () => {
    const good = discover();
    // Operation, hardware type and length, relay, cookie; each mistake with a UDP checksum of zero: none.
    for (const [at, value] of [
      [0, 2],
      [1, 6],
      [2, 16],
      [24, 10],
      [236, 0x64],
      [242, 9],
      [241, 200],
    ] as const) {
      const wrong = good.slice();
      wrong.set([0, 0], 40);
      expect(answerTo(wrong)).not.toBeNull();
      wrong[42 + at] = value;
      expect(answerTo(wrong)).toBeNull();
    }
    const stranger = good.slice();
    stranger.set([0, 0], 40);
    stranger.set(u16(4321), 34);
    expect(answerTo(stranger)).toBeNull();
    // An option that goes on behind the message.
    expect(answerTo(discover({ options: '0c04' }))).toBeNull();
    expect(answerTo(discover({ options: '0c01' }))).not.toBeNull();
    const closed = new Responder({ leases: 0 });
    closed.transmit(good, 0, good.length, null);
    expect(closed.counts).toMatchObject({ dhcp: 0, ignored: 1 });
  });

  it('goes on from saved state', () => {
    answerTo(discover());
    const saved = structuredClone(responder.save());
    start();
    responder.load(saved);
    expect(responder.counts.dhcp).toBe(1);
    expect(answerTo(discover({ client: '520000000002' }))?.your).toBe('0a000210');
    expect(answerTo(request(CLIENT_IP))).toMatchObject({ your: CLIENT_IP, options: { 53: '05' } });
  });
});
