import { immediate } from '../../core/index.ts';
import { MESSAGE_SLOT_BYTES, MessageSlots, type SlotMessage } from '../../mmr/index.ts';
import { checkVectors, VectorCountError } from '../../pci/index.ts';
import type { DebateFacts, DebateRow } from '../debate-row.ts';
import { SlotScene } from './slot-scene.ts';

const command = 'npx vitest run test/properties/mediated-slots.test.ts';
const MESSAGES = [0x2000, 0x3000].map((addressLow, i) => ({
  addressLow,
  addressHigh: 0,
  data: 0xaaaa + i,
  pasid: null,
})) as [SlotMessage, SlotMessage];

/** A slot that is in use. */
function used(where: 'device' | 'memory', flush: boolean): SlotScene {
  const scene = new SlotScene(where, { flush });
  scene.handle();
  scene.message.unmask();
  scene.settle();
  return scene;
}

/** Messages that came while the owner had masked the slot, and events that were lost when it was moved. */
function maskAndMove(where: 'device' | 'memory', flush: boolean) {
  const masked = used(where, flush);
  masked.occur();
  masked.settle();
  const before = masked.arrived;
  masked.message.mask();
  masked.occur();
  masked.goOn(3);
  const leaked = masked.arrived - before;
  const moved = used(where, flush);
  moved.occur();
  moved.settle();
  moved.handle();
  moved.occur();
  moved.settle();
  return { leaked, lost: moved.events - moved.heard };
}

/** Accesses that one mask takes. */
function costOfMask(where: 'device' | 'memory', flush: boolean): string {
  const scene = used(where, flush);
  const { reads, writes } = scene;
  scene.message.mask();
  return `a mask of a slot in ${where === 'device' ? 'the device' : 'memory'}: writes ${scene.writes - writes}, reads ${scene.reads - reads}`;
}

function masking(flush: boolean): DebateFacts {
  const [device, memory] = [maskAndMove('device', flush), maskAndMove('memory', flush)];
  const broken = device.leaked + device.lost + memory.leaked + memory.lost;
  return {
    cost: `${costOfMask('device', flush)}; ${costOfMask('memory', flush)}`,
    breaks:
      broken === 0
        ? 'nothing'
        : `${device.leaked} message comes through the mask, ${device.lost} event is lost when the slot is moved (device); ${memory.leaked} and ${memory.lost} (memory)`,
    verdict: broken === 0 ? 'works' : 'breaks',
  };
}

/** An event while the slot is aimed from one message at another. @returns whether the message had halves of both. */
function tornBy(maskToAim: boolean): { readonly torn: boolean; readonly accesses: string } {
  const scene = new SlotScene('memory', { maskToAim });
  const [one, other] = MESSAGES;
  scene.message.aim(one);
  scene.message.unmask();
  scene.settle();
  scene.occur();
  scene.goOn(1);
  const { reads, writes } = scene;
  scene.message.aim(other);
  const accesses = `writes ${scene.writes - writes}, reads ${scene.reads - reads}`;
  scene.goOn(2);
  scene.settle();
  return { torn: scene.ramWord(one.addressLow) === other.data, accesses };
}

function aiming(maskToAim: boolean): DebateFacts {
  const { torn, accesses } = tornBy(maskToAim);
  return {
    cost: `a slot is aimed elsewhere: ${accesses}`,
    breaks: torn ? '1 message with the address of the one and the data of the other' : 'nothing',
    verdict: torn ? 'breaks' : 'works',
  };
}

const SLICES = 4096;
const EVENTS = 2;

function manyMessages(): DebateFacts {
  const wanted = SLICES * EVENTS;
  let msix = 'MSI-X has them';
  try {
    checkVectors(wanted);
  } catch (error) {
    if (!(error instanceof VectorCountError)) throw error;
    msix = `MSI-X of one function has not: ${error.message}`;
  }
  const slots = new MessageSlots(wanted, { message: () => {} }, immediate);
  return {
    cost: `${slots.slots} slots, ${slots.slots * MESSAGE_SLOT_BYTES} bytes; ${msix}`,
    breaks: 'nothing',
    verdict: 'works',
  };
}

/** What was said about interrupt message storage. */
export const slotRows: readonly DebateRow[] = [
  {
    id: 'mask-without-read',
    seed: '003',
    proposal: 'a slot is masked by a write of its control, as idxd_ims_irq_mask did',
    proposedBy: 'Dave Jiang (the series as it was sent)',
    usableBy: 'a driver that can stand a message after its mask',
    run: () => masking(false),
    command,
  },
  {
    id: 'mask-with-read',
    seed: '003',
    proposal:
      'a flushing read follows the mask, so that messages are stopped and those in flight have arrived',
    proposedBy: 'Jason Gunthorpe',
    usableBy: 'every driver',
    run: () => masking(true),
    command,
  },
  {
    id: 'slots-off-chip-plain',
    seed: '003',
    proposal: 'slots off the chip are written as an MSI-X table is, whose writes are atomic',
    proposedBy: 'Megha Dey (the callbacks as they were)',
    usableBy: 'nobody whose device may read the slot meanwhile',
    run: () => aiming(false),
    command,
  },
  {
    id: 'slots-off-chip-masked',
    seed: '003',
    proposal: 'off the chip it is no longer one atomic write: mask, write, have the device look anew, unmask',
    proposedBy: 'Jason Gunthorpe',
    usableBy: 'callers that may wait for the device',
    run: () => aiming(true),
    command,
  },
  {
    id: 'messages-beyond-msix',
    seed: '003',
    proposal: 'messages of devices in a domain of their own, as many as slices need',
    proposedBy: 'Megha Dey, Dave Jiang (DEV-MSI)',
    usableBy: 'any device, of PCI or not',
    run: manyMessages,
    command: 'npm start -- mdev --queues 8192 --slices 4096',
  },
];
