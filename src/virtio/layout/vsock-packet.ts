import { vsockHeader } from './vsock.ts';

const { offset: sourceCid } = vsockHeader.sourceCid;
const { offset: destinationCid } = vsockHeader.destinationCid;

/** The header of a packet, by its fields. One is used again and again. */
export class VsockPacket {
  sourceCid = 0;
  destinationCid = 0;
  /** Upper halves of the two addresses: reserved, and 0. */
  upperSource = 0;
  upperDestination = 0;
  sourcePort = 0;
  destinationPort = 0;
  /** Bytes of payload. */
  length = 0;
  type = 0;
  operation = 0;
  flags = 0;
  bufferAllocation = 0;
  forwardCount = 0;

  /** Takes the fields from a header at byte `at`. */
  read(view: DataView, at: number): void {
    this.sourceCid = view.getUint32(at + sourceCid, true);
    this.upperSource = view.getUint32(at + sourceCid + 4, true);
    this.destinationCid = view.getUint32(at + destinationCid, true);
    this.upperDestination = view.getUint32(at + destinationCid + 4, true);
    this.sourcePort = view.getUint32(at + vsockHeader.sourcePort.offset, true);
    this.destinationPort = view.getUint32(at + vsockHeader.destinationPort.offset, true);
    this.length = view.getUint32(at + vsockHeader.length.offset, true);
    this.type = view.getUint16(at + vsockHeader.type.offset, true);
    this.operation = view.getUint16(at + vsockHeader.operation.offset, true);
    this.flags = view.getUint32(at + vsockHeader.flags.offset, true);
    this.bufferAllocation = view.getUint32(at + vsockHeader.bufferAllocation.offset, true);
    this.forwardCount = view.getUint32(at + vsockHeader.forwardCount.offset, true);
  }

  /** Writes a header at byte 0; upper halves are 0. */
  write(view: DataView): void {
    view.setUint32(sourceCid, this.sourceCid, true);
    view.setUint32(sourceCid + 4, 0, true);
    view.setUint32(destinationCid, this.destinationCid, true);
    view.setUint32(destinationCid + 4, 0, true);
    view.setUint32(vsockHeader.sourcePort.offset, this.sourcePort, true);
    view.setUint32(vsockHeader.destinationPort.offset, this.destinationPort, true);
    view.setUint32(vsockHeader.length.offset, this.length, true);
    view.setUint16(vsockHeader.type.offset, this.type, true);
    view.setUint16(vsockHeader.operation.offset, this.operation, true);
    view.setUint32(vsockHeader.flags.offset, this.flags, true);
    view.setUint32(vsockHeader.bufferAllocation.offset, this.bufferAllocation, true);
    view.setUint32(vsockHeader.forwardCount.offset, this.forwardCount, true);
  }
}
