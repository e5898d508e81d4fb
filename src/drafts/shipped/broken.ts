import { draft2023 } from '../../mmr/layout/index.ts';
import type { DraftDocument, DraftField } from '../document/document.ts';
import { documentOfDraft, legacyFields } from './mmr.ts';

/*
 * Broken on purpose, each in a way of its own: what the tool has to say of a draft that was written in a hurry.
 */

/** Two types share an id, and one has another's. */
const ids: DraftDocument = {
  ...documentOfDraft({
    ...draft2023,
    name: 'broken-ids',
    deviceIds: { ...draft2023.deviceIds, block: draft2023.deviceIds['network']!, console: 0x1001 },
  }),
  title: 'Broken on purpose: block and network share an id, console has that of transitional block functions',
};

/** The queue selector is a byte wide and ISR is an ordinary register: queues above 255, and interrupts that never end. */
const changed: Readonly<Record<string, Partial<DraftField>>> = {
  queueSelect: { width: 1 },
  isrStatus: { access: 'rw' },
};
const mmr = documentOfDraft({ ...draft2023, name: 'broken-block' });
const block: DraftDocument = {
  ...mmr,
  title: 'Broken on purpose: the queue selector has one byte, and reading ISR does not clear it',
  structures: mmr.structures!.map((structure) => ({
    ...structure,
    fields: legacyFields(draft2023.msixShift).map((field) => ({ ...field, ...changed[field.name] })),
  })),
};

/** Fields at odd places, a length that is no multiple of 4, a cfg_type of another structure, a list in a circle. */
const odd = documentOfDraft({ ...draft2023, name: 'broken-capability' });
const capability: DraftDocument = {
  ...odd,
  title: 'Broken on purpose: a capability that misleads whoever reads it',
  capabilities: [
    {
      name: 'first',
      list: 'extended',
      id: draft2023.extendedCapabilityId,
      version: 0,
      cfgType: 2,
      place: 0x100,
      next: 0x114,
      fields: [
        { name: 'header', width: 4 },
        { name: 'bar', width: 1 },
        { name: 'offset', width: 4 },
        { name: 'length', width: 2, offset: 8 },
        { name: 'flags', width: 1 },
      ],
      points: odd.blocks![0]!.name,
    },
    {
      name: 'second',
      list: 'extended',
      id: draft2023.extendedCapabilityId,
      version: 1,
      cfgType: 0x120,
      place: 0x108,
      next: 0x100,
      fields: [
        { name: 'header', width: 4 },
        { name: 'vendorHeader', width: 4 },
      ],
    },
  ],
};

export const brokenDocuments: readonly DraftDocument[] = [ids, block, capability];
