import { lengthOf, VirtiolabError } from '../../core/index.ts';
import { capabilityId, type PciFunction } from '../../pci/index.ts';
import { structureType, VIRTIO_VENDOR_ID, vendorDataCapability } from '../layout/index.ts';

/** What a vendor tells of its device, for people who debug it (PCI-VND-02). `vendorId` is assigned by the PCI-SIG. */
export interface VendorData {
  readonly vendorId: number;
  readonly bytes: Uint8Array;
}

/** Vendor data that cannot be shown: virtio's own vendor id (PCI-VND-03), or none, or more bytes than a capability has. */
export class VendorDataError extends VirtiolabError {
  readonly vendorId: number;
  readonly lengthBytes: number;

  constructor(vendorId: number, lengthBytes: number) {
    super(
      `vendor data of ${lengthBytes} bytes by vendor 0x${vendorId.toString(16)}: wants a vendor id of 16 bits other than ` +
        `0x${VIRTIO_VENDOR_ID.toString(16)}, and at most ${MAX_CAPABILITY_BYTES - lengthOf(vendorDataCapability)} bytes`,
    );
    this.vendorId = vendorId;
    this.lengthBytes = lengthBytes;
  }
}

/** A capability's length is one byte, and a multiple of 4 here (PCI-VND-04). */
const MAX_CAPABILITY_BYTES = 252;

/** Adds a vendor data capability: plain bytes, so that reading them does nothing (PCI-VND-05). @throws VendorDataError */
export function addVendorData(pci: PciFunction, { vendorId, bytes }: VendorData): void {
  const header = lengthOf(vendorDataCapability);
  const capabilityLength = Math.ceil((header + bytes.length) / 4) * 4;
  const isId = Number.isInteger(vendorId) && vendorId >= 0 && vendorId <= 0xffff;
  if (!isId || vendorId === VIRTIO_VENDOR_ID || capabilityLength > MAX_CAPABILITY_BYTES)
    throw new VendorDataError(vendorId, bytes.length);
  const at = pci.capabilities.add(
    capabilityId.vendorSpecific,
    vendorDataCapability,
    { capabilityLength, structureType: structureType.vendor, vendorId },
    capabilityLength,
  );
  for (const [i, byte] of bytes.entries()) pci.config.set(at + header + i, 1, byte);
}
