import { DirtyLog, functionAddress, GuestMemory } from '../../../src/core/index.ts';
import {
  DmaMemory,
  findFunction,
  LegacyTransport,
  legacyAccess,
  ModernTransport,
  runFirmware,
} from '../../../src/driver/index.ts';
import { type MediatedDeviceOptions, mediatedFunction } from '../../../src/mmr/index.ts';
import { Machine } from '../../../src/pci/index.ts';
import type { DeviceBehaviour, NetworkLink } from '../../../src/virtio/index.ts';

export const RAM_BYTES = 4 << 20;
const ADDRESS = functionAddress(0, 4);

/** A guest's machine with a mediated function in it. */
export function mediate(behaviour: DeviceBehaviour, options: MediatedDeviceOptions = {}) {
  const ram = GuestMemory.allocate({ start: 0, length: RAM_BYTES });
  const machine = new Machine({ ram });
  const { fn, mediated } = mediatedFunction(behaviour, options);
  machine.plug(fn.pci, ADDRESS);
  runFirmware(machine);
  const found = findFunction(machine, ADDRESS);
  const bigEndian = options.guestOrder === 'big';
  const waits = { patience: 20 };
  return {
    machine,
    ram,
    fn,
    mediated,
    parent: mediated.parent,
    memory: () => new DmaMemory(ram, 0x100000),
    legacy: () =>
      new LegacyTransport(machine, found!, legacyAccess(machine, found!), { ...waits, bigEndian }),
    modern: () => new ModernTransport(machine, found!, waits),
    log: () => new DirtyLog(fn.pci.slot.dma),
  };
}

/** A link that keeps what is sent. */
export function listeningLink() {
  const sent: Uint8Array[] = [];
  const link: NetworkLink = {
    offloads: false,
    attach: () => {},
    transmit: (bytes, offset, length) => {
      sent.push(bytes.slice(offset, offset + length));
    },
  };
  return { link, sent };
}
