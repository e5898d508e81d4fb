import { expect, it } from 'vitest';
import { GuestSide, PLACE } from '../../lab/linux/side.ts';
import type { Row } from '../../lab/protocol.ts';
import { type guestWindows, V86Board, V86Bus } from '../../src/hosts/v86/index.ts';
import { commonConfig, EntropyDevice, legacyHeader } from '../../src/virtio/index.ts';
import { fakeMachine } from '../hosts/v86/fake-machine.ts';

const PORTS_AT = 0xc000;
const MEMORY_AT = 0xd0000000;
/** Ring and buffer of a driver that is written by hand. */
const PAGE = 0x10;
const BUFFER = 0x20000;
const BUFFER_BYTES = 32;

function setUp(window: (typeof guestWindows)[number]) {
  const fake = fakeMachine();
  const board = new V86Board(new V86Bus(fake.machine));
  const side = new GuestSide(board, new EntropyDevice(), window);
  const config = (register: number, value: number) => {
    fake.select(PLACE, register);
    fake.port(0xcfc).write32(value);
  };
  return { ...fake, board, side, config };
}

/** Puts a chain with room for random bytes into a split ring, for the so many-th time. */
function fillRing(board: V86Board, size: number, count = 1): void {
  const view = new DataView(board.bus.ram.bytes.buffer, board.bus.ram.bytes.byteOffset);
  const at = PAGE * 4096;
  view.setUint32(at, BUFFER, true);
  view.setUint32(at + 8, BUFFER_BYTES, true);
  view.setUint16(at + 12, 2, true);
  view.setUint16(at + 16 * size + 2, count, true);
}

/** What the kick led to: the last write to a notification register, and all below it. */
function kick(rows: readonly Row[]): readonly Row[] {
  const { seq } = rows
    .filter(({ column, name }) => column === 'left' && name.startsWith('queueNotify'))
    .at(-1)!;
  return rows.filter(({ root }) => root === seq);
}

/** What is shown of a kick, whatever the way. */
function expectOpened(rows: readonly Row[]): void {
  const opened = kick(rows);
  const chain = opened.find(({ kind }) => kind === 'chain')!;
  expect(chain).toMatchObject({ column: 'left', place: 'queue 0' });
  expect(chain.name).toBe(`chain 0: W 0x${BUFFER.toString(16)}+${BUFFER_BYTES}`);
  const transfers = opened
    .filter(({ kind }) => kind === 'dma')
    .map(({ verb, name, value }) => [verb, name, value]);
  expect(transfers).toContainEqual(['DMA read', 'queue 0 descriptors', '16 bytes']);
  expect(transfers).toContainEqual(['DMA write', 'buffer', `${BUFFER_BYTES} bytes`]);
  expect(transfers.some(([verb, name]) => verb === 'DMA write' && name === 'queue 0 used ring')).toBe(true);
}

it.each(['io-bar', 'mmr', 'admin', 'memory-bar', 'mmr-virtual'] as const)(
  "opens a kernel's kick, and shows DMA and the host: %s",
  (window) => {
    const { board, side, config, port } = setUp(window);
    config(0x10, PORTS_AT);
    config(0x04, 0x5);
    const register = (name: keyof typeof legacyHeader) => port(PORTS_AT + legacyHeader[name].offset);
    register('deviceStatus').write8(7);
    register('queueSelect').write16(0);
    const size = register('queueSize').read16();
    register('queueAddress').write32(PAGE);
    fillRing(board, size);
    side.stream.take();
    register('queueNotify').write16(0);
    expectOpened(side.stream.take());
    const view = side.view();
    expect(side.hosted).toBe(true);
    expect(view.queues[0]).toMatchObject({ enabled: true, waiting: [] });
    expect(side.stream.take()).toEqual([]);
  },
);

it('shows the function of the guest itself where it has that, and opens its kicks', () => {
  const { board, side, config, cpu } = setUp('modern');
  const found = side.view().functions[0]!;
  expect([found.column, found.title]).toEqual(['left', expect.stringContaining('virtio-rng')]);
  for (const { index } of found.bars) config(0x10 + 4 * index, MEMORY_AT + 0x100000 * index);
  config(0x04, 0x6);
  const { tables } = side.view().functions[0]!;
  const common = tables.find(({ title }) => title.endsWith('common'))!;
  const at = Number(common.address);
  const set = (name: keyof typeof commonConfig, width: 1 | 2 | 4, value: number) =>
    board.memory.write(at + commonConfig[name].offset, width, value);
  set('deviceStatus', 1, 3);
  set('driverFeatureSelect', 4, 1);
  set('driverFeature', 4, 1);
  set('deviceStatus', 1, 11);
  set('queueSelect', 2, 0);
  set('queueSize', 2, 16);
  const ring = PAGE * 4096;
  set('queueDescriptorLow', 4, ring);
  set('queueDriverLow', 4, ring + 16 * 16);
  set('queueDeviceLow', 4, ring + 0x1000);
  set('queueEnable', 2, 1);
  set('deviceStatus', 1, 15);
  fillRing(board, 16);
  const doorbell = side
    .view()
    .functions[0]!.bars.flatMap(({ address, places }) =>
      places.filter(({ name }) => name === 'notify').map(({ offset }) => Number(address) + offset),
    )[0]!;
  side.stream.take();
  cpu.mmap_write16(doorbell, 0);
  expectOpened(side.stream.take());
  expect(side.view().functions[0]!.tables.flatMap(({ registers }) => registers)).toContainEqual(
    expect.objectContaining({ name: 'deviceStatus', value: '0x0f' }),
  );
});

it('opens no more kicks than a person reads, until the page was told', () => {
  const { board, side, config, port } = setUp('mmr');
  config(0x10, PORTS_AT);
  config(0x04, 0x5);
  const register = (name: keyof typeof legacyHeader) => port(PORTS_AT + legacyHeader[name].offset);
  register('deviceStatus').write8(3);
  register('queueAddress').write32(PAGE);
  const size = register('queueSize').read16();
  register('deviceStatus').write8(7);
  const ask = (count: number) => {
    fillRing(board, size, count);
    register('queueNotify').write16(0);
  };
  const chains = () => side.stream.take().filter(({ kind }) => kind === 'chain').length;
  chains();
  for (let i = 0; i < 100; i++) ask(i + 1);
  expect(chains()).toBe(40);
  side.breathe();
  ask(101);
  expect(chains()).toBe(1);
});
