import { afterEach, describe, expect, it } from 'vitest';
import { GuestTrace, type TracedAccess } from '../../src/hosts/present/trace.ts';
import { LinuxGuest } from '../../src/hosts/v86/linux-guest.ts';
import {
  BlockDevice,
  type DeviceBehaviour,
  EntropyDevice,
  MemoryStorage,
  SeededEntropy,
} from '../../src/virtio/index.ts';
import { counts, guestAccesses, sideBySide } from './bring-up.ts';
import { Lab, pciFolder } from './lab.ts';
import { pieces, skipNote, startGuest } from './support.ts';

const DEVICE = 5;
const WINDOWS = ['io-bar', 'mmr'] as const;

/** What the guest is told to do in each phase. */
type Phases = Readonly<Record<string, string>>;

const SCAN = 'echo 1 > /sys/bus/pci/rescan';
const REMOVE = `echo 1 > ${pciFolder(DEVICE)}/remove`;
const block: Phases = {
  'found and brought up': SCAN,
  'read four times': 'dd if=/dev/vda of=/dev/null bs=4k count=4 iflag=direct 2>/dev/null',
  'written with a flush': 'dd if=/dev/zero of=/dev/vda bs=4k count=1 oflag=direct conv=fsync 2>/dev/null',
  'shut down': REMOVE,
};

describe.skipIf(pieces === null)(`A whole life of a function under Linux${skipNote}`, () => {
  let guest: LinuxGuest | undefined;
  afterEach(() => guest?.destroy());

  /** Lets a fresh guest go through the phases. @returns its accesses in each. */
  async function observe(
    start: () => Promise<LinuxGuest>,
    behaviour: DeviceBehaviour,
    window: (typeof WINDOWS)[number],
    phases: Phases,
  ): Promise<TracedAccess[][]> {
    guest = await start();
    const lab = new Lab(guest);
    const trace = new GuestTrace(lab.board, [lab.present(behaviour, DEVICE, window)]);
    const ends: number[] = [];
    for (const command of Object.values(phases)) {
      await lab.sh(command);
      ends.push(trace.count);
    }
    const accesses = [...trace.accesses()];
    await guest.destroy();
    return ends.map((end, index) => accesses.slice(ends[index - 1] ?? 0, end));
  }

  it.each([
    {
      name: 'a disk that interrupts by a line',
      file: 'block-line.txt',
      start: startGuest,
      device: () => new BlockDevice({ storage: new MemoryStorage(new Uint8Array(1 << 20)) }),
      phases: block,
    },
    {
      name: 'a disk that interrupts by messages',
      file: 'block-messages.txt',
      start: () => LinuxGuest.start({ pieces: pieces!, acpi: true }),
      device: () => new BlockDevice({ storage: new MemoryStorage(new Uint8Array(1 << 20)) }),
      phases: block,
    },
    {
      name: 'a source of random bytes',
      file: 'entropy-line.txt',
      start: startGuest,
      device: () => new EntropyDevice({ source: new SeededEntropy(1) }),
      phases: {
        'found and brought up': `${SCAN}; sleep 1`,
        'shut down': REMOVE,
      },
    },
  ])(
    'is the same whether the host has an I/O BAR or an MMR block: $name',
    async ({ file, start, device, phases }) => {
      const traces: TracedAccess[][][] = [];
      for (const window of WINDOWS) traces.push(await observe(start, device(), window, phases));
      const [ioBar, mmr] = traces.map((phase) => phase.map(guestAccesses));
      expect(mmr).toEqual(ioBar);
      const summary = [
        `guest | host, ${WINDOWS.join(' | host, ')}`,
        ...Object.keys(phases).flatMap((phase, index) =>
          sideBySide(
            phase,
            traces.map((each) => each[index]!),
          ),
        ),
        ...counts(ioBar!.flat()),
        '',
      ];
      await expect(summary.join('\n')).toMatchFileSnapshot(`../golden/linux/${file}`);
    },
  );
});
