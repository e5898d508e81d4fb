import type { ConfigImage } from '../../driver/index.ts';
import { type BlockPlace, type Draft, decodeCapability, draft2023, draftOf } from '../../mmr/layout/index.ts';
import { headerType, type0Header } from '../../pci/layout/index.ts';
import { LEGACY_CONFIG_OFFSET_MSIX } from '../../virtio/layout/index.ts';
import { ConfigCase } from './case.ts';
import { claimedBy, judgeIds } from './ids.ts';
import { judgeBar, judgeLists } from './lists.ts';
import { judgeStructures } from './structures.ts';
import type { ConfigVerdict } from './verdict.ts';

/**
 * What a function's configuration space alone shows to be broken: ids, BAR0, both lists, the structures of virtio 1.x, MSI-X,
 * and the capability of an MMR function, whose draft is named where a clause would be. What is unknown is left open, and
 * accuses nobody. Never throws.
 */
export function judgeConfig(image: ConfigImage): ConfigVerdict {
  const it = new ConfigCase(image);
  const type = it.get(type0Header.headerType);
  if (type !== null && (type & headerType.mask) === headerType.function) {
    const claim = claimedBy(it);
    if (claim !== null) {
      judgeIds(it, claim);
      judgeStructures(it, claim);
      if (claim.ids === 'mmr') judgeDraft(it);
    }
  }
  judgeLists(it);
  return it.verdict;
}

/** An MMR function, by the reading of the draft that its capability follows. */
function judgeDraft(it: ConfigCase): void {
  for (const { index, kind } of it.bars)
    if (kind === 'io')
      it.reportDraft(
        draft2023.name,
        type0Header.bar.offset + 4 * index,
        `BAR${index} is an I/O BAR, and an MMR function has none`,
      );
  for (const { offset: at } of it.extended.found) {
    const dword = it.image.ask((read) => {
      const draft = draftOf((offset) => read(at + offset, 4));
      return draft === null
        ? null
        : { draft, place: decodeCapability(draft, (offset) => read(at + offset, 4))! };
    });
    if (dword !== null) {
      judgeBlock(it, at, dword.draft, dword.place);
      return;
    }
  }
  if (it.extended.end === 'unknown') it.leave('where the legacy block is');
  else
    it.reportDraft(draft2023.name, type0Header.deviceId.offset, 'there is no capability of a legacy block');
}

function judgeBlock(it: ConfigCase, at: number, draft: Draft, { bar, offset, length }: BlockPlace): void {
  const report = (message: string) => it.reportDraft(draft.name, at, `the legacy block ${message}`);
  judgeBar(it, at, 'the legacy block is in', bar);
  const found = it.bars.find(({ index }) => index === bar);
  if (found?.kind === 'io') report(`is in BAR${bar}, an I/O BAR`);
  else if (found?.prefetchable === true && !draft.prefetchable)
    report(`is in BAR${bar}, which is prefetchable, and reading its ISR has an effect`);
  if (offset % draft.offsetAlignment !== 0)
    report(`is at 0x${offset.toString(16)}, no multiple of ${draft.offsetAlignment}`);
  if (length < LEGACY_CONFIG_OFFSET_MSIX)
    report(`has ${length} bytes, and its header takes ${LEGACY_CONFIG_OFFSET_MSIX}`);
}
