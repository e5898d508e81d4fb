import { describe, expect, it } from 'vitest';
import { type State, StateMismatchError, StateVersionError } from '../../../src/core/index.ts';
import {
  BalloonDevice,
  BlockDevice,
  ConsoleDevice,
  type DeviceBehaviour,
  type DhcpServer,
  DiskUnit,
  EntropyDevice,
  MemoryStorage,
  NetworkDevice,
  OverlayStorage,
  P9Device,
  P9MemoryServer,
  Responder,
  ScsiDevice,
  SeededEntropy,
  SteppedClock,
} from '../../../src/virtio/index.ts';
import { changed, type Place, placeName } from '../../properties/support/state-leaves.ts';
import { ModernGuest } from '../support/guests.ts';

/* What no device of a type can have is refused by its place, before anything changes. */

const link = { offloads: false, attach: () => {}, transmit: () => {} };
const storage = () => new MemoryStorage(new Uint8Array(4096));
const makers: Readonly<Record<string, () => DeviceBehaviour>> = {
  block: () => new BlockDevice({ storage: storage() }),
  entropy: () => new EntropyDevice({ source: new SeededEntropy(7) }),
  network: () => new NetworkDevice({ link, queuePairs: 2 }),
  console: () => new ConsoleDevice({ maxPorts: 2 }),
  balloon: () => new BalloonDevice({ freePageHints: true }),
  scsi: () => new ScsiDevice({ units: [{ target: 0, lun: 1, unit: new DiskUnit({ storage: storage() }) }] }),
  p9: () => new P9Device({ server: new P9MemoryServer({}) }),
};
const refusedPages = [1, 2, 2, 1];

type Row = readonly [type: string, place: Place, value: State | undefined];
const rows: readonly Row[] = [
  ['block', ['capacity'], 9],
  ['block', ['shape', 'readOnly'], true],
  ['entropy', ['source', 'next'], 0],
  ['network', ['pairs'], 2],
  ['network', ['mostPairs'], 3],
  ['network', ['steering', 'pairs'], Array.from({ length: 256 }, () => 3)],
  ['network', ['filter', 'macAddress'], Uint8Array.of(2, 0, 0, 0, 0, 1)],
  ['network', ['filter', 'unicast'], Uint8Array.of(3, 0, 0, 0, 0, 1)],
  ['network', ['filter', 'multicast'], Uint8Array.of(3, 0, 0, 0, 0)],
  ['network', ['filter', 'vlans'], [2, 2]],
  ['network', ['filter', 'vlans'], [4096]],
  ['network', ['switchedOff'], [1, 1]],
  ['network', ['switchedOff'], [0]],
  ['network', ['statistics', 'received'], -1],
  ['console', ['lines', 0, 'sent'], 1],
  ['console', ['lines', 0, 'size'], { columns: 0x10000, rows: 1 }],
  ['console', ['control', 'known', 0, 'ready'], true],
  ['console', ['control', 'known', 0, 'open'], true],
  ['console', ['control', 'pending'], [{ event: 5, port: 0 }]],
  ['console', ['control', 'pending'], [{ event: 0, port: 0 }]],
  ['console', ['control', 'pending'], [{ event: 1, port: 2 }]],
  ['balloon', ['inflated'], [1]],
  ['balloon', ['inflated'], refusedPages],
  ['balloon', ['reported'], [0, 2 ** 40]],
  ['balloon', ['actual'], 1],
  ['balloon', ['actualBits'], 0xff000000],
  ['balloon', ['statistics', 'values'], { freeMemory: '-1' }],
  ['balloon', ['statistics', 'values'], { more: '1' }],
  ['balloon', ['statistics', 'held'], 1],
  ['balloon', ['statistics', 'asked'], true],
  ['balloon', ['hints', 'shown'], 1],
  ['balloon', ['hints', 'within'], true],
  ['scsi', ['units'], []],
  ['scsi', ['units', 0, 'lun'], 0],
  ['scsi', ['units', 0, 'unit', 'started'], 1],
  ['scsi', ['units', 0, 'unit', 'shape', 'thin'], false],
  ['scsi', ['units', 0, 'attentions'], [{ key: 16, asc: 0, ascq: 0 }]],
  ['scsi', ['events', 'buffers'], 1],
  ['scsi', ['events', 'pending'], [{ event: 1, key: -1, reason: 0 }]],
  ['p9', ['session'], {}],
  ['p9', ['protocol'], 1],
  ['p9', ['shape', 'maxMessageBytes'], 4096],
];

describe('the state of a device', () => {
  it.each(rows)('of type %s is refused with another %j: %j', (type, place, value) => {
    const saved = new ModernGuest(makers[type]!()).device.save();
    const { device } = new ModernGuest(makers[type]!());
    const untouched = device.save();
    let part = '';
    try {
      device.load(changed(saved, ['behaviour', ...place], value));
    } catch (error) {
      if (error instanceof StateMismatchError) part = error.part;
      else throw error;
    }
    // Relations may name either side: the configuration, or the field that it has to agree with.
    expect(part).toMatch(/^device virtio-/);
    if (!part.includes('config.bytes')) expect(part).toContain(`.behaviour.${placeName(place)}`);
    expect(device.save()).toEqual(untouched);
  });

  it.each(Object.keys(makers))(
    'of type %s is refused with a field more, less, or of a newer version',
    (type) => {
      const saved = new ModernGuest(makers[type]!()).device.save();
      const { device } = new ModernGuest(makers[type]!());
      expect(() => device.load(changed(saved, ['behaviour', 'more'], 1))).toThrow('.behaviour.more: found 1');
      expect(() => device.load(changed(saved, ['behaviour', 'shape'], undefined))).toThrow(
        '.behaviour.shape',
      );
      expect(() => device.load(changed(saved, ['behaviour', 'version'], 2))).toThrow(StateVersionError);
      device.load(saved);
      expect(device.save()).toEqual(saved);
    },
  );

  it('is refused in which a settled field of the configuration is another', () => {
    const saved = new ModernGuest(makers['block']!()).device.save();
    const bytes = saved.config.bytes.slice();
    bytes[12] = 7;
    expect(() =>
      new ModernGuest(makers['block']!()).device.load(changed(saved, ['config', 'bytes'], bytes)),
    ).toThrow('device virtio-blk.config.bytes[12] (segmentMax): found 7, expected 254');
  });
});

describe('the state of a back end', () => {
  const at = (state: State, place: Place, value: State) => changed(state, place, value);
  const overlay = () => new OverlayStorage(storage(), { clusterBytes: 1024 });

  it('is refused where none can have it: an overlay', () => {
    const saved = overlay().save();
    const cluster = { index: 0, places: Uint8Array.of(0, 2), bytes: null };
    const clusters = (...list: State[]) => at(saved, ['clusters'], list);
    for (const wrong of [
      at(saved, ['shape', 'clusterBytes'], 512),
      at(saved, ['baseBytes'], 8192),
      clusters(cluster, cluster),
      clusters({ ...cluster, index: 4 }),
      clusters({ ...cluster, places: Uint8Array.of(0) }),
      clusters({ ...cluster, places: Uint8Array.of(0, 1) }),
      clusters({ ...cluster, places: Uint8Array.of(0, 3) }),
      clusters({ ...cluster, bytes: new Uint8Array(512) }),
    ])
      expect(() => overlay().load(wrong)).toThrow(StateMismatchError);
    const loaded = overlay();
    loaded.load(clusters(cluster));
    expect(loaded.changed).toEqual([{ start: 512, end: 1024 }]);
  });

  it('is refused where none can have it: a responder and its DHCP server', () => {
    const { dhcp } = new Responder();
    const saved = new Responder().save();
    const first = dhcp!.options.first;
    const leases = (...list: readonly (readonly [number, number])[]) =>
      at(
        saved,
        ['dhcp', 'leases'],
        list.map(([address, client]) => ({ address, client })),
      );
    for (const wrong of [
      at(saved, ['dhcp'], null),
      at(saved, ['counts', 'arp'], -1),
      leases([first - 1, 1]),
      leases([first, 1], [first, 2]),
      leases([first, 1], [first + 1, 1]),
    ])
      expect(() => new Responder().load(wrong)).toThrow(StateMismatchError);
    const loaded = new Responder();
    loaded.load(leases([first, 1], [first + 1, -1], [first + 2, -1]));
    expect([...(loaded.dhcp as DhcpServer).leases.keys()]).toEqual([first, first + 1, first + 2]);
  });

  it('is refused where none can have it: a clock', () => {
    const saved = new SteppedClock({ time: 5n }).save();
    for (const wrong of [
      at(saved, ['time'], '-1'),
      at(saved, ['time'], `${2n ** 64n}`),
      at(saved, ['time'], 'x'),
      at(saved, ['elapsed'], ''),
    ])
      expect(() => new SteppedClock().load(wrong)).toThrow(StateMismatchError);
    const loaded = new SteppedClock();
    loaded.load(saved);
    expect(loaded.save()).toEqual(saved);
  });

  it('is refused where none can have it: a connection to a 9P server', () => {
    const server = new P9MemoryServer({ file: new Uint8Array(1) });
    const saved = { version: 1, msize: 100, fids: [{ fid: 1, names: ['file'] }], replies: [] };
    server.check(saved, 'it');
    for (const wrong of [
      at(saved, ['msize'], 2 ** 30),
      at(saved, ['fids', 0, 'names'], ['other']),
      at(saved, ['fids'], [saved.fids[0]!, saved.fids[0]!]),
      at(saved, ['replies'], [new Uint8Array(8)]),
    ])
      expect(() => server.check(wrong, 'it')).toThrow(StateMismatchError);
  });
});
