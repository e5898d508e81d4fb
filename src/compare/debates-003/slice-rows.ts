import { DmaDomain, GuestMemory } from '../../core/index.ts';
import { BlockDriver, DmaMemory, openTransport, runFirmware } from '../../driver/index.ts';
import {
  BlockParent,
  type Composition,
  composeWindows,
  compositionOperations,
  diskSlices,
  NoInstanceLeftError,
  runComposition,
  SliceUseError,
} from '../../mmr/index.ts';
import { Machine } from '../../pci/index.ts';
import type { DebateFacts, DebateRow } from '../debate-row.ts';

const DISK = diskSlices(1);
const SMALL = { requestBytes: 512, depth: 1 };
const mdev = 'npm start -- mdev';

const driverOf = (guest: Machine, memory = new DmaMemory(guest.ram, 0x10000)) =>
  new BlockDriver(openTransport(guest, BlockParent.SLICE), memory, SMALL);

/** A parent, and a slice that was made. */
function parentOf(queues = 8): { readonly lab: BlockParent; readonly uuid: string } {
  const lab = new BlockParent({ queues, types: [DISK] });
  return { lab, uuid: lab.parent.create(DISK.name, BlockParent.uuid(1)).uuid };
}

async function composition(name: Composition): Promise<DebateFacts> {
  const counts = await runComposition(name);
  const sum = (of: 'exits' | 'transitions' | 'calls' | 'kernelInputs') =>
    compositionOperations.reduce((total, operation) => total + counts[operation][of], 0);
  return {
    cost: `${sum('exits')} exits, ${sum('transitions')} transitions between kernel and process, ${sum('kernelInputs')} values of the guest that the kernel makes sense of, for bring-up, a request, a mask and a reset; of them ${counts.request.exits} exits and ${counts.request.transitions} transitions are the request's`,
    breaks: 'nothing',
    verdict: name === 'kernel' ? 'works' : 'works with limits',
  };
}

async function unchangedDriver(): Promise<DebateFacts> {
  const { lab, uuid } = parentOf();
  const bytes = await driverOf(lab.guestOf(uuid)).read(0, 1);
  return {
    cost: `${DISK.queues} queues and slots of the parent, and a PASID, for each slice; ${bytes.length} bytes read by a driver that knows of none of it`,
    breaks: 'nothing',
    verdict: 'works',
  };
}

async function interrupts(posted: boolean): Promise<DebateFacts> {
  const { lab, uuid } = parentOf();
  const driver = driverOf(lab.guestOf(uuid, { posted }));
  for (let n = 0; n < 8; n++) await driver.read(n, 1);
  const { delivered, posted: past } = lab.parent.slice(uuid).counts;
  return {
    cost: `8 requests: ${delivered} handlers of the host ran, ${past} messages went past them`,
    breaks: 'nothing',
    verdict: 'works',
  };
}

function hostsOwn(): DebateFacts {
  const { lab } = parentOf(20_002);
  const { parent } = lab;
  const [before, giveBack] = [parent.available(DISK.name), parent.reserve(10_000)];
  const during = parent.available(DISK.name);
  let refused = 0;
  try {
    parent.reserve(10_001);
  } catch (error) {
    if (!(error instanceof NoInstanceLeftError)) throw error;
    refused++;
  }
  giveBack();
  return {
    cost: `${before} instances, ${during} while the host has 10000 queues for devices of its own, ${parent.available(DISK.name)} after; ${refused} reservation of more was refused`,
    breaks:
      'the queues that the host keeps are no devices: what stands behind them is for another part of the kernel to say',
    verdict: 'works with limits',
  };
}

function oneToOne(): DebateFacts {
  const { lab, uuid } = parentOf();
  lab.guestOf(uuid);
  let refused = 0;
  try {
    lab.guestOf(uuid);
  } catch (error) {
    if (!(error instanceof SliceUseError)) throw error;
    refused++;
  }
  const others = [2, 3, 4].map((n) => lab.guestOf(lab.parent.create(DISK.name, BlockParent.uuid(n)).uuid));
  return {
    cost: `${1 + others.length} guests of one parent, a slice each`,
    breaks: `a slice that was opened is nobody else's: ${refused} of 1 further openings is refused`,
    verdict: 'works with limits',
  };
}

/** Bus addresses of a guest's are so much higher than those of its memory. */
const SHIFT = 0x4000_0000;

async function translationApart(): Promise<DebateFacts> {
  const { lab, uuid } = parentOf();
  const guest = new Machine({ ram: GuestMemory.allocate({ start: 0, length: 1 << 20 }) });
  const guests = [{ start: SHIFT, length: 1 << 20, write: true, target: 0 }];
  const hosts = [{ start: 0, length: 1 << 19, write: true }];
  const domain = new DmaDomain(guest.ram, composeWindows(guests, hosts));
  lab.parent.attach(uuid, guest, BlockParent.SLICE, { domain });
  runFirmware(guest);
  const memory = DmaMemory.translated(guest.ram, 0x10000, 0x40000, SHIFT);
  const bytes = await driverOf(guest, memory).read(0, 1);
  const beyond = domain.reaches(SHIFT + (1 << 19), 1, false);
  return {
    cost: `${domain.windows.length} window of the guest's translation behind its host's, made without a device and given to one: ${bytes.length} bytes read through it`,
    breaks: beyond ? 'the guest reaches more than its host lets it' : 'nothing',
    verdict: beyond ? 'breaks' : 'works',
  };
}

/** What was said about slices, and where they are emulated. */
export const sliceRows: readonly DebateRow[] = [
  {
    id: 'mdev-over-vfio',
    seed: '003',
    proposal: 'a share of a device is passed through by the interface that guests and VMMs have already',
    proposedBy: 'Kevin Tian',
    usableBy: 'every guest with a driver for the function that it is shown',
    run: unchangedDriver,
    command: 'npx vitest run test/mmr/mediated/slices.test.ts',
  },
  {
    id: 'emulation-in-the-kernel',
    seed: '003',
    proposal:
      "configuration space and BARs are emulated beside the parent's driver; some emulation is fine there",
    proposedBy: 'Dave Jiang, Kevin Tian, Alex Williamson',
    usableBy: 'VMMs as they are',
    run: () => composition('kernel'),
    command: mdev,
  },
  {
    id: 'emulation-in-a-process',
    seed: '003',
    proposal:
      "the emulation is a process's, over the interface of user space that the parent's driver has; vfio-user may be that",
    proposedBy: 'Jason Gunthorpe, Alex Williamson (vfio-user)',
    usableBy: 'VMMs that bring the emulation, for each kind of parent',
    run: () => composition('user'),
    command: mdev,
  },
  {
    id: 'delivered-interrupts',
    seed: '003',
    proposal: "a slice's interrupts are the host's, which tells the guest",
    proposedBy: 'Jason Gunthorpe (interrupts are trivial to connect)',
    usableBy: 'every host',
    run: () => interrupts(false),
    command: mdev,
  },
  {
    id: 'posted-interrupts',
    seed: '003',
    proposal: "a slice's interrupts go past the host's handlers, which takes an interface to set it up",
    proposedBy: 'Kevin Tian',
    usableBy: 'hosts whose IOMMU knows guests by PASID',
    run: () => interrupts(true),
    command: `${mdev} --posted`,
  },
  {
    id: 'kernel-devices-beside-slices',
    seed: '003',
    proposal: 'of 10,000 instances the host takes a part for network devices of its own, and fewer are left',
    proposedBy: 'Jason Wang (asks), Kevin Tian (answers)',
    usableBy: "the parent's driver",
    run: hostsOwn,
    command: 'npx vitest run test/mmr/mediated/slices.test.ts',
  },
  {
    id: 'many-users-of-one-parent',
    seed: '003',
    proposal: 'one device has many users, each of whom opens a slice',
    proposedBy: 'Paolo Bonzini (for), Jason Gunthorpe (wants one file that is opened often)',
    usableBy: 'as many guests as there are slices',
    run: oneToOne,
    command: 'npx vitest run test/mmr/mediated/slices.test.ts',
  },
  {
    id: 'translations-apart-from-vfio',
    seed: '003',
    proposal: 'what translates is made by itself, and handed to whatever interface a device is used by',
    proposedBy: 'Jason Gunthorpe, Jason Wang',
    usableBy: 'every user of every kind of slice',
    run: translationApart,
    command: 'npx vitest run test/mmr/mediated/work-queues.test.ts',
  },
];
