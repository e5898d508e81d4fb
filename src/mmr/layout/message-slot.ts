import { registers, rw } from '../../core/index.ts';

/**
 * A slot of interrupt message storage: the message that a device writes in order to interrupt, and what becomes of it. It
 * stands in a device, or in system memory. The layout is the one of Linux's IMS and of Scalable IOV devices.
 */
export const messageSlot = registers({
  addressLow: rw(0, 4, '', { writable: 0xfffffffc }),
  addressHigh: rw(4, 4),
  data: rw(8, 4),
  control: rw(12, 4, '', { writable: 0xfffff009, reset: 1 }),
});

export const MESSAGE_SLOT_BYTES = 16;

/** Bits of a slot's control. A message with `pasidEnable` bears the PASID of the bits from 12 on. */
export const slotControl = { mask: 1, pasidEnable: 1 << 3 } as const;
export const SLOT_PASID_SHIFT = 12;

/** PASIDs have 20 bits (PCI Express 5.0, section 6.20); 0 is nobody's here. */
export const PASID_MASK = 0xfffff;

/** Control of a slot whose messages bear a PASID, or none. */
export const slotControlOf = (masked: boolean, pasid: number | null): number =>
  ((masked ? slotControl.mask : 0) |
    (pasid === null ? 0 : slotControl.pasidEnable | (pasid << SLOT_PASID_SHIFT))) >>>
  0;

/** PASID that the messages of a slot bear, or null. */
export const slotPasid = (control: number): number | null =>
  (control & slotControl.pasidEnable) === 0 ? null : control >>> SLOT_PASID_SHIFT;
