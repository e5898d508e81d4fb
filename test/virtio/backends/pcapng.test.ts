import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import {
  type ByteSink,
  type NetworkLink,
  type NetworkPort,
  type Offload,
  PcapngWriter,
  recordingLink,
} from '../../../src/virtio/index.ts';

const mac = Uint8Array.of(0x52, 0x54, 0, 0x12, 0x34, 0x56);

class Collected implements ByteSink {
  readonly blocks: Uint8Array[] = [];

  write(bytes: Uint8Array): void {
    this.blocks.push(bytes.slice());
  }

  get bytes(): Uint8Array {
    return Uint8Array.from(this.blocks.flatMap((block) => [...block]));
  }
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

/** An ARP request as RFC 826 has it, in Ethernet. */
const arpRequest = Uint8Array.from(
  Buffer.from('ffffffffffff525400123456080600010800060400015254001234560a00020f0000000000000a000202', 'hex'),
);

describe('pcapng', () => {
  // Byte for byte from draft-ietf-opsawg-pcapng: section header (4.1), interface description (4.2), enhanced packet (4.3).
  it('has the blocks of the specification', () => {
    const sink = new Collected();
    const writer = new PcapngWriter(sink);
    expect(writer.addInterface({ name: 'eth0', macAddress: mac })).toBe(0);
    expect(writer.addInterface({ name: 'tap-1' })).toBe(1);
    writer.frame(1, 2 ** 32 + 5, 'outbound', Uint8Array.of(9, 1, 2, 3, 4, 5, 9), 1, 5);
    writer.frame(0, 7, 'inbound', Uint8Array.of(0xaa, 0xbb, 0xcc, 0xdd), 0, 4);
    expect(writer.frames).toBe(2);
    expect(sink.blocks.map(hex)).toEqual([
      [
        '0a0d0d0a 30000000 4d3c2b1a 0100 0000 ffffffffffffffff',
        '0400 0900 76697274696f6c6162000000 0000 0000 30000000',
      ]
        .join('')
        .replaceAll(' ', ''),
      [
        '01000000 34000000 0100 0000 00000000 0200 0400 65746830',
        '0600 0600 525400123456 0000 0900 0100 06000000 0000 0000 34000000',
      ]
        .join('')
        .replaceAll(' ', ''),
      '01000000 2c000000 0100 0000 00000000 0200 0500 7461702d31000000 0900 0100 06000000 0000 0000 2c000000'.replaceAll(
        ' ',
        '',
      ),
      [
        '06000000 34000000 01000000 01000000 05000000 05000000 05000000 0102030405000000',
        '0200 0400 02000000 0000 0000 34000000',
      ]
        .join('')
        .replaceAll(' ', ''),
      [
        '06000000 30000000 00000000 00000000 07000000 04000000 04000000 aabbccdd',
        '0200 0400 01000000 0000 0000 30000000',
      ]
        .join('')
        .replaceAll(' ', ''),
    ]);
  });

  it('takes frames of any length, with no rest of the one before', () => {
    const sink = new Collected();
    const writer = new PcapngWriter(sink);
    writer.addInterface({ name: 'eth0' });
    for (const length of [65600, 0, 1, 2, 3, 4097]) {
      const frame = Uint8Array.from({ length }, (_, i) => (i % 255) + 1);
      writer.frame(0, 0, 'inbound', frame, 0, length);
      const block = sink.blocks.at(-1)!;
      const view = new DataView(block.buffer);
      expect(block.length % 4).toBe(0);
      expect([view.getUint32(4, true), view.getUint32(block.length - 4, true)]).toEqual([
        block.length,
        block.length,
      ]);
      expect(Buffer.compare(block.subarray(28, 28 + length), frame)).toBe(0);
      const padding = block.subarray(28 + length, block.length - 16);
      expect(padding.length).toBe((4 - (length % 4)) % 4);
      expect(padding.every((byte) => byte === 0)).toBe(true);
    }
  });
});

/** A recording of a link that sends every frame back, with a port that drops odd ones. */
function recordedEcho() {
  const sink = new Collected();
  const passed: string[] = [];
  let port: NetworkPort | null = null;
  const echo: NetworkLink = {
    offloads: true,
    attach: (given) => {
      port = given;
    },
    transmit: (bytes, offset, length, offload) => {
      passed.push(`out ${length} ${offload?.gsoSize ?? 'whole'}`);
      passed.push(`${port!.receive(bytes, offset, length, offload)}`);
    },
  };
  const times = [1_700_000_000_000_001, 1_700_000_000_000_250, 1_700_000_001_500_000, 1_700_000_002_000_000];
  const writer = new PcapngWriter(sink);
  const link = recordingLink(echo, { writer, clock: () => times.shift()!, name: 'net0' });
  const address = mac.slice();
  link.attach({
    macAddress: address,
    receive: (_bytes, _offset, length, offload) => {
      passed.push(`in ${length} ${offload?.gsoSize ?? 'whole'}`);
      return length % 2 === 0;
    },
  });
  const offload: Offload = {
    flags: 1,
    gsoType: 1,
    headerLength: 54,
    gsoSize: 1460,
    checksumStart: 34,
    checksumOffset: 16,
  };
  link.transmit(arpRequest, 0, arpRequest.length, null);
  link.transmit(Uint8Array.of(0, ...arpRequest, 0), 1, arpRequest.length + 1, offload);
  address[5] = 0x99;
  return { sink, passed, writer, link, seenAddress: () => port!.macAddress };
}

describe('a recording link', () => {
  it('is the link behind it, and writes both directions down', () => {
    const { sink, passed, writer, link, seenAddress } = recordedEcho();
    expect(passed).toEqual(['out 42 whole', 'in 42 whole', 'true', 'out 43 1460', 'in 43 1460', 'false']);
    expect(link.offloads).toBe(true);
    expect(writer.frames).toBe(4);
    // An address that the driver changes is seen through it.
    expect(seenAddress()[5]).toBe(0x99);
    const frames = sink.blocks.slice(2).map((block) => new DataView(block.buffer));
    expect(frames.map((view) => view.getUint32(view.byteLength - 12, true))).toEqual([2, 1, 2, 1]);
  });
});

/** What a program says; null where it is not installed. */
function output(program: string, ...args: string[]): string | null {
  const { error, stdout, status } = spawnSync(program, args, {
    encoding: 'utf8',
    env: { ...process.env, TZ: 'UTC' },
  });
  if (error !== undefined) return null;
  expect(status).toBe(0);
  return stdout;
}

const has = (program: string) => spawnSync(program, ['--version']).error === undefined;
const note = (program: string) => (has(program) ? '' : ` (skipped: ${program} is not installed)`);

describe('a recording, as others read it', () => {
  const folder = mkdtempSync(join(tmpdir(), 'virtiolab-pcapng-'));
  const path = join(folder, 'frames.pcapng');
  writeFileSync(path, recordedEcho().sink.bytes);
  afterAll(() => rmSync(folder, { recursive: true }));

  it.skipIf(!has('tcpdump'))(`tcpdump decodes it${note('tcpdump')}`, () => {
    const lines = output('tcpdump', '-n', '-e', '-tt', '-r', path)!.trim().split('\n');
    expect(lines).toHaveLength(4);
    expect(lines[0]).toMatch(
      /^1700000000\.000001 .*52:54:00:12:34:56 > ff:ff:ff:ff:ff:ff, ethertype ARP \(0x0806\), length 42: Request who-has 10\.0\.2\.2 tell 10\.0\.2\.15/,
    );
    expect(lines[2]).toMatch(/^1700000001\.500000 /);
  });

  it.skipIf(!has('capinfos'))(`capinfos accepts it${note('capinfos')}`, () => {
    const text = output('capinfos', path)!;
    expect(text).toMatch(/File type: +Wireshark\/\.\.\. - pcapng/);
    expect(text).toMatch(/Number of packets: +4/);
    expect(text).toMatch(/Encapsulation = Ethernet/);
    expect(text).toMatch(/Time precision = microseconds/);
    expect(text).toMatch(/Name = net0/);
    expect(text).toMatch(/Capture application: +virtiolab/);
  });

  it.skipIf(!has('tshark'))(`tshark finds directions and addresses${note('tshark')}`, () => {
    const fields = ['frame.packet_flags_direction', 'frame.len', 'arp.src.proto_ipv4'];
    const wanted = ['-T', 'fields', ...fields.flatMap((field) => ['-e', field])];
    const lines = output('tshark', '-r', path, ...wanted)!
      .trim()
      .split('\n');
    expect(lines.map((line) => line.split('\t'))).toEqual(
      [
        ['2', '42', '10.0.2.15'],
        ['1', '42', '10.0.2.15'],
        ['2', '43', '10.0.2.15'],
        ['1', '43', '10.0.2.15'],
      ].map(([direction, ...rest]) => [expect.stringMatching(new RegExp(`^(0x0*)?${direction}$`)), ...rest]),
    );
  });
});
