import { formatBuffers } from '../conformance/explain/index.ts';
import type { RawDescriptor, RingWriter } from '../conformance/rings/index.ts';
import { FOUR_GIB } from '../core/index.ts';
import { descriptorFlag } from '../virtio/layout/index.ts';

/** One thing that a guest may do to its ring. A list of these reaches any content whatsoever. */
export type RingEdit =
  | {
      /**
       * Descriptors linked one after another, the shape that a device expects, and exposed; indirect: in a table of their
       * own. With `request` the first one's buffer gets the header of a block request.
       */
      readonly edit: 'chain';
      readonly head: number;
      readonly descriptors: readonly RawDescriptor[];
      readonly indirect: boolean;
      readonly request: { readonly type: number; readonly sector: number } | null;
      /** Index of the table to which the last descriptor leads on; null where the chain ends. */
      readonly back: number | null;
    }
  | {
      readonly edit: 'descriptor';
      readonly index: number;
      readonly indirect: boolean;
      readonly raw: RawDescriptor;
    }
  | { readonly edit: 'expose'; readonly head: number }
  | { readonly edit: 'index'; readonly value: number }
  | { readonly edit: 'flags'; readonly value: number }
  | { readonly edit: 'used-event'; readonly value: number }
  | { readonly edit: 'header'; readonly address: number; readonly type: number; readonly sector: number }
  | { readonly edit: 'byte'; readonly address: number; readonly value: number };

const hex = (value: number) => `0x${value.toString(16)}`;

const addressOf = ({ addressHigh, addressLow }: RawDescriptor) => addressHigh * FOUR_GIB + addressLow;

const bufferText = (raw: RawDescriptor) =>
  formatBuffers([
    { address: addressOf(raw), length: raw.length, writable: (raw.flags & descriptorFlag.write) !== 0 },
  ]) + ((raw.flags & descriptorFlag.indirect) === 0 ? '' : ' (indirect)');

/** As the field reads it: `chain 0: R 0x300000+16, W 0x310000+512`. */
export function formatEdit(edit: RingEdit): string {
  switch (edit.edit) {
    case 'chain': {
      const { head, descriptors, indirect, request, back } = edit;
      const more = [
        descriptors.map(bufferText).join(', '),
        back === null ? '' : `back to ${back}`,
        request === null ? '' : `request type ${request.type}, sector ${request.sector}`,
      ].filter((text) => text !== '');
      return `chain ${head}${indirect ? ' by table' : ''}: ${more.join('; ')}`;
    }
    case 'descriptor': {
      const { index, indirect, raw } = edit;
      const place = `${indirect ? 'table ' : ''}descriptor ${index}`;
      return `${place}: ${bufferText(raw)}, flags ${hex(raw.flags)}, next ${raw.next}`;
    }
    case 'expose':
      return `expose ${edit.head}`;
    case 'header':
      return `header at ${hex(edit.address)}: request type ${edit.type}, sector ${edit.sector}`;
    case 'byte':
      return `byte at ${hex(edit.address)}: ${hex(edit.value)}`;
    default:
      return `${edit.edit} ${edit.value}`;
  }
}

/** Carries an edit out. `indirectTable` is where chains of that kind put their descriptors. */
export function applyEdit(scribe: RingWriter, edit: RingEdit, indirectTable: number): void {
  switch (edit.edit) {
    case 'chain': {
      const { descriptors, head, indirect, request, back } = edit;
      const [first] = descriptors;
      if (request !== null && first !== undefined)
        scribe.blockHeader(first.addressHigh * FOUR_GIB + first.addressLow, request.type, request.sector);
      scribe.chain(head, descriptors, indirect ? indirectTable : null, back);
      break;
    }
    case 'descriptor':
      scribe.descriptor(edit.index, edit.raw, edit.indirect ? indirectTable : scribe.place.descriptor);
      break;
    case 'expose':
      scribe.expose(edit.head);
      break;
    case 'index':
      scribe.moveTo(edit.value);
      break;
    case 'flags':
      scribe.setFlags(edit.value);
      break;
    case 'used-event':
      scribe.setUsedEvent(edit.value);
      break;
    case 'header':
      scribe.blockHeader(edit.address, edit.type, edit.sector);
      break;
    case 'byte':
      scribe.put(edit.address, 1, edit.value);
      break;
  }
}
