import { Administration, adminGroup, adminOpcode, adminStatus } from '../../virtio/index.ts';
import type { DeviceMutant } from './mutant.ts';
import { afterwards, changesResult, ignores, without, wrong, wrongAnew } from './owner.ts';

const o = adminOpcode;
const { exists } = adminStatus;

/** Owners that get capabilities, objects or device parts wrong. */
export const adminPartsMutants: readonly DeviceMutant[] = [
  wrong(
    'failure-destroys',
    ['ADM-11'],
    'making an object twice destroys it',
    afterwards((command, owner) => {
      if (command.opcode === o.resourceCreate && command.status === exists) owner.parts.destroy(0);
    }),
  ),
  wrong(
    'two-capability-commands',
    ['ADC-01'],
    'DEVICE_CAP_GET is missing',
    without(adminGroup.self, o.deviceCapabilityGet),
  ),
  wrong(
    'parts-without-mode',
    ['ADP-01'],
    'DEV_MODE_SET is missing',
    without(adminGroup.singleRootIov, o.deviceModeSet),
  ),
  wrong('member-does-not-stop', ['ADP-03'], 'a member that is stopped goes on', ignores(o.deviceModeSet)),
  wrong(
    'stopped-member-is-mute',
    ['ADP-02'],
    'the status of a member that was stopped reads 0',
    afterwards((command, owner) => {
      if (command.opcode === o.deviceModeSet) owner.member(command).device.statusRegister.read = () => 0;
    }),
  ),
  wrongAnew('parts-as-at-first', ['ADP-04'], 'device parts are always those that were read first', () => {
    let first: Uint8Array | null = null;
    return changesResult(o.devicePartsGet, (result) => {
      first ??= result.slice();
      result.set(first.subarray(0, result.length));
    });
  }),
  {
    name: 'admin-capabilities-stay',
    breaks: ['ADC-02'],
    says: 'what the driver said of capabilities outlives a reset',
    kind: 'owner',
    setting: 'modern',
    device({ device: { administration } }) {
      if (administration instanceof Administration) administration.parts.reset = () => {};
    },
  },
];
