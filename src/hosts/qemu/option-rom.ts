import { GuestImageError } from '../guest/errors.ts';

/** Offsets in an option ROM (PCI Firmware Specification 3.0, 5.1): of the pointer to its data structure, and in that. */
const DATA_POINTER = 0x18;
const SIGNATURE = 'PCIR';
const DEVICE_ID = 6;
/** A byte that may be anything, so that all of them add up to 0. */
const FREE_BYTE = 6;

/**
 * An option ROM for another device id: firmware starts one only where the id in it is the function's, and QEMU puts that in
 * only for ROMs of its own choice. @throws GuestImageError where the bytes are no such ROM
 */
export function optionRomFor(rom: Uint8Array, deviceId: number): Uint8Array {
  const bytes = rom.slice();
  const view = new DataView(bytes.buffer);
  const data = bytes.length > DATA_POINTER + 2 ? view.getUint16(DATA_POINTER, true) : 0;
  const signature = new TextDecoder('latin1').decode(bytes.subarray(data, data + SIGNATURE.length));
  if (bytes[0] !== 0x55 || bytes[1] !== 0xaa || signature !== SIGNATURE)
    throw new GuestImageError('option ROM', 'without 55 aa and a structure of PCI data', 'an option ROM');
  const sum = (value: number) => (value & 0xff) + (value >> 8);
  const before = view.getUint16(data + DEVICE_ID, true);
  view.setUint16(data + DEVICE_ID, deviceId, true);
  bytes[FREE_BYTE] = bytes[FREE_BYTE]! + sum(before) - sum(deviceId);
  return bytes;
}
