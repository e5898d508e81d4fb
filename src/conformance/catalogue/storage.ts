/** The block device and the SCSI host. Rows as `catalogue/rows.ts` reads them. */
export const storage = `
# device-types/blk/description.tex | Block Device / Feature bits / Legacy Interface: Feature bits
LEG-BLK-01 | device | MAY | LD | 71-82 | register | (Descriptive) legacy-only bits BARRIER (0) and SCSI (7); bit 9 was named WCE | Legacy profile feature dword
# device-types/blk/description.tex | Block Device / Device configuration layout / Legacy Interface
LEG-BLK-02 | both | MUST | L | 219-222 | register | virtio_blk_config is guest-native endian | BE profile: capacity
# device-types/blk/description.tex | Block Device / Device Initialization
BLK-INIT-01 | driver | SHOULD NOT | - | 285-286 | register | FLUSH not taken by drivers that cannot send it | Trace
BLK-INIT-02 | driver | MAY | - | 288-291 | - | No CONFIG_WCE/FLUSH: writethrough may be assumed; FLUSH only: writeback should be assumed | n/a
BLK-INIT-03 | driver | MUST NOT | - | 293-294 | register | writeback not read before FEATURES_OK | Trap offset 32
BLK-INIT-04 | driver | MUST NOT | - | 296-298 | register | ZONED not taken unless all models are handled | Check ack
BLK-INIT-05 | driver | MUST NOT | - | 300-302 | register | Host-managed zoned: driver does not take DISCARD (text says 'offered by the driver') | Check ack
BLK-INIT-06 | driver | MAY | - | 304-306 | register | ZONED and DISCARD independent for other models | n/a
BLK-INIT-07 | driver | MUST NOT | - | 308-318 | register | Unsupported zoned model: no FEATURES_OK, FAILED instead (HM); may be treated as plain (HA) | model=1
BLK-INIT-08 | device | SHOULD | - | 322-323 | register | FLUSH is always offered | Bit 9
BLK-INIT-09 | device | MUST | - | 322-323 | register | CONFIG_WCE implies FLUSH in the offer | Bits 11,9
BLK-INIT-10 | device | MUST | - | 325-326 | register | CONFIG_WCE without FLUSH negotiated: writeback starts at 0 | Read offset 32
BLK-INIT-11 | device | MUST | - | 328-329 | register | Padding unused0/unused1 reads 0 | Read offsets 33, 57-59
BLK-INIT-12 | device | SHOULD NOT | - | 331-332 | register | Plain disks do not offer ZONED | Bit 17
BLK-INIT-13 | device | MUST NOT | L | 334-335 | register | Legacy devices do not offer ZONED | Legacy offer bit 17 clear
BLK-INIT-14 | device | MUST | - | 337-346 | register | HM zoned device refuses FEATURES_OK when ZONED not taken; others proceed with zeroed zoned fields (should) | Negotiate
BLK-INIT-15 | device | MUST | - | 348-403 | register | Zoned config fields are filled consistently (model, zone_sectors, limits, granularity, padding) | Read config
# device-types/blk/description.tex | Block Device / Device Initialization / Legacy Interface: Device Initialization
LEG-BLK-03 | device | MUST | L | 405-410 | register | Transitional device uses a different rule set around cache mode because FEATURES_OK is absent | see next items
LEG-BLK-04 | driver | MAY | L | 413-414 | register | writeback may be read/written before DRIVER or DRIVER_OK | Access at status ACK
LEG-BLK-05 | device | MUST NOT | L | 416-419 | register | Status writes do not alter cache mode, except DRIVER_OK without CONFIG_WCE acked | Write status; read offset 32
LEG-BLK-06 | device | MUST NOT | L | 421-424 | register | Feature writes do not alter cache mode | Write features; read offset 32
# device-types/blk/description.tex | Block Device / Device Operation
BLK-OP-01 | device | MUST | D | 726-728 | memory | (Lowercase must) zone transitions over the limits fail with the resource status | Open too many zones
BLK-OP-02 | driver | SHOULD | - | 868-869 | register | capacity is re-read after config change | Trap
BLK-OP-03 | driver | MUST NOT | - | 871-872 | memory | No request past capacity | Parse
BLK-OP-04 | driver | SHOULD | - | 874-874 | register | RO accepted when offered | Check ack
BLK-OP-05 | driver | MUST | - | 876-877 | memory | FLUSH has sector 0 (and should carry no data) | Parse
BLK-OP-06 | driver | MUST | - | 879-880 | memory | IN/OUT data length is a multiple of 512 | Parse
BLK-OP-07 | driver | MUST | - | 882-884 | memory | Discard/erase/write-zeroes data is a multiple of 16 | Parse
BLK-OP-08 | driver | MUST | - | 886-886 | memory | GET_ID data is 20 bytes | Parse
BLK-OP-09 | driver | MUST NOT | - | 888-898 | memory | Segment counts stay within config limits | Parse
BLK-OP-10 | driver | MAY | - | 900-901 | register | writeback may be switched with CONFIG_WCE | n/a
BLK-OP-11 | driver | MUST NOT | - | 902-904 | - | Switching to writethrough does not imply earlier writes are stable | n/a
BLK-OP-12 | driver | MUST | - | 906-908 | memory | unmap is 0 in discard; discarded data is not relied upon | Parse
BLK-OP-13 | driver | MUST NOT | - | 910-913 | - | Nothing assumed about single segments after IOERR | n/a
BLK-OP-14 | driver | MUST | - | 918-957 | memory | Zoned request fields follow sector/size/alignment rules | Parse
BLK-OP-15 | device | MAY | - | 961-963 | register | capacity may change; a config notification should follow | Resize
BLK-OP-16 | device | MUST | - | 965-967 | memory | RO: writes get IOERR and no data is written | Send OUT
BLK-OP-17 | device | MUST | - | 969-970 | memory | Unknown flags in discard/erase/write-zeroes give UNSUPP | flags=2
BLK-OP-18 | device | MUST | - | 970-972 | memory | unmap in discard gives UNSUPP | flags=1
BLK-OP-19 | device | MAY | - | 974-975 | - | Discard may deallocate | n/a
BLK-OP-20 | device | MUST | - | 977-981 | memory | Write-zeroes range reads as zero; may deallocate with unmap | Read back
BLK-OP-21 | device | SHOULD | - | 983-987 | register | write_zeroes_may_unmap reflects ability and changes are announced | Read offset 56
BLK-OP-22 | device | MUST | - | 1007-1011 | - | Stable writes reach the medium before completion is reported (writethrough or FLUSH) | Crash backend after completion
BLK-OP-23 | device | MAY | - | 1023-1029 | - | Without FLUSH offered early commit is optional | n/a
BLK-OP-24 | device | SHOULD | - | 1038-1043 | register | LIFETIME offered only with real metrics, no reserved values | Send GET_LIFETIME
BLK-OP-25 | device | MUST | - | 1054-1057 | memory | Zone requests get UNSUPP without ZONED | Send
BLK-OP-26 | device | MUST | - | 1059-1191 | memory | Zoned request handling: statuses, state transitions, append sector, unwritten data, secure erase | Zoned suite (out of plan)
# device-types/blk/description.tex | Block Device / Device Operation / Legacy Interface: Device Operation
LEG-BLK-07 | both | MUST | L | 1194-1197 | memory | virtio_blk_req fields are guest-native endian | BE profile
LEG-BLK-08 | driver | SHOULD | L | 1199-1205 | memory | Used length is disregarded | Return total length
LEG-BLK-09 | device | MAY | LD | 1207-1209 | memory | (Descriptive) reserved word was a priority hint (ioprio) | Nonzero accepted
LEG-BLK-10 | both | MUST | L | 1211-1216 | memory | Request type 5 is handled as FLUSH (text says driver; can only mean device) | Send type 5
LEG-BLK-11 | device | SHOULD | L | 1218-1226 | memory | BARRIER bit orders the request against earlier and later ones | Type with bit 31
LEG-BLK-12 | driver | MAY | L | 1234-1238 | register | Driver may set writeback 0 or flush after each write as a workaround | n/a
LEG-BLK-13 | driver | MUST | L | 1240-1273 | memory | SCSI packet command: cmd sits in its own readable buffer, its size gives command length | Parse
LEG-BLK-14 | driver | SHOULD | L | 1280-1285 | memory | data_len is ignored by driver | Return garbage
# device-types/blk/description.tex | Block Device / Legacy Interface: Framing Requirements
LEG-BLK-15 | driver | MUST | L | 1297-1304 | memory | Without ANY_LAYOUT: header descriptor (text says 8 bytes, struct is 16), then data, then 1-byte status | Walk chains; expect 16
LEG-BLK-16 | driver | MUST | L | 1306-1311 | memory | Without ANY_LAYOUT SCSI: sense alone (96 bytes), four result words in one descriptor | Walk chains
# device-types/scsi/description.tex | SCSI Host Device / Feature bits
SCSI-FEAT-01 | both | SHOULD | - | 42-48 | memory | HOTPLUG/CHANGE: host reports, guest handles events | Plug LUN
# device-types/scsi/description.tex | SCSI Host Device / Device configuration layout
SCSI-CFG-01 | driver | MAY | - | 74-76 | register | One request queue may suffice | n/a
SCSI-CFG-02 | device | MUST | - | 93-101 | register | sense_size default 96, cdb_size default 32 | Read offsets 20, 24
SCSI-CFG-03 | device | SHOULD | - | 103-108 | register | max_channel 0, max_target <= 255, max_lun <= 16383 | Read offsets 28, 30, 32
SCSI-CFG-04 | driver | MUST NOT | - | 113-114 | register | Only sense_size and cdb_size are written | Trap
SCSI-CFG-05 | driver | MUST NOT | - | 116-118 | memory | cmd_per_lun and queue size bound linked commands per LUN | Count
SCSI-CFG-06 | device | MUST | - | 122-123 | register | Reset restores 96 / 32 | Write, reset, read
# device-types/scsi/description.tex | SCSI Host Device / Device configuration layout / Legacy Interface
LEG-SCSI-01 | both | MUST | L | 126-129 | register | virtio_scsi_config is guest-native endian | BE profile
# device-types/scsi/description.tex | SCSI Host Device / Device Operation / Legacy Interface
LEG-SCSI-02 | driver | SHOULD | L | 151-157 | memory | Used length is disregarded | Return garbage
# device-types/scsi/description.tex | SCSI Host Device / Request Queues / Legacy Interface
LEG-SCSI-03 | both | MUST | L | 343-347 | memory | virtio_scsi_req_cmd is guest-native endian (integer fields) | BE profile
# device-types/scsi/description.tex | SCSI Host Device / controlq / Legacy Interface
LEG-SCSI-04 | both | MUST | L | 504-509 | memory | Control structures are guest-native endian | BE profile
# device-types/scsi/description.tex | SCSI Host Device / eventq / Legacy Interface
LEG-SCSI-05 | both | MUST | L | 695-698 | memory | virtio_scsi_event is guest-native endian | BE profile
# device-types/scsi/description.tex | SCSI Host Device / Legacy Interface: Framing Requirements
LEG-SCSI-06 | driver | MUST | L | 703-709 | memory | Without ANY_LAYOUT request header is one descriptor and response header incl. sense is one descriptor | Walk chains
# device-types/scsi/description.tex | SCSI Host Device / Device Initialization and Operation
SCSI-OP-01 | driver | SHOULD | - | 133-141 | register | Find queues first, prime eventq, then commands may flow (listed under device heading) | Trace
SCSI-OP-02 | both | SHOULD | - | 218-239 | memory | LUN addressing, REPORT LUNS well-known unit, task attributes may be mapped; ORDERED not with implicit HEAD commands | Send
SCSI-OP-03 | device | MUST | - | 288-289 | memory | status byte is a SAM status | Check
SCSI-OP-04 | device | MUST | - | 291-330 | memory | response byte is the matching VIRTIO_SCSI_S_* code | Bad target, overrun, bidirectional without INOUT
SCSI-OP-05 | device | MUST | - | 332-334 | memory | Commands are finished (aborted or FAILURE) before reset/unplug | Reset with I/O pending
SCSI-OP-06 | driver | SHOULD | - | 338-338 | memory | task_attr, prio, crn are zero | Parse
SCSI-OP-07 | driver | SHOULD NOT | - | 340-341 | memory | TARGET_FAILURE is not retried on other paths | Return code 7
SCSI-OP-08 | device | MUST | - | 424-434 | memory | Reset/abort TMFs complete affected commands before the TMF itself is reported done | TMF with pending I/O; used order
SCSI-OP-09 | device | MAY | - | 552-564 | memory | NO_EVENT may be used for short buffers or missed events | Short event buffer
SCSI-OP-10 | device | MAY | - | 597-600 | memory | LUN 0 events may speak for the whole target | n/a
SCSI-OP-11 | device | SHOULD | - | 651-653 | memory | Parameter change also raises unit attention | Resize LUN
SCSI-OP-12 | driver | MUST | - | 666-669 | memory | Event buffers are writable and at least struct size (should be event_info_size, kept populated) | Walk
SCSI-OP-13 | driver | SHOULD | - | 671-680 | memory | Missed-event flag and rescan/removed events lead to polling/rescan | Inject
SCSI-OP-14 | device | MUST | - | 684-686 | memory | Bit 31 set when events were lost | Starve eventq
SCSI-OP-15 | device | MUST NOT | - | 688-690 | memory | removed/rescan events only with HOTPLUG | Hot-unplug without ack
SCSI-OP-16 | device | MUST NOT | - | 692-692 | memory | No PARAM_CHANGE for MMC units | n/a
`;
