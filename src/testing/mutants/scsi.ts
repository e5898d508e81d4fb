import type { Chain, ScsiDevice, VirtioFunction } from '../../virtio/index.ts';
import {
  fixedSense,
  inquiryData,
  lunMethod,
  SCSI_COMMAND_HEADER_BYTES,
  SCSI_COMMAND_RESPONSE_BYTES,
  SCSI_EVENT_BYTES,
  SCSI_EVENTS_MISSED,
  scsiAddress,
  scsiCommandHeader,
  scsiCommandResponse,
  scsiConfig,
  scsiEvent,
  scsiEventType,
  scsiFeature,
  scsiQueue,
  scsiResponse,
  scsiStatus,
  senseKey,
} from '../../virtio/layout/index.ts';
import type { DeviceMutant } from './mutant.ts';
import {
  beforeCompletion,
  configOffset,
  readableOf,
  readsBackwards,
  swapped,
  takesForAccepted,
  writtenOf,
} from './tricks.ts';

const type = 'scsi';
const INQUIRY = 0x12;
/** Peripheral type of MMC. */
const MMC = 5;

const { status, response } = scsiCommandResponse;

/** A command's answer is another in some cases. */
const editAnswers =
  (edit: (answer: Uint8Array, request: Uint8Array) => void) =>
  (fn: VirtioFunction): void =>
    beforeCompletion(fn, (chain) => {
      if (chain.queue < scsiQueue.request) return undefined;
      const answer = writtenOf(fn, chain);
      edit(answer, readableOf(chain, chain.readableBytes));
      chain.write(0, answer, 0, answer.length);
      return undefined;
    });

const respond = (instead: Readonly<Record<number, number>>) =>
  editAnswers((answer) => {
    answer[response.offset] = instead[answer[response.offset]!] ?? answer[response.offset]!;
  });

/** Events are others than they ought to be. */
const editEvents =
  (edit: (event: DataView, chain: Chain) => void) =>
  (fn: VirtioFunction): void =>
    beforeCompletion(fn, (chain) => {
      if (chain.queue !== scsiQueue.event) return undefined;
      const event = writtenOf(fn, chain);
      edit(new DataView(event.buffer), chain);
      chain.write(0, event, 0, event.length);
      return undefined;
    });

/** Nothing is ended before its time. */
const abortsNothing: DeviceMutant['device'] = (_, { behaviour }) =>
  void ((behaviour as ScsiDevice).tasks.abort = () => {});

/** SCSI hosts that are wrong. */
export const scsiMutants: readonly DeviceMutant[] = [
  {
    name: 'scsi-small-sense',
    breaks: ['SCSI-CFG-02'],
    says: 'sense_size is 64 at first',
    type,
    bus: () => ({
      read: (access, value) => {
        const at = configOffset(access);
        const early = configOffset(access, false);
        return access.width === 4 &&
          (at === scsiConfig.senseSize.offset || early === scsiConfig.senseSize.offset)
          ? 64
          : value;
      },
    }),
  },
  {
    name: 'scsi-two-channels',
    breaks: ['SCSI-CFG-03'],
    says: 'max_channel is 1',
    type,
    device: (_, { behaviour }) => (behaviour as ScsiDevice).config.set('maxChannel', 1),
  },
  {
    name: 'scsi-sizes-outlive-reset',
    breaks: ['SCSI-CFG-06'],
    says: 'a reset leaves the sizes that the driver wrote',
    type,
    device(_, { behaviour }) {
      const scsi = behaviour as ScsiDevice;
      const reset = scsi.reset.bind(scsi);
      scsi.reset = () => {
        const [sense, cdb] = [scsi.config.get('senseSize'), scsi.config.get('cdbSize')];
        reset();
        scsi.config.set('senseSize', sense);
        scsi.config.set('cdbSize', cdb);
      };
    },
  },
  {
    name: 'scsi-config-big-endian',
    breaks: ['LEG-SCSI-01'],
    says: 'the configuration is big-endian for legacy drivers',
    type,
    setting: 'legacy',
    bus: () => ({
      read: (access, value) =>
        access.width === 4 && configOffset(access, false) >= 0 && access.place === 'legacy'
          ? swapped(value, 4)
          : value,
    }),
  },
  {
    name: 'scsi-reads-backwards',
    breaks: ['LEG-SCSI-03', 'LEG-SCSI-04', 'LEG-SCSI-05'],
    says: 'a little-endian legacy driver is taken for a big-endian one',
    type,
    setting: 'legacy',
    device: readsBackwards,
  },
  {
    name: 'scsi-no-report-luns-unit',
    breaks: ['SCSI-OP-02'],
    says: 'there is no REPORT LUNS unit',
    type,
    device: editAnswers((answer, request) => {
      if (request[scsiCommandHeader.lun.offset] !== 1) answer[response.offset] = scsiResponse.badTarget;
    }),
  },
  {
    name: 'scsi-status-of-its-own',
    breaks: ['SCSI-OP-03'],
    says: 'the status of a command that failed is 1',
    type,
    device: editAnswers((answer) => {
      if (answer[status.offset] === scsiStatus.checkCondition) answer[status.offset] = 1;
    }),
  },
  {
    name: 'scsi-fails-where-no-target-is',
    breaks: ['SCSI-OP-04'],
    says: 'the response of a target that is none is FAILURE',
    type,
    device: respond({ [scsiResponse.badTarget]: scsiResponse.failure }),
  },
  {
    name: 'scsi-underruns',
    breaks: ['SCSI-OP-04'],
    says: 'a buffer that is too short for its command does',
    type,
    device: respond({ [scsiResponse.overrun]: scsiResponse.ok }),
  },
  {
    name: 'scsi-aborts-nothing',
    breaks: ['SCSI-OP-05', 'SCSI-OP-08'],
    says: 'commands go on when their unit goes, or when they are to be aborted',
    type,
    device: abortsNothing,
  },
  {
    name: 'scsi-silent-hotplug',
    breaks: ['SCSI-FEAT-01'],
    says: 'no events come',
    type,
    device: (fn) =>
      takesForAccepted(
        fn,
        (bit, accepted) => accepted && bit !== scsiFeature.hotplug && bit !== scsiFeature.change,
      ),
  },
  {
    name: 'scsi-event-of-another-unit',
    breaks: ['SCSI-OP-10'],
    says: 'events name a unit that nothing happened to',
    type,
    device: editEvents((event) => {
      if (event.byteLength < SCSI_EVENT_BYTES) return;
      event.setUint8(scsiEvent.lun.offset + scsiAddress.lunHigh.offset, lunMethod.flat);
      event.setUint8(scsiEvent.lun.offset + scsiAddress.lunLow.offset, 77);
    }),
  },
  {
    name: 'scsi-short-events',
    breaks: ['SCSI-OP-09'],
    says: 'a buffer that is too short for an event comes back with one',
    type,
    device: editEvents((event) => {
      if (event.byteLength < SCSI_EVENT_BYTES)
        event.setUint32(scsiEvent.event.offset, scsiEventType.parameterChange, true);
    }),
  },
  {
    name: 'scsi-no-attention',
    breaks: ['SCSI-OP-11'],
    says: 'units that have changed have nothing to tell',
    type,
    device: editAnswers((answer) => {
      const sense = SCSI_COMMAND_RESPONSE_BYTES + fixedSense.key.offset;
      if (answer[status.offset] === scsiStatus.checkCondition && answer[sense] === senseKey.unitAttention)
        answer[status.offset] = scsiStatus.good;
    }),
  },
  {
    name: 'scsi-misses-in-silence',
    breaks: ['SCSI-OP-14'],
    says: 'bit 31 is never set',
    type,
    device: editEvents((event) => {
      const word = event.getUint32(scsiEvent.event.offset, true);
      event.setUint32(scsiEvent.event.offset, word & ~SCSI_EVENTS_MISSED, true);
    }),
  },
  {
    name: 'scsi-tells-unasked',
    breaks: ['SCSI-OP-15'],
    says: 'units that come or go are told of to everybody',
    type,
    device: (fn) => takesForAccepted(fn, (bit, accepted) => accepted || bit === scsiFeature.hotplug),
  },
  {
    name: 'scsi-drive-that-changes',
    breaks: ['SCSI-OP-16'],
    says: 'a unit of MMC has parameter changes',
    type,
    device: editAnswers((answer, request) => {
      if (request[SCSI_COMMAND_HEADER_BYTES] === INQUIRY)
        answer[SCSI_COMMAND_RESPONSE_BYTES + scsiConfig.senseSize.reset + inquiryData.peripheral.offset] =
          MMC;
    }),
  },
];
