import type { Register, Width } from '../core/index.ts';
import type { ConfigSpace } from './config-space.ts';
import { FunctionOptionsError } from './function-options.ts';
import {
  type BridgeWindowName,
  bridgeWindowNames,
  bridgeWindows,
  expressSlot,
  portType,
  windowType,
} from './layout/index.ts';
import type { BusKind } from './slot.ts';

interface KindOfBridge {
  readonly vendorId: number;
  readonly deviceId: number;
  /** Device/port type of the Express capability; null where there is none. */
  readonly port: number | null;
  readonly leadsTo: BusKind;
}

/** Kinds of bridges, with the ids that QEMU's have. */
export const bridgeKinds = {
  'root-port': { vendorId: 0x1b36, deviceId: 0x000c, port: portType.rootPort, leadsTo: 'link' },
  'upstream-port': { vendorId: 0x104c, deviceId: 0x8232, port: portType.upstreamPort, leadsTo: 'switch' },
  'downstream-port': { vendorId: 0x104c, deviceId: 0x8233, port: portType.downstreamPort, leadsTo: 'link' },
  'pci-to-pci': { vendorId: 0x1b36, deviceId: 0x0001, port: null, leadsTo: 'conventional' },
  'express-to-pci': {
    vendorId: 0x1b36,
    deviceId: 0x000e,
    port: portType.expressToPci,
    leadsTo: 'conventional',
  },
} as const satisfies Record<string, KindOfBridge>;

export type BridgeKind = keyof typeof bridgeKinds;

export interface BridgeOptions {
  readonly kind: BridgeKind;
  /** By default that of its kind. */
  readonly name?: string;
  readonly vendorId?: number;
  readonly deviceId?: number;
  readonly revisionId?: number;
  /** Bits of I/O addresses that it decodes; null for a bridge that passes no I/O on. By default 16. */
  readonly ioWindow?: 16 | 32 | null;
  /** Bits of prefetchable addresses; null for a bridge without that window. By default 64. */
  readonly prefetchableWindow?: 32 | 64 | null;
  /** Number of the physical slot behind a root port or downstream port, 0..8191; null for a soldered device. By default 0. */
  readonly slotNumber?: number | null;
}

const kindNames = Object.keys(bridgeKinds).join(', ');
const ioWindows: readonly unknown[] = [undefined, null, 16, 32];
const prefetchableWindows: readonly unknown[] = [undefined, null, 32, 64];

/** @throws FunctionOptionsError */
export function checkBridgeOptions(options: BridgeOptions): void {
  const { kind, ioWindow, prefetchableWindow, slotNumber } = options;
  if (!Object.hasOwn(bridgeKinds, kind)) throw new FunctionOptionsError('kind', kind, kindNames);
  if (!ioWindows.includes(ioWindow)) throw new FunctionOptionsError('ioWindow', ioWindow, '16, 32 or null');
  if (!prefetchableWindows.includes(prefetchableWindow))
    throw new FunctionOptionsError('prefetchableWindow', prefetchableWindow, '32, 64 or null');
  if (slotNumber === undefined || slotNumber === null) return;
  if (bridgeKinds[kind].leadsTo !== 'link')
    throw new FunctionOptionsError('slotNumber', slotNumber, 'a root port or a downstream port');
  if (!Number.isInteger(slotNumber) || slotNumber < 0 || slotNumber > expressSlot.mostNumber)
    throw new FunctionOptionsError(
      'slotNumber',
      slotNumber,
      `a whole number of 0..${expressSlot.mostNumber}`,
    );
}

/** Wires the registers of the windows as the options want them. @returns the windows that there are. */
export function layWindows(config: ConfigSpace, options: BridgeOptions): readonly BridgeWindowName[] {
  const { ioWindow = 16, prefetchableWindow = 64 } = options;
  const bits = { io: ioWindow, memory: 32, prefetchable: prefetchableWindow } as const;
  return bridgeWindowNames.filter((name) => {
    const { base, limit, upper } = bridgeWindows[name];
    const wide = upper !== null && bits[name] === 2 * upper[0].width * 8;
    const wire = ({ offset, width }: Register) =>
      config.wire(offset, width as Width, wide ? windowType.wide : windowType.narrow);
    const fix = ({ offset, width }: Register) => config.setMasks(offset, width as Width, 0);
    for (const register of [base, limit]) wire(register);
    if (bits[name] === null) for (const register of [base, limit]) fix(register);
    if (!wide) for (const register of upper ?? []) fix(register);
    return bits[name] !== null;
  });
}
