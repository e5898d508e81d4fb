import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { functionAddress } from '../../../src/core/index.ts';
import {
  DmaMemory,
  type FrameHeader,
  findFunction,
  ModernTransport,
  NetworkDriver,
  runFirmware,
} from '../../../src/driver/index.ts';
import { Tap, TapError } from '../../../src/hosts/node/index.ts';
import { Machine } from '../../../src/pci/index.ts';
import {
  NetworkDevice,
  type NetworkLink,
  networkGsoType,
  type Offload,
  Responder,
  Segmenter,
  virtioFunction,
} from '../../../src/virtio/index.ts';
import { PATIENCE, runs } from '../../properties/support/runs.ts';
import { build, choices } from '../../virtio/backends/drawn-frames.ts';
import { checksumHolds, onesSum, readFrame } from '../../virtio/backends/frames.ts';

const run = promisify(execFile);
const tag = process.pid % 10_000;
const probe = `vlp${tag}`;

/** Why no interface can be made here; null where one can. */
async function whyNot(): Promise<string | null> {
  try {
    await (await Tap.open({ name: probe })).close();
    // A name space of its own is made and entered as the tests do.
    const use = [
      ['add', probe],
      ['exec', probe, 'bash', '-c', ':'],
      ['del', probe],
    ];
    for (const command of use) execFileSync('ip', ['netns', ...command], { stdio: 'pipe' });
    return null;
  } catch (error) {
    return (error as Error).message.trim().replaceAll('\n', ' ');
  }
}

const reason = await whyNot();
const has = (program: string) => spawnSync(program, ['--help']).error === undefined;
const note = (program: string) => (has(program) ? '' : ` (skipped: no ${program})`);
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const until = async (what: string, done: () => boolean) => {
  for (const end = Date.now() + 20_000; !done(); await new Promise((next) => setTimeout(next, 5)))
    if (Date.now() > end) throw new Error(`waited too long for ${what}`);
};

describe('a TAP device that cannot be had', () => {
  it.each(['', 'a/b', 'much too long a name', 'sixteen-letters-', '..'])(
    'is refused: the name %j',
    async (name) => {
      const error = await Tap.open({ name }).catch((error: unknown) => error);
      expect(error).toBeInstanceOf(TapError);
      expect(error).toMatchObject({ interfaceName: name, code: null });
      expect((error as Error).message).toMatch(/no name of an interface; wants 1 to 15 characters/);
    },
  );
});

describe.skipIf(reason !== null)(`a TAP device${reason === null ? '' : ` (skipped: ${reason})`}`, () => {
  /** A network of its own for the test's interfaces: this machine's is not touched. */
  const space = `virtiolab-${process.pid}`;
  const inside = (...command: readonly string[]) => run('ip', ['netns', 'exec', space, ...command]);
  const opened: Tap[] = [];

  async function open(name: string, setUp: readonly string[], offloads = true): Promise<Tap> {
    const tap = await Tap.open({ name: `${name}${tag}`, offloads });
    opened.push(tap);
    await run('ip', ['link', 'set', tap.name, 'netns', space]);
    for (const command of setUp) await inside('sh', '-c', command.replaceAll('$dev', tap.name));
    return tap;
  }

  beforeAll(async () => {
    await run('ip', ['netns', 'add', space]);
    // Nobody but the test is to speak.
    for (const which of ['all', 'default'])
      await inside('sh', '-c', `echo 1 > /proc/sys/net/ipv6/conf/${which}/disable_ipv6`);
  });
  afterEach(async () => {
    for (const tap of opened.splice(0)) await tap.close();
  });
  afterAll(() => run('ip', ['netns', 'del', space]));

  it('is refused with the reason where somebody else has it, or where it is no TAP device', async () => {
    const tap = await Tap.open({ name: probe });
    await expect(Tap.open({ name: probe })).rejects.toMatchObject({ code: 'EBUSY', interfaceName: probe });
    await tap.close();
    await expect(Tap.open({ name: 'lo' })).rejects.toThrow(/no TAP device \(EINVAL\)/);
  });

  it('vanishes when it is closed, twice or while a frame is being handed over', async () => {
    const tap = await Tap.open({ name: probe });
    const exists = () => spawnSync('ip', ['link', 'show', probe]).status === 0;
    expect(exists()).toBe(true);
    await Promise.all([tap.close(), tap.close()]);
    expect(exists()).toBe(false);
    tap.transmit(new Uint8Array(60), 0, 60, null);
    expect(tap.counts.dropped).toBe(1);
    const other = await open('vlc', ['ip link set $dev up']);
    let ended: Promise<void> | null = null;
    other.attach({
      macAddress: new Uint8Array(6),
      receive: () => {
        ended = other.close();
        return true;
      },
    });
    // The kernel asks for the address first.
    await inside('bash', '-c', `ip addr add 10.9.0.1/24 dev ${other.name}; echo > /dev/udp/10.9.0.2/9`);
    await until('a frame', () => ended !== null);
    await ended;
    expect(other.counts.received).toBe(1);
  });

  it('ends when somebody else removes the interface', async () => {
    const tap = await open('vle', ['ip link set $dev up']);
    await inside('ip', 'link', 'del', tap.name);
    await tap.ended;
    tap.transmit(new Uint8Array(60), 0, 60, null);
    expect(tap.counts).toMatchObject({ transmitted: 0, dropped: 1 });
    await tap.close();
  });

  it('counts what the system does not take while the interface is down', async () => {
    const tap = await open('vld', []);
    tap.transmit(new Uint8Array(60), 0, 60, null);
    tap.transmit(new Uint8Array(5), 0, 5, null);
    expect(tap.counts).toMatchObject({ transmitted: 0, dropped: 2 });
  });

  it.skipIf(!has('ping'))(`lets this system's kernel ping a responder${note('ping')}`, async () => {
    const responder = new Responder();
    const tap = await open('vlp', ['ip addr add 10.0.2.15/24 dev $dev; ip link set $dev up']);
    plug(tap, responder);
    const { stdout } = await inside('ping', '-c', '3', '-i', '0.01', '-s', '1400', '-W', '20', '10.0.2.2');
    expect(stdout).toMatch(/3 received, 0% packet loss/);
    expect(responder.counts.echo).toBe(3);
  });

  it("gives this system's kernel back what it sends to a responder's echo port", async () => {
    const responder = new Responder();
    const tap = await open('vlr', ['ip addr add 10.0.2.15/24 dev $dev; ip link set $dev up']);
    plug(tap, responder);
    const echo = 'exec 3<>/dev/udp/10.0.2.2/7; echo is anybody there >&3; head -n 1 <&3';
    expect((await inside('timeout', '20', 'bash', '-c', echo)).stdout).toBe('is anybody there\n');
    expect(responder.counts).toMatchObject({ arp: 1, udpEcho: 1 });
  });

  it.skipIf(!has('busybox'))(`gives busybox's DHCP client a lease${note('busybox')}`, async () => {
    const responder = new Responder({ firstLease: '10.0.2.99' });
    const tap = await open('vlh', ['ip link set $dev up']);
    plug(tap, responder);
    const script = ['-s', '/bin/true', '-n', '-q', '-f', '-t', '5', '-T', '1'];
    const { stdout, stderr } = await inside('busybox', 'udhcpc', '-i', tap.name, ...script);
    expect(stdout + stderr).toMatch(/lease of 10\.0\.2\.99 obtained(?: from 10\.0\.2\.2)?, lease time 86400/);
    expect([...responder.dhcp!.leases]).toHaveLength(1);
  });

  /** A responder is a link itself, as a TAP device is: frames go straight over. */
  function plug(tap: Tap, responder: Responder): void {
    tap.attach({
      macAddress: responder.macAddress,
      receive: (bytes, offset, length, offload) => {
        responder.transmit(bytes, offset, length, offload);
        return true;
      },
    });
    responder.attach({
      macAddress: responder.macAddress,
      receive: (bytes, offset, length, offload) => {
        tap.transmit(bytes, offset, length, offload);
        return true;
      },
    });
  }

  /** Our driver and device, with a TAP device for a cable. */
  function station(link: NetworkLink, features?: readonly number[]) {
    const frames: { frame: Uint8Array; header: FrameHeader }[] = [];
    const fn = virtioFunction(new NetworkDevice({ link }), { kind: 'modern' });
    const machine = new Machine();
    machine.plug(fn.pci, functionAddress(0, 4));
    runFirmware(machine);
    const transport = new ModernTransport(machine, findFunction(machine, functionAddress(0, 4))!, {});
    const driver = new NetworkDriver(transport, new DmaMemory(machine.ram, 0x100000), {
      ...(features === undefined ? {} : { features }),
      onFrame: (frame, header) => frames.push({ frame, header: { ...header } }),
    });
    return { driver, frames };
  }

  it('brings our driver and the kernel together: ARP, ping, and a checksum that is left to us', async () => {
    const tap = await open('vln', ['ip addr add 10.0.3.1/24 dev $dev; ip link set $dev up']);
    const { driver, frames } = station(tap);
    const mac = hex(driver.macAddress!);
    const kernelMac = (await inside('cat', `/sys/class/net/${tap.name}/address`)).stdout
      .trim()
      .replaceAll(':', '');
    const frame = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'));
    await driver.send(
      frame(`ffffffffffff ${mac} 0806 0001080006040001 ${mac} 0a000302 000000000000 0a000301`),
    );
    await until('an ARP reply', () => frames.some((each) => hex(each.frame.subarray(12, 14)) === '0806'));
    const arp = frames.find((each) => hex(each.frame.subarray(12, 14)) === '0806')!;
    expect(hex(arp.frame.subarray(0, 42))).toBe(
      `${mac}${kernelMac}08060001080006040002${kernelMac}0a000301${mac}0a000302`,
    );
    // IP header and echo message with checksums worked out by hand.
    const ip = frame('4500 001d 0001 0000 4001 0000 0a000302 0a000301');
    ip.set([(0xffff - onesSum(ip)) >> 8, (0xffff - onesSum(ip)) & 255], 10);
    const ping = frame('0800 0000 0042 0001 5a');
    const sum = 0xffff - onesSum(ping);
    ping.set([sum >> 8, sum & 255], 2);
    await driver.send(Uint8Array.from([...frame(`${kernelMac} ${mac} 0800`), ...ip, ...ping]));
    const replies = () => frames.filter((each) => each.frame[23] === 1 && each.frame[12] === 8);
    await until('an echo reply', () => replies().length > 0);
    expect(hex(replies()[0]!.frame.subarray(34, 36))).toBe('0000');
    expect(hex(replies()[0]!.frame.subarray(38, 43))).toBe('004200015a');
    // What the kernel sends by itself has only the pseudo header's sum, which the header says.
    const say = `ip neigh replace 10.0.3.2 lladdr 52:54:00:12:34:56 dev ${tap.name}; echo hello > /dev/udp/10.0.3.2/9`;
    await inside('bash', '-c', say);
    const datagrams = () => frames.filter((each) => each.frame[23] === 17 && each.frame[12] === 8);
    await until('a datagram', () => datagrams().length > 0);
    const { frame: datagram, header } = datagrams()[0]!;
    expect(header).toMatchObject({ flags: 1, checksumStart: 34, checksumOffset: 6 });
    expect(checksumHolds(readFrame(datagram))).toBe(false);
    driver.close();
    // A driver that has not agreed to such things gets whole frames.
    const plain = station({ ...linkOf(tap) }, []);
    await inside('bash', '-c', say);
    await until('a datagram', () => plain.frames.some((each) => each.frame[23] === 17));
    const whole = plain.frames.find((each) => each.frame[23] === 17)!;
    expect(whole.header).toMatchObject({ flags: 0 });
    expect(checksumHolds(readFrame(whole.frame))).toBe(true);
    plain.driver.close();
  });

  const linkOf = (tap: Tap): NetworkLink => ({
    offloads: tap.offloads,
    attach: (port) => tap.attach(port),
    transmit: (...frame) => tap.transmit(...frame),
  });

  // Independent of us: the kernel cuts the same frames, on their way over a bridge to an interface without offloads.
  it(
    'shows that we cut frames as the kernel does',
    async () => {
      const toBridge = 'ip link set $dev master br0; ip link set $dev up';
      await inside('sh', '-c', 'ip link add br0 type bridge mcast_snooping 0; ip link set br0 up');
      const sender = await open('vls', [toBridge]);
      const reader = await open('vlt', [toBridge], false);
      const stations = hex(Uint8Array.of(2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1));
      let seen: string[] = [];
      reader.attach({
        macAddress: new Uint8Array(6),
        receive: (bytes, offset, length) => {
          const frame = hex(bytes.subarray(offset, offset + length));
          return frame.startsWith(stations) && seen.push(frame) > 0;
        },
      });
      // Until the bridge carries frames, which takes as long as it takes.
      const hello = `${stations}88b5${'f'.repeat(92)}`;
      await until('the bridge', () => {
        if (!seen.includes(hello)) sender.transmit(Uint8Array.from(Buffer.from(hello, 'hex')), 0, 60, null);
        return seen.includes(hello);
      });
      const segmenter = new Segmenter();
      let count = 0;
      /** What comes out behind the bridge, up to a frame that marks the end. */
      const kernel = async (frame: Uint8Array, offload: Offload): Promise<string[]> => {
        seen = [];
        const end = `${stations}88b5${(++count).toString(16).padStart(92, '0')}`;
        sender.transmit(frame, 0, frame.length, offload);
        sender.transmit(Uint8Array.from(Buffer.from(end, 'hex')), 0, 60, null);
        await until('the last frame', () => seen.includes(end));
        return seen.slice(0, -1).filter((each) => each !== hello);
      };
      const kinds = choices.map((choice) => {
        const { kind, payload, size } = choice;
        const [cut, fragments] = [!kind.startsWith('checksum'), kind === 'ufo'];
        const bytes = cut ? Math.max(100, payload) : Math.min(payload, 1300);
        const pieces = Math.max(Math.min(size, bytes >> 1, 1200), Math.ceil(bytes / 100));
        return {
          ...choice,
          payload: bytes,
          // Where we go beyond the kernel: it moves no urgent pointer, knows one VLAN tag, makes at most 128 UDP segments,
          // counts IPv6 options into the place of a fragment, cuts fragments at any byte, and cuts only what has to be cut.
          urgent: 0,
          flags: choice.flags & ~0x20,
          tags: choice.tags % 2,
          options: fragments && choice.version === 6 ? 0 : choice.options,
          size: fragments ? Math.ceil(pieces / 8) * 8 : Math.max(8, pieces),
        };
      });
      await fc.assert(
        fc.asyncProperty(kinds, async (choice) => {
          const { frame, offload, version } = build(choice);
          frame.set(Buffer.from(stations, 'hex'));
          const ours: string[] = [];
          segmenter.finish(frame, 0, frame.length, offload, (bytes, offset, length) =>
            ours.push(hex(bytes.subarray(offset, offset + length))),
          );
          const theirs = await kernel(frame, offload);
          const masked = (frames: readonly string[]) =>
            offload.gsoType === networkGsoType.udp && version === 6
              ? frames.map(withoutIdentification)
              : frames;
          expect(masked(theirs)).toEqual(masked(ours));
        }),
        { numRuns: runs(100) },
      );
    },
    PATIENCE,
  );

  /** An IPv6 fragment without what the kernel draws at random. */
  function withoutIdentification(frame: string): string {
    const bytes = Buffer.from(frame, 'hex');
    const ip = bytes.readUInt16BE(12) === 0x8100 ? 18 : 14;
    const header = bytes[ip + 6] === 44 ? ip + 40 : ip + 48;
    bytes.fill(0, header + 4, header + 8);
    return bytes.toString('hex');
  }
});
