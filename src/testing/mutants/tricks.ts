import type { Chain, DeviceBehaviour, VirtioDevice, VirtioFunction } from '../../virtio/index.ts';
import { LEGACY_CONFIG_OFFSET, LEGACY_CONFIG_OFFSET_MSIX } from '../../virtio/layout/index.ts';
import type { BusLies, MutantAccess } from './mutant.ts';

/*
 * Ways in which mutants are wrong. Each changes the parts of one function, before any driver has touched it.
 */

/** The device's type sees something of its device otherwise; everybody else sees it as it is. */
export function seesOtherwise(
  { device }: VirtioFunction,
  { behaviour }: { readonly behaviour: DeviceBehaviour },
  lies: Readonly<Record<string, () => unknown>>,
): void {
  behaviour.attach(
    new Proxy(device, {
      get(_, name) {
        const lie = lies[String(name)];
        if (lie !== undefined) return lie();
        const value: unknown = Reflect.get(device, name, device);
        return typeof value === 'function' ? value.bind(device) : value;
      },
    }),
  );
}

/** The device's type takes legacy drivers for big-endian ones. */
export const readsBackwards = (fn: VirtioFunction, sample: { readonly behaviour: DeviceBehaviour }): void =>
  seesOtherwise(fn, sample, { littleEndian: () => !fn.device.legacyDriver });

/** Before a chain is handed back: what the device makes of it, and the used length that it gets instead. */
export function beforeCompletion(
  { device }: VirtioFunction,
  edit: (chain: Chain, length: number, device: VirtioDevice) => number | undefined,
): void {
  const complete = device.complete.bind(device);
  device.complete = (chain, length, lingers) => {
    complete(chain, edit(chain, length, device) ?? length, lingers);
  };
}

/** A chain's first readable bytes. */
export function readableOf(chain: Chain, length: number): Uint8Array {
  const bytes = new Uint8Array(Math.min(length, chain.readableBytes));
  chain.read(0, bytes, 0, bytes.length);
  return bytes;
}

/** A chain's writable bytes, as they stand. */
export function writtenOf({ device }: VirtioFunction, chain: Chain): Uint8Array {
  const bytes = new Uint8Array(chain.writableBytes);
  let at = 0;
  for (let i = chain.readableCount; i < chain.count; i++) {
    const { address, length } = chain.segment(i);
    device.dma!.read(address, bytes, at, length);
    at += length;
  }
  return bytes;
}

/** The device's type takes features for accepted that were not, or the other way round. */
export function takesForAccepted(
  { device }: VirtioFunction,
  judge: (bit: number, accepted: boolean) => boolean,
): void {
  const has = device.has.bind(device);
  device.has = (bit) => judge(bit, has(bit));
}

/** Where in the type's configuration an access begins, in bytes; -1 for one to anything else. With MSI-X or without, 24 or 20. */
export function configOffset({ place, offset }: MutantAccess, msix = true): number {
  if (place === 'device') return offset;
  const start = msix ? LEGACY_CONFIG_OFFSET_MSIX : LEGACY_CONFIG_OFFSET;
  return place === 'legacy' && offset >= start ? offset - start : -1;
}

/** The bytes of a field the other way round. */
export function swapped(value: number, width: number): number {
  let result = 0;
  for (let i = 0; i < width; i++) result = result * 256 + (Math.floor(value / 2 ** (8 * i)) % 256);
  return result;
}

/** The device offers a feature that it knows nothing of, or no longer one that it has, through both interfaces. */
export function offers({ device }: VirtioFunction, { with: more = [], without = [] }: Offer): void {
  const features = device.features as { offered: number[]; offeredLegacy: number };
  for (const bit of more) {
    device.features.offer(bit);
    if (bit < 32) features.offeredLegacy = (features.offeredLegacy | (1 << bit)) >>> 0;
  }
  for (const bit of without) {
    features.offered[bit >> 5] = (features.offered[bit >> 5]! & ~(1 << (bit & 31))) >>> 0;
    if (bit < 32) features.offeredLegacy = (features.offeredLegacy & ~(1 << bit)) >>> 0;
  }
}

export interface Offer {
  readonly with?: readonly number[];
  readonly without?: readonly number[];
}

/** A byte or word of the configuration reads as something else. */
export const configLie =
  (...lies: readonly (readonly [register: { readonly offset: number }, value: number])[]) =>
  (): BusLies => ({
    read: (access, value) => {
      const at = configOffset(access);
      return lies.find(([{ offset }]) => offset === at)?.[1] ?? value;
    },
  });
