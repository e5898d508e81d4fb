import { type Chain, descriptor, type VirtioFunction } from '../../virtio/index.ts';
import type { DeviceMutant } from './mutant.ts';
import { mutateHandling, RingParts } from './ring-parts.ts';

/** RAM of the machines that mutants run on ends here. */
const HIGH = 0x400000;

/** Something is odd with a chain, though a ring may be made so. */
function odd(chain: Chain): boolean {
  for (let i = 0; i < chain.count; i++) {
    const { address, length } = chain.segment(i);
    if (length === 0 || address + length > HIGH) return true;
  }
  return chain.head === 0xffff;
}

/** Calls `astray` where the device finds that its driver did what it must not, and before it handles an odd chain. */
function atHostility(fn: VirtioFunction, astray: (at: RingParts) => void): void {
  const { device } = fn;
  const fail = device.fail.bind(device);
  device.fail = (...what) => {
    astray(new RingParts(device.queues.services.find(({ ring }) => ring.ready)!.ring, device));
    fail(...what);
  };
  mutateHandling(fn, (chain, honest, at) => {
    if (odd(chain)) astray(at);
    honest();
  });
}

/** Handles no chain any more once it was hit, reset or not. */
function wedges(fn: VirtioFunction, by: (hit: () => void) => void): void {
  let hit = false;
  by(() => {
    hit = true;
  });
  mutateHandling(fn, (_, honest) => {
    if (!hit) honest();
  });
}

/** Devices that cannot stand what no driver may do. */
export const hostileRingMutants: readonly DeviceMutant[] = [
  {
    name: 'wedged-by-bad-ring',
    breaks: ['BF-RST-01'],
    says: 'a ring that cannot be leaves the device dead, reset or not',
    device: (fn) => wedges(fn, (hit) => atHostility(fn, hit)),
  },
  {
    name: 'wedged-by-long-chain',
    breaks: ['SPL-FRM-02', 'PKD-SG-08'],
    says: 'a chain of eight descriptors leaves the device dead, reset or not',
    device(fn) {
      let dead = false;
      mutateHandling(fn, (chain, honest) => {
        dead ||= chain.count >= 8;
        if (!dead) honest();
      });
    },
  },
  {
    name: 'bad-ring-is-written',
    breaks: ['SPL-DESC-01', 'PKD-DESC-01'],
    says: "a ring that cannot be has its driver's area written",
    device: (fn) => atHostility(fn, (at) => at.put(at.ring.addresses.get('driver'), 4, 0x77777777)),
  },
  {
    name: 'bad-table-is-written',
    breaks: ['SPL-DESC-04'],
    says: 'a ring that cannot be has a descriptor written',
    setting: 'modern',
    device: (fn) =>
      atHostility(fn, (at) => at.put(at.descriptor(1) + descriptor.length.offset, 4, 0x77777777)),
  },
];
