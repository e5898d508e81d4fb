import { describe, expect, it } from 'vitest';
import { GuestTimeoutError } from '../../src/hosts/guest/errors.ts';
import { guestWindows, presentDevice } from '../../src/hosts/present/present.ts';
import { V86Board } from '../../src/hosts/v86/board.ts';
import { bootSector } from '../../src/hosts/v86/boot-sector.ts';
import { ways } from '../../src/mmr/index.ts';
import { BlockDevice, CountedStorage, MemoryStorage } from '../../src/virtio/index.ts';
import { BareFunction } from './bare-function.ts';
import { bootDisk } from './boot-disk.ts';
import { pieces, skipNote } from './support.ts';

const FLOPPY_BYTES = 1440 * 1024;
const PLACE = 3 << 3;

/** A disk whose boot sector says `text` over COM1 and stops. Text up to 400 characters. */
function talkingDisk(text: string, lengthBytes = FLOPPY_BYTES): Uint8Array {
  const disk = new Uint8Array(lengthBytes);
  const message = 0x20;
  // cld; xor ax,ax; mov ds,ax; mov si,message; mov dx,0x3f8; next: lodsb; test al,al; jz end; out dx,al; jmp next;
  // end: hlt; jmp end
  const code = [0xfc, 0x31, 0xc0, 0x8e, 0xd8, 0xbe, message, 0x7c, 0xba, 0xf8, 0x03];
  const loop = [0xac, 0x84, 0xc0, 0x74, 0x03, 0xee, 0xeb, 0xf8, 0xf4, 0xeb, 0xfd];
  disk.set([...code, ...loop]);
  disk.set(new TextEncoder().encode(text), message);
  disk.set([0x55, 0xaa], 510);
  return disk;
}

describe.skipIf(pieces === null)(`SeaBIOS in v86${skipNote}`, () => {
  it('runs a boot sector and gives functions their addresses', async () => {
    const target = { read: () => 0, write: () => {} };
    const bare = new BareFunction({
      vendorId: 0x1af4,
      deviceId: 0x10ff,
      subsystemId: 0x40,
      bars: [{ kind: 'io', lengthBytes: 64, target }],
    });
    const started = performance.now();
    const { output, firmwareLog } = await bootSector({
      pieces: pieces!,
      floppy: talkingDisk('hello\nfrom sector 0\n'),
      until: 'from sector 0',
      plug: (bus) => bare.plug(bus, PLACE),
    });
    console.log(`boot sector: ${Math.round(performance.now() - started)} ms`);
    expect(output).toEqual(['hello', 'from sector 0']);
    expect(firmwareLog.join('\n')).toContain('PCI: map device bdf=00:03.0  bar 0, addr');
    expect(bare.mappedAt(0)).toBeGreaterThan(0);
    expect(bare.configRead(0x3c, 1)).toBeGreaterThan(0);
  });

  const TEXTS = ['by number', 'the last of many', 'by cylinder, head and sector'] as const;

  // It wants ports of a legacy function.
  const bootable = guestWindows.filter((window) => window !== 'legacy-memory');

  it.each(bootable)('boots through %s, and reads more sectors with int 13h', async (window) => {
    const storage = new CountedStorage(new MemoryStorage(bootDisk(16 << 20, TEXTS)));
    const findings: string[] = [];
    const { output } = await bootSector({
      pieces: pieces!,
      until: (line) => line === TEXTS[2] || line === 'failed',
      plug: (bus) => {
        const board = new V86Board(bus);
        board.events = (event) => {
          if (event.kind === 'finding') findings.push(event.clause);
        };
        presentDevice(board, new BlockDevice({ storage }), PLACE, { window });
      },
    });
    expect(output).toEqual(['in the boot sector', ...TEXTS]);
    expect(storage.requests.read).toBeGreaterThanOrEqual(3);
    // The board hears of a host's function, too.
    const { breaks } = ways[window];
    expect(new Set(findings)).toEqual(new Set(breaks === null ? [] : [breaks]));
  });

  it('finds no disk behind a legacy block in memory', async () => {
    const storage = new CountedStorage(new MemoryStorage(bootDisk(16 << 20, TEXTS)));
    const error: unknown = await bootSector({
      pieces: pieces!,
      until: 'in the boot sector',
      timeoutMs: 4000,
      plug: (bus) =>
        presentDevice(new V86Board(bus), new BlockDevice({ storage }), PLACE, { window: 'legacy-memory' }),
    }).catch((thrown: unknown) => thrown);
    expect(String(error)).toContain('No bootable device');
    expect(storage.requests.read).toBe(0);
  });

  it('says what the firmware said where nothing boots', async () => {
    const error: unknown = await bootSector({
      pieces: pieces!,
      until: 'never',
      timeoutMs: 4000,
    }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(GuestTimeoutError);
    expect(String(error)).toContain('No bootable device');
  });
});
