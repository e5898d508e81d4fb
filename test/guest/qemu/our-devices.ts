import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, vi } from 'vitest';
import type { Finding } from '../../../src/core/index.ts';
import { ways } from '../../../src/mmr/index.ts';
import type { DeviceBehaviour } from '../../../src/virtio/index.ts';
import { Served, type ServedDevice, type ServedOptions } from '../../hosts/qemu/served.ts';

/** Devices of ours for one test, and what was found wrong with their drivers. */
export class OurDevices {
  readonly folder: string;
  served: Served;
  readonly #all: { device: ServedDevice; builtIn: string | null }[] = [];

  private constructor(folder: string, served: Served) {
    this.folder = folder;
    this.served = served;
  }

  static async start(): Promise<OurDevices> {
    const folder = mkdtempSync(join(tmpdir(), 'virtiolab-served-'));
    return new OurDevices(folder, await Served.start(folder));
  }

  add(behaviour: DeviceBehaviour, options: ServedOptions): ServedDevice {
    const device = this.served.add(behaviour, options);
    this.#all.push({ device, builtIn: ways[options.window].breaks });
    return device;
  }

  /** Clauses that were broken, but for what a function breaks by the way it is built. */
  get clauses(): string[] {
    return this.#all.flatMap(({ device, builtIn }) =>
      device.findings
        .filter(({ party, clause }: Finding) => party !== 'device' || clause !== builtIn)
        .map(({ clause }) => clause),
    );
  }

  /** So many clients have left, and none for another reason. */
  async left(count: number): Promise<void> {
    const wanted = Array.from({ length: count }, () => 'it left');
    await vi.waitFor(() => expect(this.served.ends).toEqual(wanted), { timeout: 10_000 });
  }

  /** Another server, without any device yet, in place of this one. */
  async restart(): Promise<void> {
    await this.served.close();
    this.served = await Served.start(this.folder);
  }

  async close(): Promise<void> {
    await this.served.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
