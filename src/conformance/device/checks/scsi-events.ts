import {
  fixedSense,
  inquiryData,
  SCSI_EVENTS_MISSED,
  scsiEventType,
  scsiFeature,
  scsiStatus,
  senseKey,
  transportReset,
} from '../../../virtio/layout/index.ts';
import type { Bench } from '../bench.ts';
import type { Check, Setting } from '../check.ts';
import { cdbs, type Event, ScsiHost } from '../types/scsi.ts';

const types = ['scsi'];
const legacy: readonly Setting[] = ['legacy'];
const BUFFERS = 4;
/** Sectors of 512 bytes, in whole blocks of any size. */
const OTHER_SIZE = 128;

/** Peripheral type of units of MMC. */
const MMC = 5;

function startWithBuffers(bench: Bench, features: readonly number[]): ScsiHost {
  const host = new ScsiHost(bench, features);
  for (let i = 0; i < BUFFERS; i++) host.giveEventBuffer();
  return host;
}

const kindOf = ({ event }: Event) => (event & ~SCSI_EVENTS_MISSED) >>> 0;
const isReset = (each: Event, reason: number) =>
  kindOf(each) === scsiEventType.transportReset && each.reason === reason;
const listed = (events: readonly Event[]) =>
  events.length === 0 ? 'no event' : events.map((each) => `event ${kindOf(each)} ${each.reason}`).join(', ');

/** Events of a unit that comes and goes. */
async function plugAndUnplug(bench: Bench, host: ScsiHost) {
  const [plug, unplug] = [bench.hand('plugUnit'), bench.hand('unplugUnit')];
  const lun = await plug();
  const plugged = await host.events();
  await unplug(lun);
  return { lun, plugged, unplugged: await host.events() };
}

/** A SCSI host: events. */
export const scsiEventChecks: readonly Check[] = [
  {
    id: 'scsi-hotplug-is-told',
    clauses: ['SCSI-FEAT-01', 'SCSI-OP-10'],
    types,
    says: 'with HOTPLUG a unit that comes or goes is told of, by its own address or by that of LUN 0',
    async run(bench) {
      bench.needs(scsiFeature.hotplug, 'HOTPLUG');
      const host = startWithBuffers(bench, [scsiFeature.hotplug]);
      const { lun, plugged, unplugged } = await plugAndUnplug(bench, host);
      const { rescan, removed } = transportReset;
      const came = plugged.find((each) => isReset(each, rescan));
      bench.check('SCSI-FEAT-01', came !== undefined, 'a transport reset, RESCAN', listed(plugged));
      const went = unplugged.find((each) => isReset(each, removed));
      bench.check('SCSI-FEAT-01', went !== undefined, 'a transport reset, REMOVED', listed(unplugged));
      for (const each of [came!, went!]) {
        const right = each.target === 0 && [0, lun].includes(each.lun);
        bench.check(
          'SCSI-OP-10',
          right,
          `target 0 and LUN ${lun} or 0`,
          `target ${each.target} LUN ${each.lun}`,
        );
      }
    },
  },
  {
    id: 'scsi-change-is-told',
    clauses: ['SCSI-FEAT-01'],
    types,
    says: 'with CHANGE another capacity is told of',
    async run(bench) {
      const resize = bench.hand('resizeDisk');
      bench.needs(scsiFeature.change, 'CHANGE');
      const host = startWithBuffers(bench, [scsiFeature.change]);
      await resize(OTHER_SIZE);
      const events = await host.events();
      const told = events.some((each) => kindOf(each) === scsiEventType.parameterChange);
      bench.check('SCSI-FEAT-01', told, 'a parameter change', listed(events));
    },
  },
  {
    id: 'scsi-event-of-legacy-drivers',
    clauses: ['LEG-SCSI-05'],
    types,
    settings: legacy,
    says: "a legacy driver reads events in the guest's order",
    async run(bench) {
      bench.needs(scsiFeature.hotplug, 'HOTPLUG');
      const host = startWithBuffers(bench, [scsiFeature.hotplug]);
      const { plugged } = await plugAndUnplug(bench, host);
      const known = Object.values(scsiEventType) as readonly number[];
      const right = plugged.length > 0 && plugged.every((each) => known.includes(kindOf(each)));
      bench.check('LEG-SCSI-05', right, 'events that there are', listed(plugged));
    },
  },
  {
    id: 'scsi-short-event-buffer',
    clauses: ['SCSI-OP-09'],
    types,
    says: 'an event buffer that is too short is kept, or comes back with NO_EVENT',
    async run(bench) {
      const host = new ScsiHost(bench);
      host.giveEventBuffer(4);
      const events = await host.events();
      const none = events.every((each) => kindOf(each) === scsiEventType.none);
      bench.check('SCSI-OP-09', none, 'NO_EVENT, or nothing', listed(events));
    },
  },
  {
    id: 'scsi-change-is-an-attention',
    clauses: ['SCSI-OP-11'],
    types,
    says: 'another capacity is a unit attention as well',
    async run(bench) {
      const resize = bench.hand('resizeDisk');
      bench.needs(scsiFeature.change, 'CHANGE');
      const host = startWithBuffers(bench, [scsiFeature.change]);
      await host.hearAttentions('SCSI-OP-11');
      await resize(OTHER_SIZE);
      await bench.lull();
      const { status, sense } = await host.ask('SCSI-OP-11', cdbs.testUnitReady);
      const told =
        status === scsiStatus.checkCondition &&
        (sense[fixedSense.key.offset]! & 0xf) === senseKey.unitAttention;
      bench.check('SCSI-OP-11', told, 'CHECK CONDITION with UNIT ATTENTION', `status ${status}`);
    },
  },
  {
    id: 'scsi-missed-events',
    clauses: ['SCSI-OP-14'],
    types,
    says: 'after events for which there was no buffer the next one has bit 31',
    async run(bench) {
      bench.needs(scsiFeature.hotplug, 'HOTPLUG');
      const host = new ScsiHost(bench, [scsiFeature.hotplug]);
      await plugAndUnplug(bench, host);
      host.giveEventBuffer();
      const events = await host.events();
      if (events.length === 0) {
        await bench.hand('plugUnit')();
        events.push(...(await host.events()));
      }
      const missed = events[0] !== undefined && (events[0].event & SCSI_EVENTS_MISSED) !== 0;
      bench.check('SCSI-OP-14', missed, 'an event with bit 31', listed(events));
    },
  },
  {
    id: 'scsi-no-hotplug-unasked',
    clauses: ['SCSI-OP-15'],
    types,
    says: 'without HOTPLUG units that come or go are not told of',
    async run(bench) {
      const host = startWithBuffers(bench, []);
      const { plugged, unplugged } = await plugAndUnplug(bench, host);
      const { rescan, removed } = transportReset;
      const events = [...plugged, ...unplugged];
      const told = events.some((each) => isReset(each, rescan) || isReset(each, removed));
      bench.check('SCSI-OP-15', !told, 'no RESCAN and no REMOVED', listed(events));
    },
  },
  {
    id: 'scsi-no-change-of-mmc',
    clauses: ['SCSI-OP-16'],
    types,
    says: 'a unit of MMC has no parameter changes',
    async run(bench) {
      const resize = bench.hand('resizeDisk');
      const host = startWithBuffers(bench, [scsiFeature.change]);
      const { data } = await host.ask('SCSI-OP-16', cdbs.inquiry(36), { dataIn: 36 });
      if ((data[inquiryData.peripheral.offset]! & 0x1f) !== MMC)
        bench.skip('unit 0 of target 0 is none of MMC');
      await resize(OTHER_SIZE);
      const events = await host.events();
      const told = events.some((each) => kindOf(each) === scsiEventType.parameterChange);
      bench.check('SCSI-OP-16', !told, 'no parameter change', listed(events));
    },
  },
];
