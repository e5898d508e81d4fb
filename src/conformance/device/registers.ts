import type { Bus, Register, Width } from '../../core/index.ts';
import {
  configOf,
  type FoundFunction,
  findStructures,
  legacyAccess,
  StructureAccess,
} from '../../driver/index.ts';
import { findBlock } from '../../mmr/access/find-block.ts';
import { memoryAccess } from '../../mmr/access/native.ts';
import type { Draft } from '../../mmr/layout/index.ts';
import { capabilityId, messageControl, msixCapability } from '../../pci/layout/index.ts';
import {
  commonConfig,
  LEGACY_BAR,
  LEGACY_CONFIG_OFFSET,
  LEGACY_CONFIG_OFFSET_MSIX,
  legacyHeader,
} from '../../virtio/layout/index.ts';
import type { Setting } from './check.ts';

/** A stretch of registers as software reaches it: offsets in bytes from its start, values unsigned. */
export interface Area {
  read(offset: number, width: Width): number;
  write(offset: number, width: Width, value: number): void;
}

/** A function's registers past any driver, each access as it is asked for. */
export interface Registers {
  /** The legacy header, or the common configuration structure. */
  readonly main: Area;
  /** The type's configuration, wherever it stands at the moment. */
  readonly config: Area;
  /** Bytes that there is room for, of which the device may use less; null where there is none. */
  readonly configBytes: number | null;
  /** Reads ISR, which clears it. */
  isr(): number;
  /** Writes a queue's number where it is kicked, 16 bits: wherever queue 0 is kicked for one that does not exist. */
  kick(queue: number): void;
}

/** Bytes that a legacy block has room for. */
function blockBytes(bus: Bus, fn: FoundFunction, draft: Draft | undefined): number {
  const sizeOf = (bar: number) => fn.bars.find(({ index }) => index === bar)?.size ?? 0;
  if (draft === undefined) return sizeOf(LEGACY_BAR);
  return findBlock(configOf(bus, fn), fn.extended, draft, sizeOf)?.length ?? 0;
}

function legacyRegisters(bus: Bus, fn: FoundFunction, draft: Draft | undefined): Registers {
  const access = draft === undefined ? legacyAccess(bus, fn) : memoryAccess(bus, fn, draft);
  const msix = fn.capabilities.find(({ id }) => id === capabilityId.msix);
  const control = (msix?.offset ?? 0) + msixCapability.messageControl.offset;
  const start = () => {
    const shown =
      access.fixedVectors ||
      (msix !== undefined && (bus.configRead(fn.address, control, 2) & messageControl.enable) !== 0);
    return shown ? LEGACY_CONFIG_OFFSET_MSIX : LEGACY_CONFIG_OFFSET;
  };
  return {
    main: access,
    config: {
      read: (offset, width) => access.read(start() + offset, width),
      write: (offset, width, value) => access.write(start() + offset, width, value),
    },
    configBytes: blockBytes(bus, fn, draft) - LEGACY_CONFIG_OFFSET_MSIX,
    isr: () => access.read(legacyHeader.isrStatus.offset, 1),
    kick: (queue) => access.write(legacyHeader.queueNotify.offset, 2, queue),
  };
}

function modernRegisters(bus: Bus, fn: FoundFunction): Registers {
  const found = findStructures(bus, fn);
  const main = new StructureAccess(bus, found.common);
  const notify = new StructureAccess(bus, found.notify);
  const isr = new StructureAccess(bus, found.isr);
  const device = found.device === null ? null : new StructureAccess(bus, found.device);
  return {
    main,
    config: {
      read: (offset, width) => device?.read(offset, width) ?? 0,
      write: (offset, width, value) => device?.write(offset, width, value),
    },
    configBytes: device?.length ?? null,
    isr: () => isr.read(0, 1),
    kick: (queue) => {
      const { queueSelect, queueSize, queueNotifyOffset } = commonConfig;
      const select = (index: number) => main.write(queueSelect.offset, 2, index);
      select(queue);
      if (main.read(queueSize.offset, 2) === 0) select(0);
      notify.write(main.read(queueNotifyOffset.offset, 2) * found.notifyMultiplier, 2, queue);
    },
  };
}

/** @throws what the driver's own search for the interface throws. */
export const registersOf = (bus: Bus, fn: FoundFunction, setting: Setting, draft?: Draft): Registers =>
  setting === 'legacy' ? legacyRegisters(bus, fn, draft) : modernRegisters(bus, fn);

/** Reads one register of an area at its own width. */
export const readRegister = (area: Area, { offset, width }: Register): number =>
  area.read(offset, width as Width);

export const writeRegister = (area: Area, { offset, width }: Register, value: number): void =>
  area.write(offset, width as Width, value);
