import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { SocketConsole } from '../../src/hosts/node/index.ts';
import { ConsoleDevice, MemoryConsole, SeededEntropy } from '../../src/virtio/index.ts';
import { md5 } from './ext4.ts';
import { guestWays, Lab } from './lab.ts';
import { pieces, skipNote } from './support.ts';

const SLOT = 6;
const BIG = 1 << 18;
/** One piece after the other, as long as they come: busybox's `head` takes a byte at a time. */
const TAKE = `dd bs=32768 count=${BIG / 32768} iflag=fullblock 2> /dev/null`;

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const bytesOf = (line: string) => new TextEncoder().encode(line);
/** The guest runs while this waits; however slowly it does so. */
const until = (what: () => boolean) => vi.waitUntil(what, { timeout: 60_000, interval: 5 });

describe.skipIf(pieces === null)(`Linux's console driver${skipNote}`, () => {
  let lab: Lab;

  beforeEach(async () => {
    lab = await Lab.start();
  });
  afterEach(() => lab?.destroy());

  describe.each(guestWays)('through $name', ({ window, transportFeatures }) => {
    it('has a terminal and ports of ours, both ways, added, removed and resized while it runs', async () => {
      const terminal = new MemoryConsole();
      const data = new MemoryConsole({ capacity: 5000 });
      const device = new ConsoleDevice({
        offersSize: true,
        ports: [
          { backend: terminal, size: { columns: 101, rows: 37 } },
          { backend: data, name: 'org.virtiolab.data' },
        ],
      });
      lab.present(device, SLOT, window, undefined, transportFeatures);
      await lab.rescan();
      await until(() => terminal.driverOpen);
      expect(await lab.sh('cat /sys/class/virtio-ports/vport*p1/name; ls -1 /dev/vport*')).toMatch(
        /^org.virtiolab.data\n\/dev\/vport\dp0\n\/dev\/vport\dp1$/,
      );

      // A shell on the terminal, talked to from outside.
      expect(await lab.sh('stty size < /dev/hvc0')).toBe('37 101');
      const says = async (line: string) => {
        await until(() => terminal.output.length >= line.length);
        expect(text(terminal.take())).toBe(line);
      };
      const session = lab.sh(`sh -c 'stty raw -echo; echo ready; sh | cat' < /dev/hvc0 > /dev/hvc0 2>&1`);
      await says('ready\n');
      terminal.send(bytesOf('echo "answer: $((6 * 7))"\n'));
      await says('answer: 42\n');
      terminal.resize({ columns: 132, rows: 50 });
      terminal.send(bytesOf('while [ "$(stty size)" != "50 132" ]; do :; done; echo resized; exit\n'));
      await says('resized\n');
      await session;

      // Much more than there are buffers for, and more than the other end takes at once.
      const port = await lab.sh('echo /dev/vport*p1');
      const sent = new Uint8Array(BIG);
      new SeededEntropy(3).fill(sent);
      data.send(sent);
      expect(data.input.length).toBe(BIG);
      expect(await lab.sh(`${TAKE} < ${port} > /tmp/copy; md5sum < /tmp/copy`)).toBe(`${md5(sent)}  -`);
      expect(data.driverOpen).toBe(false);
      const writing = lab.sh(`cat /tmp/copy > ${port}; rm /tmp/copy`);
      const got: Uint8Array[] = [];
      let length = 0;
      await until(() => {
        got.push(data.take());
        length += got.at(-1)!.length;
        return length >= BIG;
      });
      await writing;
      expect(md5(Buffer.concat(got))).toBe(md5(sent));

      const later = new MemoryConsole({ open: false });
      device.addPort({ number: 5, name: 'late', backend: later });
      await lab.sh(
        'until [ "$(cat /sys/class/virtio-ports/vport*p5/name)" = late ]; do :; done 2> /dev/null',
      );
      // A writer waits until somebody is at the other end.
      const waiting = lab.sh('late=$(echo /dev/vport*p5); echo through > $late');
      await until(() => later.driverOpen);
      expect(later.output.length).toBe(0);
      later.setOpen(true);
      await waiting;
      expect(text(later.take())).toBe('through\n');
      device.removePort(5);
      await lab.sh('while [ -e /sys/class/virtio-ports/vport*p5 ]; do :; done');
      expect(lab.findings).toEqual([]);
    });
  });

  it('is reached by a program on this side through a UNIX socket, client after client, without a terminal', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'virtiolab-'));
    const socket = await SocketConsole.listen(join(folder, 'port'));
    try {
      // All that QEMU has: 64 queues.
      const device = new ConsoleDevice({ ports: [{ number: 30, name: 'socket', backend: socket }] });
      lab.present(device, SLOT, 'mmr');
      await lab.rescan();
      const port = await lab.sh('echo /dev/vport*p30');
      // A port with nobody at its other end is at its end, for whoever reads it.
      const serving = lab.sh(
        `for i in 1 2; do until read line; do :; done; echo "$i: $line"; done < ${port} > /tmp/said; cat /tmp/said`,
      );
      for (const word of ['one', 'two']) {
        const client = connect(socket.path);
        client.end(`${word}\n`);
        await once(client, 'close');
      }
      expect(await serving).toBe('1: one\n2: two');
      const client = connect(socket.path);
      let got = '';
      client.on('data', (bytes) => {
        got += bytes;
      });
      await lab.sh(`echo from the guest > ${port}`);
      await until(() => got === 'from the guest\n');
      client.destroy();
      expect(lab.findings).toEqual([]);
    } finally {
      await socket.close();
      await rm(folder, { recursive: true });
    }
  });
});
