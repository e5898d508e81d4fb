import { LEGACY_CONFIG_OFFSET, LEGACY_CONFIG_OFFSET_MSIX } from '../../virtio/layout/index.ts';
import type { DraftRules } from '../document/document.ts';
import type { DraftModel } from '../model.ts';
import { legacyRow } from './blocks.ts';
import type { DraftCheck, DraftChecks, DraftLevel, Say } from './check.ts';

/** A check of what a draft with registers says, or does not say, about their behaviour. */
const rule = (
  level: DraftLevel,
  clause: string | null,
  about: string,
  run: (
    rules: DraftRules,
    say: (message: string, rule?: keyof DraftRules) => void,
    model: DraftModel,
  ) => void,
): DraftCheck => ({
  level,
  clause,
  about,
  run(model: DraftModel, say: Say) {
    const { blocks = [], rules = {} } = model.document;
    if (blocks.length > 0)
      run(rules, (message, name) => say(name === undefined ? 'rules' : `rules.${name}`, message), model);
  },
});

const inMemory = ({ document }: DraftModel) =>
  (document.blocks ?? []).some(({ space }) => space === 'memory');
const ofGuest = ({ registerOrder, configOrder }: DraftRules) =>
  registerOrder === 'guest' || configOrder === 'guest';

/** What may make a function begin anew: of each a draft has to say what it resets. */
const resetSources = {
  status: 'a status of 0',
  'function-level-reset': 'a function-level reset',
  'vf-enable': 'VF Enable, taken away',
  power: 'a change of power state from D3hot to D0',
} as const;

export const ruleChecks: DraftChecks = {
  'reset-handshake-open': rule(
    'question',
    'BF-RST-01 BF-RST-03',
    'it is not said how a driver learns that a reset is done',
    ({ resetHandshake }, say) => {
      if (resetHandshake === undefined) say('when is a reset done, and how does a driver know?');
    },
  ),
  'reset-unconfirmed': rule(
    'warning',
    'BF-RST-01 BF-RST-03',
    'nothing confirms a reset, and a write to memory may be on its way still when the driver goes on',
    ({ resetHandshake }, say, model) => {
      if (resetHandshake === 'none' && inMemory(model))
        say('a driver that frees its memory after writing status 0 may see it written to', 'resetHandshake');
    },
  ),
  'resets-open': rule(
    'question',
    'BF-RST-01 PCI Express 5.0, section 6.6.2',
    'it is not said what resets what',
    ({ resets = [] }, say, { document }) => {
      const open = (Object.keys(resetSources) as (keyof typeof resetSources)[]).filter(
        (by) =>
          !resets.some((each) => each.by === by) &&
          (by !== 'vf-enable' || document.virtualFunctions === true),
      );
      if (open.length > 0)
        say(`what is reset by ${open.map((by) => resetSources[by]).join(', by ')}?`, 'resets');
    },
  ),
  'msix-shift-open': rule(
    'question',
    'LEG-LAY-07',
    'it is not said whether the vector registers come and go with MSI-X, and device configuration moves',
    ({ msixShift }, say, model) => {
      if (msixShift === undefined && legacyRow(model) !== undefined)
        say(
          `where does device configuration begin: at ${LEGACY_CONFIG_OFFSET} while MSI-X is off, or always at ${LEGACY_CONFIG_OFFSET_MSIX}?`,
        );
    },
  ),
  'msix-shift-fixed': rule(
    'warning',
    'LEG-LAY-07 LEG-LAY-09',
    'device configuration does not move with MSI-X: legacy drivers look for it at 20 while that is off, and accesses have to be moved for them',
    ({ msixShift }, say, model) => {
      if (msixShift === 'fixed' && legacyRow(model) !== undefined)
        say(`device configuration at ${LEGACY_CONFIG_OFFSET_MSIX} while MSI-X is off`, 'msixShift');
    },
  ),
  'posted-writes-open': rule(
    'question',
    'PCI Express 5.0, section 2.4.1',
    'it is not said what makes a write to memory sure to have arrived',
    ({ postedWrites }, say, model) => {
      if (postedWrites === undefined && inMemory(model))
        say(
          'a port write has arrived when it retires, a memory write has not: what may a driver rely on, and after which read?',
        );
    },
  ),
  'writes-unordered': rule(
    'error',
    'PCI Express 5.0, section 2.4.1',
    'writes to one function may pass each other: no sequence of registers can be set up',
    ({ postedWrites }, say) => {
      if (postedWrites === 'unordered')
        say('a queue may be kicked before it has its address', 'postedWrites');
    },
  ),
  'byte-order-open': rule(
    'question',
    'LEG-LAY-05',
    'it is not said which byte order registers and device configuration have',
    ({ registerOrder, configOrder }, say, model) => {
      const open = [
        ...(registerOrder === undefined ? ['registers'] : []),
        ...(configOrder === undefined && legacyRow(model) !== undefined ? ['device configuration'] : []),
      ];
      if (open.length > 0) say(`which byte order have ${open.join(' and ')}?`);
    },
  ),
  'byte-order-legacy': rule(
    'error',
    'LEG-LAY-05',
    'registers of a legacy block are little-endian, whatever the guest',
    ({ registerOrder }, say, model) => {
      if (registerOrder !== undefined && registerOrder !== 'little' && legacyRow(model) !== undefined)
        say(`registers are ${registerOrder}-endian`, 'registerOrder');
    },
  ),
  'byte-order-untold': rule(
    'question',
    'LEG-LAY-05',
    "something has the guest's byte order, and it is not said how the device learns it",
    (rules, say) => {
      if (ofGuest(rules) && rules.orderTold === undefined)
        say("who tells a device the guest's byte order, and when?", 'orderTold');
    },
  ),
  'access-widths-open': rule(
    'question',
    'LEG-LAY-03 LEG-LAY-04 PCI-LAY-01',
    'it is not said which widths a register answers',
    ({ accessWidths }, say) => {
      if (accessWidths === undefined)
        say('what does an access do that is narrower or wider than its register, or across two?');
    },
  ),
  'interrupts-open': rule(
    'question',
    'PCI Express 5.0, chapter 9',
    'virtual functions have no interrupt line, and it is not said how one interrupts without MSI-X',
    ({ withoutMsix }, say, { document }) => {
      if (withoutMsix === undefined && document.virtualFunctions === true)
        say('how does a virtual function interrupt whose driver leaves MSI-X off?');
    },
  ),
  'vf-intx': rule(
    'error',
    'PCI Express 5.0, chapter 9',
    'a virtual function has no interrupt line',
    ({ withoutMsix }, say, { document }) => {
      if (withoutMsix === 'intx' && document.virtualFunctions === true)
        say('functions interrupt by INTx, and may be virtual ones', 'withoutMsix');
    },
  ),
};
