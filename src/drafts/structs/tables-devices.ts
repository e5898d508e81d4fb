import {
  balloonConfig,
  balloonStatisticEntry,
  blockConfig,
  blockLifetime,
  blockRequest,
  blockSegment,
  blockZone,
  blockZonedConfig,
  consoleConfig,
  consoleControl,
  consoleResize,
  networkConfig,
  networkControl,
  networkHeader,
  networkStatisticsRequest,
  type RtcRequestName,
  rtcNotification,
  rtcRequests,
  scsiCommandHeader,
  scsiCommandResponse,
  scsiConfig,
  scsiControl,
  scsiEvent,
  scsiNotification,
  scsiNotificationResponse,
  scsiTaskManagement,
  vsockConfig,
  vsockEventBuffer,
  vsockHeader,
} from '../../virtio/layout/index.ts';
import { type LayoutTable, table } from './layout-table.ts';
import { ANSWER, FOLLOWS } from './tables-transport.ts';

const statistic = balloonStatisticEntry;

const devices: readonly LayoutTable[] = [
  table('networkConfig', networkConfig, {
    structure: 'virtio_net_config',
    names: { maxQueuePairs: 'max_virtqueue_pairs', rssMaxTableLength: 'rss_max_indirection_table_length' },
  }),
  table('networkHeader', networkHeader, {
    structure: 'virtio_net_hdr',
    names: { checksumStart: 'csum_start', checksumOffset: 'csum_offset' },
    omits: Object.fromEntries(
      [
        'hash_value',
        'hash_report',
        'padding_reserved',
        'outer_th_offset',
        'inner_nh_offset',
        'outer_nh_offset',
        'padding_reserved_2',
        'ipsec_resource_hdr',
      ].map((path) => [path, 'of a feature that no device of ours offers']),
    ),
  }),
  table('networkControl', networkControl, {
    structure: 'virtio_net_ctrl',
    omits: { command_specific_data: FOLLOWS },
  }),
  table('networkStatisticsRequest', networkStatisticsRequest, {
    structure: 'virtio_net_ctrl_queue_stats',
    names: { queue: 'stats[].vq_index', types: 'stats[].types_bitmap' },
    omits: { stats: 'the list itself' },
  }),
  table('blockConfig', blockConfig, {
    structure: 'virtio_blk_config',
    names: {
      segmentMax: 'seg_max',
      maxDiscardSegments: 'max_discard_seg',
      maxWriteZeroesSegments: 'max_write_zeroes_seg',
      maxSecureEraseSegments: 'max_secure_erase_seg',
    },
    omits: { zoned: 'a table of its own' },
  }),
  table('blockZonedConfig', blockZonedConfig, {
    structure: 'virtio_blk_config',
    begins: 'zoned.zone_sectors',
    names: Object.fromEntries(
      Object.keys(blockZonedConfig).map((name) => [
        name,
        `zoned.${name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}`,
      ]),
    ),
    omits: { zoned: 'the table itself' },
  }),
  table('blockRequest', blockRequest, { structure: 'virtio_blk_req', omits: { data: FOLLOWS } }),
  table('blockSegment', blockSegment, {
    structure: 'virtio_blk_discard_write_zeroes',
    names: { sectors: 'num_sectors' },
  }),
  table('blockLifetime', blockLifetime, {
    structure: 'virtio_blk_lifetime',
    names: { estimateA: 'device_lifetime_est_typ_a', estimateB: 'device_lifetime_est_typ_b' },
  }),
  table('blockZone', blockZone, {
    structure: 'virtio_blk_zone_descriptor',
    names: {
      capacity: 'z_cap',
      start: 'z_start',
      writePointer: 'z_wp',
      type: 'z_type',
      state: 'z_state',
    },
  }),
  table('consoleConfig', consoleConfig, {
    structure: 'virtio_console_config',
    names: { columns: 'cols', maxPorts: 'max_nr_ports', emergencyWrite: 'emerg_wr' },
  }),
  table('consoleControl', consoleControl, { structure: 'virtio_console_control', names: { port: 'id' } }),
  table('consoleResize', consoleResize, { structure: 'virtio_console_resize', names: { columns: 'cols' } }),
  table('balloonConfig', balloonConfig, {
    structure: 'virtio_balloon_config',
    names: { freePageHintCommandId: 'free_page_hint_cmd_id', poisonValue: 'poison_val' },
  }),
  table(
    'balloonStatisticEntry',
    {
      tag: { offset: statistic.tag, width: statistic.value - statistic.tag, count: 1 },
      value: { offset: statistic.value, width: statistic.bytes - statistic.value, count: 1 },
    },
    { structure: 'virtio_balloon_stat', names: { value: 'val' } },
  ),
  table('scsiConfig', scsiConfig, { structure: 'virtio_scsi_config', names: { segMax: 'seg_max' } }),
  table('scsiCommandHeader', scsiCommandHeader, {
    structure: 'virtio_scsi_req_cmd',
    names: { taskAttribute: 'task_attr', commandReference: 'crn' },
    omits: { cdb: FOLLOWS },
  }),
  table('scsiCommandResponse', scsiCommandResponse, {
    structure: 'virtio_scsi_req_cmd',
    after: 'dataout',
    names: { senseLength: 'sense_len' },
    omits: { sense: FOLLOWS },
  }),
  table('scsiControl', scsiControl, 'virtio_scsi_ctrl'),
  table('scsiTaskManagement', scsiTaskManagement, {
    structure: 'virtio_scsi_ctrl_tmf',
    omits: { response: ANSWER },
  }),
  table('scsiNotification', scsiNotification, {
    structure: 'virtio_scsi_ctrl_an',
    omits: { event_actual: ANSWER, response: ANSWER },
  }),
  table('scsiNotificationResponse', scsiNotificationResponse, {
    structure: 'virtio_scsi_ctrl_an',
    begins: 'event_actual',
  }),
  table('scsiEvent', scsiEvent, 'virtio_scsi_event'),
  table('vsockConfig', vsockConfig, 'virtio_vsock_config'),
  table('vsockHeader', vsockHeader, {
    structure: 'virtio_vsock_hdr',
    names: { operation: 'op', bufferAllocation: 'buf_alloc', forwardCount: 'fwd_cnt' },
  }),
  table('vsockEventBuffer', vsockEventBuffer, 'virtio_vsock_event'),
];

const rtcNames: Readonly<Record<RtcRequestName, string>> = {
  read: 'read',
  readCross: 'read_cross',
  config: 'cfg',
  clockCapabilities: 'clock_cap',
  crossCapabilities: 'cross_cap',
  readAlarm: 'read_alarm',
  setAlarm: 'set_alarm',
  setAlarmEnabled: 'set_alarm_enabled',
};
const headNames = { messageType: 'head.msg_type', headReserved: 'head.reserved' };

/** The requests of the clock, both ways. */
const clock: readonly LayoutTable[] = [
  ...Object.entries(rtcNames).flatMap(([name, text]) => {
    const { request, response } = rtcRequests[name as RtcRequestName];
    return [
      table(`rtcRequests.${name}.request`, request, {
        structure: `virtio_rtc_req_${text}`,
        names: headNames,
      }),
      table(`rtcRequests.${name}.response`, response, {
        structure: `virtio_rtc_resp_${text}`,
        names: { headReserved: 'head.reserved' },
      }),
    ];
  }),
  table('rtcNotification', rtcNotification, { structure: 'virtio_rtc_notif_alarm', names: headNames }),
];

/** Tables of the device types. */
export const deviceTables: readonly LayoutTable[] = [...devices, ...clock];
