import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { functionAddress } from '../../src/core/index.ts';
import { guestWindows } from '../../src/hosts/present/present.ts';
import { writeSnapshot } from '../../src/hosts/v86/snapshot.ts';
import {
  BlockDevice,
  EntropyDevice,
  MemoryStorage,
  SeededEntropy,
  virtioFunction,
} from '../../src/virtio/index.ts';
import { md5 } from './ext4.ts';
import { Lab, pciFolder } from './lab.ts';
import { copiedDisks, DISK_BYTES, presentDisks } from './resumed-disks.ts';
import { pieces, skipNote } from './support.ts';

const CHILD = fileURLToPath(new URL('resume-child.ts', import.meta.url));
const DEVICE = 5;
const REMOVE = `echo 1 > ${pciFolder(DEVICE)}/remove`;

describe.skipIf(pieces === null)(`I/O in flight${skipNote}`, () => {
  let lab: Lab;
  /** Ranges of guest memory that devices wrote to. */
  let writes: [start: number, end: number][];

  beforeEach(async () => {
    lab = await Lab.start();
    writes = [];
    const { ram } = lab.board.bus;
    const dirty = ram.dirty.bind(ram);
    ram.dirty = (start, end) => {
      writes.push([start, end]);
      dirty(start, end);
    };
  });
  afterEach(() => lab?.destroy());

  const holdRequests = () => {
    lab.gate.holds = ({ label }) => label === 'block request';
  };
  const someHeld = () =>
    vi.waitFor(() => expect(lab.gate.held.length).toBeGreaterThan(0), { timeout: 20_000 });
  /** What devices do from now on, as others see it. */
  const traces = async (act: () => Promise<void> | void) => {
    writes.length = 0;
    lab.events.length = 0;
    await act();
    return {
      writes: writes.length,
      interrupts: lab.events.filter(({ kind }) => kind === 'interrupt').length,
    };
  };

  /** A request for random bytes that is never answered. */
  const holdRandomBytes = async () => {
    await lab.rescan();
    await lab.sh('head -c 64 /dev/hwrng > /dev/null');
    lab.gate.holds = () => true;
    await lab.sh('head -c 64 /dev/hwrng > /tmp/never 2>&1 &');
    await someHeld();
  };
  const takeAgain = async () => {
    await lab.sh(REMOVE);
    await lab.rescan();
    expect(await lab.sh('head -c 64 /dev/hwrng | wc -c')).toBe('64');
    expect(lab.findings).toEqual([]);
  };

  describe.each(guestWindows)('through %s', (window) => {
    it('ends with a function reset: nothing is written to the guest and nothing interrupts it any more', async () => {
      const { pci } = lab.present(
        new BlockDevice({ storage: new MemoryStorage(new Uint8Array(DISK_BYTES)) }),
        DEVICE,
        window,
      );
      await lab.rescan();
      holdRequests();
      await lab.sh('dd if=/dev/vda of=/dev/null bs=64k count=1 iflag=direct 2>/dev/null &');
      await someHeld();
      const after = await traces(() => {
        pci.reset();
        lab.gate.open();
      });
      expect(after).toEqual({ writes: 0, interrupts: 0 });
      // The guest lost its disk, and lives.
      expect(await lab.sh('echo alive')).toBe('alive');
    });

    it('completes in a new process, from our state and that of v86 saved together', async () => {
      const disks = presentDisks(lab.board, window);
      await lab.rescan();
      holdRequests();
      await lab.sh(
        '(dd if=/dev/vda of=/tmp/read bs=64k count=4 iflag=direct; dd if=/tmp/read of=/dev/vdb bs=64k oflag=direct) 2>/dev/null &',
      );
      await someHeld();
      const snapshot = await lab.guest.snapshot(lab.board);
      const folder = await mkdtemp(join(tmpdir(), 'virtiolab-resume-'));
      try {
        const path = join(folder, 'guest.state');
        await writeSnapshot(path, snapshot);
        const args = ['--import', 'tsx', CHILD, path, window, JSON.stringify(pieces)];
        const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 60_000 });
        const { inFlight, written, findings } = JSON.parse(stdout) as Record<string, unknown>;
        expect(inFlight).toBe(1);
        expect(written).toBe(md5(copiedDisks(disks)));
        expect(findings).toEqual([]);
      } finally {
        await rm(folder, { recursive: true });
      }
    });
  });

  // A modern driver waits for ever for its status where nobody restored the addresses of the function.
  it.each(['io-bar', 'mmr'] as const)(
    'ends with a function reset, and the guest takes the function of %s again',
    async (window) => {
      const { pci } = lab.present(new EntropyDevice({ source: new SeededEntropy(3) }), DEVICE, window);
      await holdRandomBytes();
      expect(
        await traces(() => {
          pci.reset();
          lab.gate.open();
        }),
      ).toEqual({ writes: 0, interrupts: 0 });
      await takeAgain();
    },
  );

  it('ends with a reset that the guest itself asks the function for', async () => {
    const device = new EntropyDevice({ source: new SeededEntropy(3) });
    const fn = virtioFunction(device, { kind: 'modern', express: true, vectors: 0 });
    lab.board.plug(fn.pci, functionAddress(0, DEVICE));
    await holdRandomBytes();
    expect(await lab.sh(`cat ${pciFolder(DEVICE)}/reset_method`)).toContain('flr');
    const after = await traces(async () => {
      await lab.sh(`echo 1 > ${pciFolder(DEVICE)}/reset`);
      lab.gate.open();
    });
    expect(fn.device.status).toBe(0);
    expect(after).toEqual({ writes: 0, interrupts: 0 });
    await takeAgain();
  });

  it('ends with a reboot of the guest', async () => {
    const { fn } = lab.present(
      new BlockDevice({ storage: new MemoryStorage(new Uint8Array(DISK_BYTES)) }),
      DEVICE,
      'mmr',
    );
    await lab.rescan();
    holdRequests();
    await lab.sh('dd if=/dev/vda of=/dev/null bs=64k count=1 iflag=direct 2>/dev/null &');
    await someHeld();
    expect(fn.device.status).not.toBe(0);
    // The shell is gone before it could answer.
    const gone = lab.guest.run('reboot -f', { timeoutMs: 500 }).catch((error: unknown) => error);
    await vi.waitFor(() => expect(fn.device.status).toBe(0), { timeout: 20_000 });
    expect(await traces(() => lab.gate.open())).toEqual({ writes: 0, interrupts: 0 });
    await lab.destroy();
    await gone;
  });
});
