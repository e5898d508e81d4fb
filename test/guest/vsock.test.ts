import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { waysOf } from '../../src/mmr/index.ts';
import {
  deviceStatus,
  feature,
  VsockDevice,
  VsockHost,
  type VsockSocket,
  vsockDeviceType,
  vsockShutdown,
  vsockType,
} from '../../src/virtio/index.ts';
import { md5 } from './ext4.ts';
import { guestWays, Lab } from './lab.ts';
import { pieces, skipNote } from './support.ts';
import { vsockTool } from './vsock-tool.ts';

const DEVICE = 6;
const CID = 42;
const [ECHO, MESSAGES, NOBODY, GUEST] = [7, 8, 9, 1024];
/** Less than is sent: both sides have to wait for each other's room. */
const ROOM = 20_000;
const PATIENCE = { timeout: 30_000 };
const CONNECTION_RESET = 104;
const MODULES = ['vsock', 'vmw_vsock_virtio_transport_common', 'vmw_vsock_virtio_transport'];

const possible = guestWays.filter(({ window }) => waysOf(vsockDeviceType).includes(window));

/** Sends everything back, and ends when the driver does. */
function echo(socket: VsockSocket, seen: (bytes: Uint8Array) => void = () => {}): void {
  const back: Uint8Array[] = [];
  let ended = false;
  const go = () => {
    for (;;) {
      if (back.length === 0) {
        const bytes = socket.read();
        if (bytes === null) break;
        seen(bytes);
        back.push(bytes);
      }
      const bytes = back.shift()!;
      const taken = Math.max(0, socket.write(bytes));
      if (taken === bytes.length) continue;
      back.unshift(bytes.subarray(taken));
      return;
    }
    if (ended) socket.close();
  };
  socket.on = {
    received: go,
    drained: go,
    ended: () => {
      ended = true;
      go();
    },
  };
}

describe.skipIf(pieces === null)(`Linux's socket driver${skipNote}`, () => {
  let lab: Lab;
  let host: VsockHost;
  let device: VsockDevice;

  beforeEach(async () => {
    lab = await Lab.start();
    host = new VsockHost({ receiveBytes: ROOM, sendBytes: ROOM });
    device = new VsockDevice({ guestCid: CID, peer: host });
  });
  afterEach(() => lab?.destroy());

  const start = async ({ window, transportFeatures }: (typeof possible)[number]) => {
    const { fn } = lab.present(device, DEVICE, window, undefined, transportFeatures);
    for (const name of MODULES) await lab.sh(`insmod /lib/modules/${name}.ko`);
    await lab.rescan();
    await lab.sh(vsockTool('/bin/vsock'));
    return fn;
  };

  /**
   * Connects to the guest, as soon as somebody listens there: in the foreground, since the guest's shell takes the end of
   * a job for the end of its input where that comes while it reads.
   */
  async function connect(port: number): Promise<VsockSocket> {
    let socket = host.connect(port);
    await vi.waitFor(() => {
      if (socket.state === 'closed') socket = host.connect(port);
      expect(socket.state).toBe('open');
    }, PATIENCE);
    return socket;
  }

  /** All that the guest sends until it ends. */
  const readAll = (socket: VsockSocket, seen: (bytes: Uint8Array) => void) =>
    new Promise<void>((resolve) => {
      const received = () => {
        for (let bytes = socket.read(); bytes !== null; bytes = socket.read()) seen(bytes);
      };
      socket.on = { ...socket.on, received, ended: resolve };
      received();
    });

  describe.each(possible)('through $name', (way) => {
    it('connects to the host, and is answered', async () => {
      const fn = await start(way);
      expect(fn.device.status & deviceStatus.driverOk).not.toBe(0);
      expect(fn.device.has(feature.ringPacked)).toBe(way.transportFeatures.includes(feature.ringPacked));
      const sockets: VsockSocket[] = [];
      host.listen(ECHO, (socket) => {
        sockets.push(socket);
        echo(socket);
      });
      expect(await lab.sh(`printf hello | vsock c1 ${ECHO}`)).toBe('hello');
      await vi.waitFor(() => expect(host.sockets).toEqual([]), PATIENCE);
      expect(sockets.map(({ state }) => state)).toEqual(['closed']);
      expect(await lab.sh(`vsock c1 ${NOBODY} < /dev/null; echo $?`)).toBe(`${CONNECTION_RESET}`);
      expect(lab.clauses).toEqual([]);
    });

    it('takes a connection of the host', async () => {
      await start(way);
      const talk = lab.sh(`mkfifo /tmp/back; vsock l1 ${GUEST} < /tmp/back | tr a-z A-Z > /tmp/back`);
      const socket = await connect(GUEST);
      socket.write(new TextEncoder().encode('from the host'));
      socket.shutdown(vsockShutdown.send);
      let answer = '';
      await readAll(socket, (bytes) => {
        answer += new TextDecoder().decode(bytes);
      });
      expect(answer).toBe('FROM THE HOST');
      await talk;
      await vi.waitFor(() => expect(host.sockets).toEqual([]), PATIENCE);
      expect(lab.clauses).toEqual([]);
    });

    it('carries more than either side has room for, both ways at once', async () => {
      await start(way);
      let bytes = 0;
      host.listen(ECHO, (socket) => echo(socket, ({ length }) => void (bytes += length)));
      await lab.sh('head -c 600000 /dev/urandom > /tmp/sent');
      const sent = await lab.sh('md5sum < /tmp/sent; stat -c %s /tmp/sent');
      const got = await lab.sh(
        `vsock c1 ${ECHO} < /tmp/sent > /tmp/got; md5sum < /tmp/got; stat -c %s /tmp/got`,
      );
      expect(got).toBe(sent);
      expect(`${bytes}`).toBe(sent.split('\n')[1]);
      const talk = lab.sh(`vsock l1 ${GUEST} < /dev/null | md5sum`);
      const socket = await connect(GUEST);
      const all = Uint8Array.from({ length: 1 << 20 }, (_, i) => i * 7 + (i >> 8));
      let rest = all;
      const go = () => {
        rest = rest.subarray(socket.write(rest));
        if (rest.length === 0) socket.close();
      };
      socket.on = { drained: go };
      go();
      expect(await talk).toBe(`${md5(all)}  -`);
      await vi.waitFor(() => expect(host.sockets).toEqual([]), PATIENCE);
      expect(lab.clauses).toEqual([]);
    });

    it('keeps messages apart', async () => {
      await start(way);
      const messages: string[] = [];
      host.listen(
        MESSAGES,
        (socket) => echo(socket, (bytes) => void messages.push(new TextDecoder().decode(bytes))),
        vsockType.seqpacket,
      );
      const talk = '(printf one; usleep 200000; printf "and two")';
      expect(await lab.sh(`${talk} | vsock c5 ${MESSAGES}`)).toBe('oneand two');
      expect(messages).toEqual(['one', 'and two']);
      expect(lab.clauses).toEqual([]);
    });

    it('VSOCK-EVT-02, VSOCK-EVT-03: hears of a reset of the transport, and goes on at its new address', async () => {
      await start(way);
      const talk = lab.sh(`vsock l1 ${GUEST} < /dev/null; echo $?`);
      const socket = await connect(GUEST);
      device.resetTransport(CID + 1);
      expect(socket.state).toBe('closed');
      expect(await talk).toBe(`${CONNECTION_RESET}`);
      host.listen(ECHO, (each) => echo(each));
      expect(await lab.sh(`printf again | vsock c1 ${ECHO}`)).toBe('again');
      expect(lab.clauses).toEqual([]);
    });
  });
});
