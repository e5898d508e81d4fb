import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PcapngFile, PcapngFileError, systemClock } from '../../../src/hosts/node/index.ts';
import { type ByteSink, PcapngWriter } from '../../../src/virtio/index.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'virtiolab-test-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('a recording in a file', () => {
  it('holds what was recorded, however long', () => {
    const written: number[] = [];
    const sink: ByteSink = { write: (bytes) => written.push(...bytes) };
    const record = (writer: PcapngWriter) => {
      writer.addInterface({ name: 'eth0' });
      for (let i = 0; i < 60; i++) {
        const frame = new Uint8Array(i * 137).fill(i);
        writer.frame(0, i, i % 2 === 0 ? 'inbound' : 'outbound', frame, 0, frame.length);
      }
    };
    const path = join(folder, 'frames.pcapng');
    const file = new PcapngFile(path);
    record(file.writer);
    file.close();
    file.close();
    record(new PcapngWriter(sink));
    const bytes = readFileSync(path);
    expect(bytes.length).toBeGreaterThan(3 * 65536);
    expect(Buffer.compare(bytes, Uint8Array.from(written))).toBe(0);
    expect(() => file.writer.addInterface({ name: 'late' })).toThrow(PcapngFileError);
  });

  it('may have the time of this machine', () => {
    // Not Date.now(): that may have been corrected by any amount since the start.
    const now = () => performance.timeOrigin + performance.now();
    const [before, time, after] = [now(), systemClock(), now()];
    expect(Number.isInteger(time)).toBe(true);
    expect(time).toBeGreaterThanOrEqual(Math.floor(before * 1000));
    expect(time).toBeLessThanOrEqual(Math.ceil(after * 1000));
  });

  it('says what is wrong with the file', () => {
    expect(() => new PcapngFile(folder)).toThrow(PcapngFileError);
    expect(() => new PcapngFile(join(folder, 'none', 'frames'))).toThrow(/cannot be written \(ENOENT\)/);
  });

  it('says that the disk is full', () => {
    const file = new PcapngFile('/dev/full');
    expect(() => file.close()).toThrow(/ENOSPC/);
  });
});
