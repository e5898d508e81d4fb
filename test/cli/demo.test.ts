import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runDemo } from '../../src/cli/demo-run.ts';
import { demoLines } from '../../src/cli/demo-view.ts';
import { blockVisit } from '../../src/cli/demos/block.ts';
import type { DemoImage } from '../../src/cli/demos/block-image.ts';
import { firstDifference, pattern, pieces, writtenRanges } from '../../src/cli/demos/block-pattern.ts';
import { deviceDemos } from '../../src/cli/demos/index.ts';
import { isTranslated, wayNames, waysOf } from '../../src/mmr/index.ts';
import {
  deviceTypes,
  MemoryStorage,
  OverlayStorage,
  type Storage,
  StorageFilter,
  type StorageOperation,
  type Transfer,
} from '../../src/virtio/index.ts';
import { virtiolab } from './run.ts';

const bytes = Uint8Array.from({ length: 200 * 512 }, (_, i) => (i * 31 + (i >> 9)) & 0xff);
const sha256 = createHash('sha256').update(bytes).digest('hex');

let folder: string;
let temporary: string;
let path: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'virtiolab-test-'));
  temporary = join(folder, 'tmp');
  mkdirSync(temporary);
  path = join(folder, 'disk.img');
  writeFileSync(path, bytes);
  // Also what a user may have: an image that nobody may write to.
  chmodSync(path, 0o444);
});
afterAll(() => rmSync(folder, { recursive: true }));

describe.concurrent('demo', () => {
  it.for(wayNames)('reads and writes an image through %s', async (window) => {
    const { status, stdout, stderr } = await virtiolab(['demo', '--image', path, '--window', window]);
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toContain(`SHA-256 ${sha256}, equal to the file's`);
    expect(stdout).toContain('the overlay over the file holds exactly what was written');
    expect(stdout).toMatch(/deviceStatus +07|deviceStatus +0f/);
    expect(stdout).not.toContain('\u001b');
    expect(new Uint8Array(readFileSync(path))).toEqual(bytes);
  });

  it('shows which memory accesses each port access became', async () => {
    const { stdout } = await virtiolab(['demo', '--image', path, '--window', 'mmr']);
    expect(stdout).toMatch(/out +c012 +deviceStatus +07 +acknowledge driver driverOk +W c0001012 07\n/);
    expect(stdout).toMatch(/out +c010 +queueNotify +0000 +0 +w c0001010 0000\n/);
    expect(stdout).toMatch(/100 +virtio mmr-2023 +BAR0 \+0x1000, 84 bytes\n/);
    expect(stdout).toMatch(/\[1af4:1001\], legacy\n/);
    expect(stdout).toMatch(/\[1af4:10fa\], mmr\n/);
  });

  it('hides the vector registers from a guest without MSI-X, and keeps its interrupt line', async () => {
    const { stdout } = await virtiolab(['demo', '--image', path, '--intx']);
    expect(stdout).toMatch(/in +c014 +config\.capacity\.low +000000c8 +200 +r c0001018 000000c8\n/);
    expect(stdout).toMatch(/in +c013 +isrStatus +01 +queue +r c0001013 01\n/);
    expect(stdout).toMatch(/irq +line 11 up\n/);
  });

  it.for(wayNames)('prints one document for %s with --json', async (window) => {
    const { status, stdout, stderr } = await virtiolab([
      'demo',
      '--image',
      path,
      '--window',
      window,
      '--json',
    ]);
    expect([status, stderr]).toEqual([0, '']);
    const document = JSON.parse(stdout);
    expect(document).toMatchObject({
      device: 'block',
      window,
      subject: `image ${path}, 100 KiB`,
      facts: [
        { what: 'Read', bytes: bytes.length, sha256, equal: true, good: true },
        { what: 'Write', bytes: bytes.length, differsAt: null, equal: true, good: true },
        { what: 'Requests', read: 3, write: 2, flush: 1 },
      ],
      good: true,
    });
    expect(document.functions.map(({ machine }: { machine: string }) => machine)).toEqual(
      isTranslated(window) ? ['guest', 'host'] : ['host'],
    );
    expect(document.bringUp.trace.length).toBeGreaterThan(20);
  });

  it('makes a real image where none is given, and leaves nothing behind', async () => {
    const { status, stdout } = await virtiolab([], { TMPDIR: temporary });
    expect(status).toBe(0);
    expect(stdout).toMatch(/^Device block, window mmr, image a tar archive of this project's \d+ files, /);
    expect(stdout).toContain("equal to the file's");
    expect(readdirSync(temporary).filter((name) => name.startsWith('virtiolab'))).toEqual([]);
  });
});

describe('every device type through every window', () => {
  it('is all of the types that there are', () => {
    expect(deviceDemos.map(({ type }) => type.name).sort()).toEqual(
      deviceTypes.map(({ name }) => name).sort(),
    );
  });

  const combinations = deviceDemos.flatMap((demo) =>
    waysOf(demo.type).flatMap((window) => [false, true].map((intx) => ({ demo, window, intx }))),
  );
  it.for(combinations)('$demo.type.name, $window, INTx $intx', async ({ demo, window, intx }) => {
    const visit = await demo.visit({});
    try {
      const result = await runDemo(window, visit, { intx });
      const { facts, good, bringUp, firstRequest } = result;
      // On a terminal of 80 columns no line is broken by the terminal.
      for (const line of demoLines(result, 80)) expect(line.length, line).toBeLessThanOrEqual(80);
      expect(facts.filter((fact) => !fact.good)).toEqual([]);
      expect(facts.length).toBeGreaterThan(2);
      expect(good).toBe(true);
      expect(bringUp.trace.length).toBeGreaterThan(10);
      expect(firstRequest.length).toBeGreaterThan(0);
    } finally {
      await visit.close();
    }
  });

  it('takes the window that a modern-only type has, and refuses the others', async () => {
    const { status, stdout } = await virtiolab(['demo', '--device', 'rtc', '--json']);
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ device: 'rtc', window: 'modern', good: true });
    const wrong = await virtiolab(['demo', '--device', 'rtc', '--window', 'mmr']);
    expect(wrong).toMatchObject({ status: 2, stdout: '' });
    expect(wrong.stderr).toContain("window 'mmr' leads to no rtc, which is modern only; wants modern");
  });

  it('answers on the command line, and takes an image only where there is a disk', async () => {
    const { status, stdout, stderr } = await virtiolab(['demo', '--device', 'entropy', '--json']);
    expect([status, stderr]).toEqual([0, '']);
    expect(JSON.parse(stdout)).toMatchObject({ device: 'entropy', window: 'mmr', good: true });
    const wrong = await virtiolab(['demo', '--device', 'entropy', '--image', path]);
    expect(wrong).toMatchObject({ status: 2, stdout: '' });
    expect(wrong.stderr).toContain("option '--image' belongs to block devices, and the device is entropy");
    const unknown = await virtiolab(['demo', '--device', 'floppy']);
    expect(unknown).toMatchObject({ status: 2, stdout: '' });
    expect(unknown.stderr).toContain("unknown device 'floppy'; devices are balloon, block, ");
  });
});

describe('what the demonstration does when things go wrong', () => {
  const image = (base: Storage): DemoImage => ({
    origin: 'test',
    base,
    read: async ({ start, end }) => bytes.subarray(start, end),
    close: async () => {},
  });

  /** Passes on what `wanted` wants, and says of everything that it went well. */
  class Sieve extends StorageFilter {
    wanted: (operation: StorageOperation, transfer: Transfer) => boolean = () => true;

    protected pass(
      operation: StorageOperation,
      transfer: Transfer,
      carryOut: (transfer: Transfer) => void,
    ): void {
      if (this.wanted(operation, transfer)) carryOut(transfer);
      else transfer.done(true);
    }
  }

  it('says that the device failed, and how', async () => {
    const broken: Storage = {
      length: bytes.length,
      readOnly: false,
      read: (transfer) => transfer.done(false),
      write: (transfer) => transfer.done(false),
      flush: (transfer) => transfer.done(false),
    };
    const visit = blockVisit(image(broken), new OverlayStorage(broken));
    await expect(runDemo('mmr', visit, { intx: false })).rejects.toThrow(
      'window mmr: the device failed: the device answered status 1 (ioError)',
    );
  });

  it('finds a device that reads something else, and what was not written', async () => {
    const wrong = bytes.slice();
    wrong[70000]! ^= 1;
    const overlay = new OverlayStorage(new MemoryStorage(wrong, true));
    const sieve = new Sieve(overlay);
    sieve.wanted = (operation) => operation !== 'write';
    const result = await runDemo('io-bar', blockVisit(image(overlay.base), overlay, sieve), { intx: false });
    expect(result.good).toBe(false);
    expect(result.facts[1]).toMatchObject({ what: 'Write', good: false, data: { differsAt: 0 } });
    const text = demoLines(result).join('\n');
    expect(text).toContain(`but the file's is ${sha256}`);
    expect(text).toContain('the overlay over the file is wrong at byte 0');
  });
});

describe('the pattern that is written', () => {
  it('covers small images whole and large ones at both ends', () => {
    expect(writtenRanges(1024)).toEqual([{ start: 0, end: 1024 }]);
    const [first, last] = writtenRanges(2 ** 40);
    expect(first!.start).toBe(0);
    expect(last!.end).toBe(2 ** 40);
    expect(first!.end - first!.start + last!.end - last!.start).toBe(64 << 20);
  });

  it('differs from sector to sector', () => {
    const sectors = Array.from({ length: 64 }, (_, i) => pattern({ start: i * 512, end: (i + 1) * 512 }));
    expect(new Set(sectors.map((each) => each.join())).size).toBe(64);
    expect(pattern({ start: 0, end: 1024 }).subarray(512)).toEqual(sectors[1]);
  });

  it('is found again, and whatever differs from it', async () => {
    const image: DemoImage = {
      origin: 'test',
      base: new MemoryStorage(bytes.slice(), true),
      read: async ({ start, end }) => bytes.subarray(start, end),
      close: async () => {},
    };
    const written = [{ start: 1024, end: 4096 }];
    const write = (overlay: OverlayStorage, start: number, data: Uint8Array) =>
      overlay.write({
        offset: start,
        length: data.length,
        live: true,
        give: () => false,
        take: (at, target, offset, length) => {
          target.set(data.subarray(at, at + length), offset);
          return true;
        },
        whenReady: (step) => step(),
        done: () => {},
      });
    const over = () => {
      const overlay = new OverlayStorage(image.base, { clusterBytes: 2048 });
      for (const piece of pieces(written)) write(overlay, piece.start, pattern(piece));
      return overlay;
    };
    expect(await firstDifference(image, over(), written)).toBe(null);
    const sector = (at: number, of: Uint8Array) => {
      const start = at - (at % 512);
      const spoilt = of.slice(start, start + 512);
      spoilt[at % 512]! ^= 0x80;
      return [start, spoilt] as const;
    };
    const expected = bytes.slice();
    for (const piece of pieces(written)) expected.set(pattern(piece), piece.start);
    for (const at of [0, 1023, 1024, 4095, 4096, bytes.length - 1]) {
      const overlay = over();
      write(overlay, ...sector(at, expected));
      expect(await firstDifference(image, overlay, written), String(at)).not.toBe(null);
    }
    // Not written at all; and written over with what was there.
    expect(await firstDifference(image, new OverlayStorage(image.base), written)).toBe(1024);
    const same = over();
    write(same, 8192, bytes.slice(8192, 8704));
    expect(await firstDifference(image, same, written)).toBe(null);
  });
});
