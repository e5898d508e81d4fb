import { fullMediation, type Mediation } from '../../mmr/index.ts';
import { linuxParentPolicy, type ParentPolicy } from '../../virtio/index.ts';

/** A position in the debates on legacy guests and vDPA, as a parent and a mediator that can be run. */
export interface Position {
  readonly name: string;
  /** The debate that it was taken in; null for what is done today. */
  readonly seed: '000' | '002' | null;
  readonly proposedBy: string;
  /** In a line. */
  readonly proposal: string;
  readonly parent: ParentPolicy;
  readonly mediation: Mediation;
  /** A program of the host's reads configuration before there is a guest, and takes it for little-endian. */
  readonly managed?: true;
}

/** A parent that asks for nothing. */
const open: ParentPolicy = {
  version1: 'optional',
  accessPlatform: 'optional',
  resetsToZero: false,
  earlyRead: 'nobody in particular',
  earlyWrite: 'nobody in particular',
  order: 'little, always',
  config: 'little',
};

/** A parent that takes drivers of virtio 1.x alone. */
const mandated: ParentPolicy = { ...open, version1: 'required', accessPlatform: 'required' };

/** A mediator that passes everything on. */
const passing: Mediation = {
  presents: 'transitional',
  legacyFeatures: 'as they are',
  addsPlatform: true,
  tells: 'at the start',
  rings: "the guest's",
  config: 'as it comes',
  refuses: 'no guest',
};

const pretending: Mediation = { ...passing, legacyFeatures: 'with VERSION_1', config: 'turned' };
const MST = 'Michael S. Tsirkin';
const JASON = 'Jason Wang';
const SI_WEI = 'Si-Wei Liu';

/** Every position, in the order of the debates; then what is done today. */
export const positions: readonly Position[] = [
  {
    name: 'mandate',
    seed: '000',
    proposedBy: JASON,
    proposal: 'the kernel refuses features without VERSION_1',
    parent: mandated,
    mediation: { ...passing, addsPlatform: false },
  },
  {
    name: 'modern-only',
    seed: '000',
    proposedBy: JASON,
    proposal: 'the hypervisor shows no legacy or transitional function on a vDPA device',
    parent: mandated,
    mediation: { ...passing, presents: 'modern', addsPlatform: false },
  },
  {
    name: 'shadow',
    seed: '000',
    proposedBy: JASON,
    proposal: 'the hypervisor mediates: configuration is turned, rings are shadowed',
    parent: mandated,
    mediation: fullMediation,
  },
  {
    name: 'pretend',
    seed: '000',
    proposedBy: `${JASON}; given up by both`,
    proposal: 'the hypervisor sets VERSION_1 for a legacy guest, whose rings the device has',
    parent: mandated,
    mediation: pretending,
  },
  {
    name: 'pretend-on-x86',
    seed: '000',
    proposedBy: MST,
    proposal: 'VERSION_1 for a legacy guest, on machines alone that are little-endian and order their stores',
    parent: mandated,
    mediation: { ...pretending, refuses: 'big-endian guests' },
  },
  {
    name: 'honest-little',
    seed: '000',
    proposedBy: MST,
    proposal: 'the card is told what the guest accepted, and takes it for a little-endian legacy driver',
    parent: open,
    mediation: { ...passing, config: 'turned' },
  },
  {
    name: 'honest-big',
    seed: '000',
    proposedBy: MST,
    proposal: 'the card takes a legacy driver for a big-endian one',
    parent: { ...open, order: 'big, always', config: 'driver' },
    mediation: passing,
  },
  {
    name: 'format-bits',
    seed: '000',
    proposedBy: MST,
    proposal:
      'bits beside features: legacy little-endian, legacy big-endian, modern; queried, then asked for',
    parent: { ...open, order: 'format bits', config: 'driver' },
    mediation: passing,
  },
  {
    name: 'ring-calls',
    seed: '000',
    proposedBy: `${JASON}, of vhost's call`,
    proposal: 'a call tells the byte order of each ring; configuration is turned by the hypervisor',
    parent: { ...open, order: 'a call for each ring' },
    mediation: { ...passing, config: 'turned' },
  },
  {
    name: 'access-platform',
    seed: '000',
    proposedBy: JASON,
    proposal: 'parents ask for ACCESS_PLATFORM, which no legacy driver has: that is mandate enough',
    parent: { ...open, accessPlatform: 'required' },
    mediation: { ...passing, addsPlatform: false },
  },
  {
    name: 'preconfigured',
    seed: '000',
    proposedBy: JASON,
    proposal: 'management reads and writes configuration little-endian, before there is any driver',
    parent: mandated,
    mediation: { ...passing, presents: 'modern', addsPlatform: false },
    managed: true,
  },
  {
    name: 'early-read',
    seed: '002',
    proposedBy: "Linux' core, as it was found",
    proposal: "who reads configuration before features is a legacy guest, in the host's byte order",
    parent: { ...open, earlyRead: 'a legacy driver', order: "the host's", config: 'driver' },
    mediation: passing,
    managed: true,
  },
  {
    name: 'early-write',
    seed: '002',
    proposedBy: SI_WEI,
    proposal: "who writes configuration before features is a legacy guest, in the host's byte order",
    parent: { ...open, earlyWrite: 'a legacy driver', order: "the host's", config: 'driver' },
    mediation: passing,
    managed: true,
  },
  {
    name: 'device-call',
    seed: '002',
    proposedBy: MST,
    proposal: "a call tells the byte order of the device's driver",
    parent: { ...open, order: 'a call', config: 'driver' },
    mediation: passing,
  },
  {
    name: 'told-legacy',
    seed: '002',
    proposedBy: MST,
    proposal: 'the hypervisor knows a legacy guest by its first access, and tells at once',
    parent: { ...open, order: 'a call', config: 'driver' },
    mediation: { ...passing, tells: 'at once' },
  },
  {
    name: 'drop-legacy',
    seed: '002',
    proposedBy: JASON,
    proposal: 'no parent knows legacy drivers; the hypervisor shows a legacy device and turns configuration',
    parent: mandated,
    mediation: pretending,
  },
  {
    name: 'reset-to-zero',
    seed: '002',
    proposedBy: SI_WEI,
    proposal: 'a parent that wants ACCESS_PLATFORM takes features of 0 all the same, as a reset',
    parent: { ...linuxParentPolicy, resetsToZero: true },
    mediation: { ...passing, addsPlatform: false },
  },
  {
    name: 'x86-legacy',
    seed: '002',
    proposedBy: SI_WEI,
    proposal: 'guests of virtio 0.9.5 on x86 are served, no other legacy ones',
    parent: open,
    mediation: { ...passing, refuses: 'big-endian guests' },
  },
  {
    name: 'linux',
    seed: null,
    proposedBy: 'Linux and QEMU',
    proposal: 'parents want ACCESS_PLATFORM, and features of 0 are set behind an early read',
    parent: linuxParentPolicy,
    mediation: { ...passing, addsPlatform: false },
  },
  {
    name: 'linux-shadow',
    seed: null,
    proposedBy: 'QEMU',
    proposal: 'shadow virtqueues, for guests with VERSION_1 and ACCESS_PLATFORM alone',
    parent: linuxParentPolicy,
    mediation: {
      ...passing,
      addsPlatform: false,
      rings: "the mediator's",
      refuses: 'legacy guests',
    },
  },
];

export const positionNames: readonly string[] = positions.map(({ name }) => name);
