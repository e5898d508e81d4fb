import { describe, expect, it, test } from 'vitest';
import type { TranslatedWayName } from '../../../../src/mmr/index.ts';
import { DiskUnit, MemoryStorage, ScsiDevice } from '../../../../src/virtio/index.ts';
import { Pair } from '../../../mmr/support.ts';
import { LegacyGuest } from '../../support/guests.ts';
import { legacyParts, RawRing } from '../../support/ring.ts';
import { hex, image, outcomeOf, pattern, type RawCommand, RawScsi } from './support.ts';

const ANY_LAYOUT = 2 ** 27;
const READ_ONE = [0x28, 0, 0, 0, 0, 5, 0, 0, 1, 0];
const WRITE_ONE = [0x2a, 0, 0, 0, 0, 7, 0, 0, 1, 0];
const INQUIRY = [0x12, 0, 0, 0, 36, 0];
const QUEUES = [0, 1, 2];

type Endian = 'little' | 'big';

const host = () => {
  const storage = new MemoryStorage(image(64));
  const unit = new DiskUnit({ storage });
  return { storage, behaviour: new ScsiDevice({ units: [{ target: 0, lun: 0, unit }], queueSize: 64 }) };
};

/** A driver at a plain legacy function. */
function plain(guestEndian: Endian, features: number, kind: 'legacy' | 'transitional') {
  const { storage, behaviour } = host();
  const guest = new LegacyGuest(behaviour, { guestEndian, kind });
  return { storage, scsi: new RawScsi(guest, guest.start(features, QUEUES)), clauses: () => guest.clauses() };
}

/** A driver behind the translator. */
function translated(guestEndian: Endian, features: number, way: TranslatedWayName) {
  const { storage, behaviour } = host();
  const pair = new Pair(behaviour, { way, guestEndian });
  pair.set('deviceStatus', 3);
  pair.set('driverFeatures', features);
  const rings = QUEUES.map((queue) => {
    const page = 0x10 + 0x10 * queue;
    pair.set('queueSelect', queue);
    pair.set('queueAddress', page);
    return new RawRing(pair.ram, 64, legacyParts(page, 64), guestEndian === 'little');
  });
  pair.set('deviceStatus', 7);
  const clauses = () => {
    const found = pair.hostEvents.flatMap((event) => (event.kind === 'finding' ? [event.clause] : []));
    pair.hostEvents.length = 0;
    return found;
  };
  const guest = {
    machine: pair.guest,
    device: pair.function.device,
    kick: (queue: number) => pair.set('queueNotify', queue),
    clauses,
  } as unknown as LegacyGuest;
  return { storage, scsi: new RawScsi(guest, rings), clauses };
}

const ways = {
  legacy: (endian: Endian, features: number) => plain(endian, features, 'legacy'),
  transitional: (endian: Endian, features: number) => plain(endian, features, 'transitional'),
  'io-bar': (endian: Endian, features: number) => translated(endian, features, 'io-bar'),
  mmr: (endian: Endian, features: number) => translated(endian, features, 'mmr'),
};

/** A request whose headers take up more bytes than they have. */
function padded(scsi: RawScsi, command: RawCommand, header: number, response: number) {
  const { cdb, out = new Uint8Array(), inBytes = 0 } = command;
  const bytes = new Uint8Array(header + out.length).fill(0xa5);
  bytes.set(scsi.request({ cdb }), 0);
  bytes.set(out, header);
  const ring = scsi.rings[2]!;
  scsi.expose(
    2,
    0,
    bytes,
    [header, ...(out.length === 0 ? [] : [out.length])],
    [response, ...(inBytes === 0 ? [] : [inBytes])],
  );
  const written = scsi.written(0, response + inBytes);
  return {
    ...scsi.answer({}),
    padding: written.subarray(108, response),
    data: written.subarray(response),
    used: ring.used(1)[0]![1],
  };
}

describe.each(Object.keys(ways) as (keyof typeof ways)[])('LEG-SCSI-06: without ANY_LAYOUT, %s', (way) => {
  describe.each(['little', 'big'] as const)('%s-endian', (endian) => {
    const begin = (features = 0) => {
      const lab = ways[way](endian, features);
      lab.scsi.do({ cdb: [0, 0, 0, 0, 0, 0] });
      lab.clauses();
      return lab;
    };

    // SeaBIOS 1.7.0 to 1.7.2: gcc pads the structure of 51 bytes to 52 where 64-bit numbers are aligned to 4, to 56 elsewhere.
    test.each([
      [51, 108],
      [52, 108],
      [56, 108],
      [64, 108],
      [51, 112],
      [52, 112],
      [563, 620],
    ])('data begin behind the first descriptor of %d bytes, and of %d', (header, response) => {
      const { scsi, storage, clauses } = begin();
      const inquiry = padded(scsi, { cdb: INQUIRY, inBytes: 36 }, header, response);
      expect([outcomeOf(inquiry), inquiry.residual]).toEqual(['good', 0]);
      expect(hex(inquiry.data.subarray(8, 15))).toBe(hex(new TextEncoder().encode('VIRTLAB')));
      expect(inquiry.padding.every((byte) => byte === 0xee)).toBe(true);
      // SPL-USED-02: what was written from the first byte on, and no further than a gap.
      expect(inquiry.used).toBe(response === 108 ? 108 + 36 : 108);

      const write = padded(scsi, { cdb: WRITE_ONE, out: pattern(1) }, header, response);
      expect([outcomeOf(write), write.residual]).toEqual(['good', 0]);
      expect(hex(storage.bytes.subarray(7 * 512, 8 * 512))).toBe(hex(pattern(1)));
      expect(hex(storage.bytes.subarray(0, 7 * 512))).toBe(hex(image(7)));

      const read = padded(scsi, { cdb: READ_ONE, inBytes: 512 }, header, response);
      expect([outcomeOf(read), read.residual]).toEqual(['good', 0]);
      expect(hex(read.data)).toBe(hex(image(64).subarray(5 * 512, 6 * 512)));

      const none = padded(scsi, { cdb: [0, 0, 0, 0, 0, 0] }, header, response);
      expect([outcomeOf(none), none.residual, none.used]).toEqual(['good', 0, 108]);
      expect(new Set(clauses())).toEqual(new Set(header === 51 && response === 108 ? [] : ['LEG-SCSI-06']));
    });

    it('what is missing is an overrun, and no byte of the padding makes up for it', () => {
      const { scsi, storage } = begin();
      const short = padded(scsi, { cdb: WRITE_ONE, out: pattern(1).subarray(1) }, 52, 108);
      expect([outcomeOf(short), short.residual]).toEqual(['response 1', 511]);
      expect(hex(storage.bytes.subarray(7 * 512, 8 * 512))).toBe(hex(image(64).subarray(7 * 512, 8 * 512)));
      expect(outcomeOf(padded(scsi, { cdb: READ_ONE, inBytes: 511 }, 51, 109))).toBe('response 1');
    });

    it('header and data in one descriptor, or a header in pieces, are served all the same', () => {
      const { scsi, storage } = begin();
      const joined = { cdb: WRITE_ONE, out: pattern(1), readableCuts: [51 + 512] };
      expect(scsi.outcome(joined)).toBe('good');
      expect(hex(storage.bytes.subarray(7 * 512, 8 * 512))).toBe(hex(pattern(1)));
      const read = scsi.do({ cdb: READ_ONE, inBytes: 512, writableCuts: [620], readableCuts: [19, 32] });
      expect([outcomeOf(read), hex(read.data)]).toEqual(['good', hex(image(64).subarray(5 * 512, 6 * 512))]);
    });

    it('with it, every byte behind the header is data, however it is cut', () => {
      const { scsi, storage } = begin(ANY_LAYOUT);
      const out = pattern(1);
      const cut = { cdb: WRITE_ONE, out, readableCuts: [52, 511] };
      expect([scsi.outcome(cut), hex(storage.bytes.subarray(7 * 512, 8 * 512))]).toEqual(['good', hex(out)]);
    });
  });
});

test('LEG-SCSI-06: sizes that the driver wrote count for the first descriptor, too', () => {
  const { scsi, storage } = plain('little', 0, 'transitional');
  scsi.do({ cdb: [0, 0, 0, 0, 0, 0] });
  const { little } = scsi.guest.device.config;
  little.write(20, 4, 18);
  little.write(24, 4, 12);
  const request = scsi.request({ cdb: WRITE_ONE, cdbSize: 12 });
  const bytes = new Uint8Array(32 + 512);
  bytes.set(request);
  bytes.set(pattern(1), 32);
  scsi.expose(2, 0, bytes, [32, 512], [30]);
  expect(outcomeOf(scsi.answer({ senseSize: 18 }))).toBe('good');
  expect(hex(storage.bytes.subarray(7 * 512, 8 * 512))).toBe(hex(pattern(1)));
});
