import { setCommand } from '../../../../src/driver/index.ts';
import { EntropyDevice, feature } from '../../../../src/virtio/index.ts';
import { SLOT } from '../../../pci/support.ts';
import type { Lab, LabBuffer } from '../support/lab.ts';
import { type Seed, seeds } from './seed.ts';

const entropy = () => new EntropyDevice();
const split = seeds(entropy);
const packed = seeds(entropy, { features: [feature.ringPacked] });
const legacy = seeds(entropy, { speaks: 'legacy' });
const legacyBare = seeds(entropy, { speaks: 'legacy', bare: true });
const room = (length = 64, more: Partial<LabBuffer> = {}): LabBuffer => ({ length, write: true, ...more });
const TABLE = 0x280000;

/** A device that is never let to work: what is made available stays in flight. */
const idle = (lab: Lab) => setCommand(lab.machine, SLOT, 0, 4);
const [NEXT, WRITE, INDIRECT] = [1, 2, 4];

/** Writes an indirect table and offers it. */
function table(
  lab: Lab,
  entries: readonly (readonly [flags: number, next: number, length?: number])[],
  length = 16 * entries.length,
): void {
  for (const [i, [flags, next, bytes = 16]] of entries.entries())
    lab.describe(TABLE, i, 0x290000 + 4096 * i, bytes, flags, next);
  lab.post(0, [{ address: TABLE, length, flags: INDIRECT }]);
}
const tabled = { features: [feature.ringIndirectDescriptors] };
const packedTabled = { features: [feature.ringPacked, feature.ringIndirectDescriptors] };

/** Split and packed rings, legacy ones among them. */
export const ringSeeds: readonly Seed[] = [
  split(
    'split-loop',
    'a chain that comes back',
    (lab) => void lab.post(0, [room(64, { flags: NEXT | WRITE, next: 0 })]),
  ),
  split(
    'split-outside',
    'a chain out of its table',
    (lab) => void lab.post(0, [room(64, { flags: NEXT | WRITE, next: 99 })]),
  ),
  split('split-table-length', 'a table of half a descriptor', (lab) => table(lab, [[WRITE, 0]], 24), tabled),
  split('split-nested', 'a table in a table', (lab) => table(lab, [[INDIRECT, 0]]), tabled),
  split(
    'split-indirect-and-next',
    'INDIRECT and NEXT',
    (lab) => void lab.post(0, [{ address: TABLE, length: 16, flags: INDIRECT | NEXT, next: 1 }, room()]),
    tabled,
  ),
  split('split-head-outside', 'a head that is none', (lab) => {
    lab.offer(0, 99);
    lab.kick(0);
  }),
  split(
    'split-too-long',
    'more than 2^32 bytes',
    (lab) =>
      void lab.post(0, [room(0xffffffff, { address: 0x100000 }), room(0xffffffff, { address: 0x100000 })]),
  ),
  split(
    'split-more-than-queue',
    'more buffers than descriptors',
    (lab) =>
      table(
        lab,
        Array.from({ length: 17 }, (_, i): [number, number] => (i < 16 ? [NEXT | WRITE, i + 1] : [WRITE, 0])),
      ),
    tabled,
  ),
  split('split-misordered', 'readable behind writable', (lab) => void lab.post(0, [room(), { bytes: [1] }])),
  split('split-indirect-unasked', 'a table without its feature', (lab) => table(lab, [[WRITE, 0]])),
  split(
    'split-order',
    'a chain that jumps, with IN_ORDER',
    (lab) => {
      lab.describe(lab.areas(0)[0], 5, 0x290000, 16, WRITE, 0);
      lab.post(0, [room(16, { flags: NEXT | WRITE, next: 5 })]);
    },
    { features: [feature.inOrder] },
  ),
  split(
    'split-table-order',
    'a table that jumps, with IN_ORDER',
    (lab) =>
      table(lab, [
        [NEXT | WRITE, 2],
        [WRITE, 0],
        [NEXT | WRITE, 1],
      ]),
    { features: [feature.inOrder, feature.ringIndirectDescriptors] },
  ),
  split(
    'buffer-out-of-reach',
    'a buffer outside memory',
    (lab) => void lab.post(0, [room(64, { address: 0xf0000000 })]),
  ),
  split('split-index-back', 'the index goes back', (lab) => {
    lab.post(0, [room()]);
    lab.view(lab.areas(0)[1]).setUint16(2, 0, true);
    lab.kick(0);
  }),
  split('split-changed-in-flight', 'a descriptor is changed in flight', (lab) => {
    idle(lab);
    lab.post(0, [room()]);
    lab.view(lab.areas(0)[0]).setUint32(8, 4096, true);
    lab.post(0, [room()]);
    lab.kick(0);
  }),
  split('split-offered-again', 'a head is offered twice', (lab) => {
    idle(lab);
    lab.post(0, [room()]);
    lab.offer(0, 0);
    lab.kick(0);
  }),
  split('split-flags', 'flags that are none', (lab) => {
    lab.view(lab.areas(0)[1]).setUint16(0, 2, true);
    lab.post(0, [room()]);
  }),
  split(
    'split-flags-with-event-index',
    'flags with EVENT_IDX',
    (lab) => {
      lab.view(lab.areas(0)[1]).setUint16(0, 1, true);
      lab.post(0, [room()]);
    },
    { features: [feature.ringEventIndex] },
  ),
  split('split-used-not-zeroed', 'the used ring is not zeroed', (lab) => {
    lab.view(lab.areas(0)[2]).setUint16(0, 0xabcd, true);
    lab.post(0, [room()]);
  }),
  split('split-used-index-not-zeroed', 'the used index is not zeroed', (lab) => {
    idle(lab);
    lab.view(lab.areas(0)[2]).setUint16(2, 0xabcd, true);
    lab.post(0, [room()]);
  }),
  split('kick-suppressed-by-flag', 'kicks that nobody wants', (lab) => {
    idle(lab);
    lab.post(0, [room()]);
    lab.view(lab.areas(0)[2]).setUint16(0, 1, true);
    lab.post(0, [room()]);
    lab.post(0, [room()]);
  }),
  split(
    'kick-suppressed-by-event',
    'kicks before the index that is waited for',
    (lab) => {
      idle(lab);
      lab.view(lab.areas(0)[2]).setUint16(4 + 8 * 16, 9, true);
      for (let i = 0; i < 3; i++) lab.post(0, [room()]);
    },
    { features: [feature.ringEventIndex] },
  ),
  packed('kick-suppressed-packed', 'kicks of a packed ring that nobody wants', (lab) => {
    idle(lab);
    lab.view(lab.areas(0)[2]).setUint16(2, 1, true);
    lab.post(0, [room()]);
    lab.post(0, [room()]);
    lab.post(0, [room()]);
  }),
  split('no-kick', 'no kick', (lab) => {
    lab.post(0, [room()]);
    lab.post(0, [room()], false);
  }),
  packed('packed-list-too-long', 'a list that never ends', (lab) => {
    idle(lab);
    lab.post(
      0,
      Array.from({ length: 16 }, () => room(64, { flags: NEXT | WRITE | 0x80 })),
    );
  }),
  packed(
    'packed-half-available',
    'a list that is not whole',
    (lab) => void lab.post(0, [room(64, { flags: NEXT | WRITE | 0x80 })]),
  ),
  packed(
    'packed-table-length',
    'a table of half a descriptor',
    (lab) => void lab.post(0, [{ address: TABLE, length: 24, flags: INDIRECT | 0x80 }]),
    packedTabled,
  ),
  packed(
    'packed-table-flags',
    'NEXT in a table',
    (lab) => {
      lab.view(TABLE).setUint16(14, NEXT | WRITE, true);
      lab.post(0, [{ address: TABLE, length: 16, flags: INDIRECT | 0x80 }]);
    },
    packedTabled,
  ),
  packed(
    'packed-indirect-in-list',
    'a table in a list',
    (lab) =>
      void lab.post(0, [
        room(64, { flags: NEXT | WRITE | 0x80 }),
        { address: TABLE, length: 16, flags: INDIRECT | 0x80 },
      ]),
    packedTabled,
  ),
  packed(
    'packed-indirect-unasked',
    'a table without its feature',
    (lab) => void lab.post(0, [{ address: TABLE, length: 16, flags: INDIRECT | 0x80 }]),
  ),
  packed(
    'packed-misordered',
    'readable behind writable',
    (lab) => void lab.post(0, [room(), { bytes: [1] }]),
  ),
  packed(
    'packed-long-table',
    'a table of more than the queue has',
    (lab) => {
      for (let i = 0; i < 17; i++) lab.view(TABLE + 16 * i).setUint16(14, WRITE, true);
      lab.post(0, [{ address: TABLE, length: 16 * 17, flags: INDIRECT | 0x80 }]);
    },
    packedTabled,
  ),
  packed('packed-no-room', 'a list with no room', (lab) => {
    idle(lab);
    lab.post(
      0,
      Array.from({ length: 7 }, () => room()),
    );
    lab.post(0, [room(64, { flags: NEXT | WRITE | 0x80 }), room(64, { flags: WRITE | 0x8000 })]);
  }),
  packed('packed-id-again', 'an id twice', (lab) => {
    idle(lab);
    lab.post(0, [room()]);
    lab.post(0, [room(64, { next: 0 })]);
  }),
  packed('packed-changed-in-flight', 'a descriptor is changed in flight', (lab) => {
    idle(lab);
    lab.post(0, [room()]);
    lab.view(lab.areas(0)[0]).setUint32(8, 4096, true);
    lab.kick(0);
    lab.kick(0);
    lab.kick(0);
  }),
  packed('packed-event-flags-reserved', 'event flags 3', (lab) => {
    lab.view(lab.areas(0)[1]).setUint16(2, 3, true);
    lab.post(0, [room()]);
  }),
  packed('packed-not-zeroed', 'the ring is not zeroed', (lab) => {
    lab.view(lab.areas(0)[0] + 16 * 5).setUint16(14, 0x8080, true);
    lab.post(0, [room()]);
  }),
  packed(
    'packed-nothing-available',
    'the wrong wrap counter at first',
    (lab) => void lab.post(0, [room(64, { flags: WRITE | 0x8000 })]),
  ),
  packed('packed-wrap-counter', 'the wrap counter is forgotten', (lab) => {
    for (let i = 0; i < 8; i++) lab.post(0, [room()]);
    lab.post(0, [room(64, { flags: WRITE | 0x80 })]);
  }),
  legacy('legacy-queue-size-written', 'the queue size is written', (lab) => lab.set('queueSize', 8)),
  legacy('legacy-read-only-written', 'device features are written', (lab) => lab.set('deviceFeatures', 0)),
  legacy('legacy-register-width', 'a byte of the queue size', (lab) => void lab.get('queueSize', 1)),
  legacyBare('legacy-queue-size-not-read', 'a size that was not read', (lab) => {
    lab.toFeatures();
    lab.set('queueSelect', 0);
    lab.set('queueAddress', 0x100);
  }),
  legacy('legacy-absent-queue', 'an address for no queue', (lab) => {
    lab.set('queueSelect', 5);
    lab.get('queueSize');
    lab.set('queueAddress', 0x100);
  }),
  legacy('legacy-queue-moved', 'a queue is moved', (lab) => lab.set('queueAddress', 0x200)),
  legacyBare('legacy-queue-before-driver', 'a queue before DRIVER', (lab) => {
    lab.reset();
    lab.status(1);
    lab.setUp(0);
  }),
  legacyBare('legacy-queue-before-features', 'a queue before features', (lab) => {
    lab.reset();
    lab.status(1);
    lab.status(3);
    lab.setUp(0);
  }),
  legacy('legacy-ring-out-of-reach', 'a page outside memory', (lab) => {
    lab.set('queueAddress', 0xf0000);
    lab.kick(0);
  }),
  legacy('legacy-own-queue-size', 'a size of its own', (lab) => {
    const [base] = lab.areas(0);
    lab.describe(base, 0, 0x290000, 64, WRITE, 0);
    lab.view(base + 16 * 4).setUint16(2, 1, true);
    lab.kick(0);
  }),
  legacy('legacy-ring-off-page', 'a ring off its page', (lab) => {
    const [base, driver] = lab.areas(0);
    lab.describe(base + 0x40, 0, 0x290000, 64, WRITE, 0);
    lab.view(driver + 0x40).setUint16(2, 1, true);
    lab.kick(0);
  }),
  legacy('legacy-ring-byte-order', 'the other byte order', (lab) => {
    const [base, driver] = lab.areas(0);
    const view = lab.view(base);
    view.setUint32(4, 0x290000);
    view.setUint32(8, 64);
    view.setUint16(12, WRITE);
    lab.view(driver).setUint16(2, 1);
    lab.kick(0);
  }),
  legacy('legacy-nothing-in-ring', 'nothing in the ring', (lab) => lab.kick(0)),
  legacy(
    'legacy-buffer-in-ring',
    'a buffer in the ring',
    (lab) => void lab.post(0, [room(64, { address: lab.areas(0)[2] })]),
  ),
  legacy('legacy-gave-up-on-used', 'gives up on what was used', (lab) => {
    lab.post(0, [room()]);
    lab.status(0x87);
  }),
  legacy('legacy-config-at-20', 'configuration at the vectors', (lab) => {
    const { capabilities } = lab.fn;
    const at = capabilities.find(({ id }) => id === 0x11)!.offset;
    lab.bus.configRead(SLOT, at + 2, 2);
    lab.bus.configWrite(SLOT, at + 2, 2, 0x8000);
    lab.at('legacy', 20, 4);
  }),
];
