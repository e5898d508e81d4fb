/** The balloon, the console, the entropy source. Rows as `catalogue/rows.ts` reads them. */
export const others = `
# device-types/console/description.tex | Console Device
CON-01 | device | MAY | - | 3-14 | register | Device may have several ports | n/a
CON-02 | device | MUST | - | 105-106 | register | emerg_wr can be written even before any setup | Write offset 8 at status 0
CON-03 | device | SHOULD | - | 108-109 | - | Low byte of emerg_wr goes to a log/output | Check host output
CON-04 | driver | MUST NOT | - | 140-141 | memory | No readable buffers in receiveq, no writable ones in transmitq | Walk chains
CON-05 | device | MAY | - | 172-173 | memory | Several console ports may be nominated | n/a
CON-06 | device | MUST NOT | - | 195-197 | memory | DEVICE_ADD never names an existing port or one >= max_nr_ports | Parse control msgs
CON-07 | device | MUST NOT | - | 199-200 | memory | DEVICE_REMOVE only names ports added before | Parse
CON-08 | driver | MUST | - | 204-205 | memory | DEVICE_READY is sent with MULTIPORT | Parse
CON-09 | driver | SHOULD | - | 207-208 | - | CONSOLE_PORT makes the port a text console | n/a
CON-10 | driver | MUST | - | 209-210 | memory | CONSOLE_PORT is answered by PORT_OPEN with value 1 | Parse
# device-types/console/description.tex | Console Device / Device configuration layout / Legacy Interface
LEG-CON-01 | both | MUST | L | 70-73 | register | virtio_console_config is guest-native endian | BE profile
# device-types/console/description.tex | Console Device / Device Operation / Legacy Interface: Device Operation
LEG-CON-02 | both | MUST | L | 213-216 | memory | virtio_console_control is guest-native endian | BE profile
LEG-CON-03 | driver | SHOULD | L | 218-224 | memory | Used length of tx queues and control tx is disregarded | Return garbage
# device-types/console/description.tex | Console Device / Legacy Interface: Framing Requirements
LEG-CON-04 | driver | MUST | L | 229-231 | memory | Without ANY_LAYOUT control buffers are single-descriptor | Walk chains
# device-types/entropy/description.tex | Entropy Device / Device Operation
RNG-01 | driver | MUST NOT | - | 34-34 | memory | No readable buffers | Walk chains
RNG-02 | driver | MUST | - | 36-37 | memory | Driver takes only the reported number of bytes | Underreport
RNG-03 | device | MUST | - | 41-42 | memory | At least one byte is returned | Check used len >= 1
RNG-04 | device | MAY | - | 41-42 | memory | Fewer bytes than asked may be returned | n/a
# device-types/balloon/description.tex | Memory Balloon Device / Feature bits
BAL-FEAT-01 | driver | SHOULD | - | 55-56 | register | MUST_TELL_HOST accepted when offered | Check ack
BAL-FEAT-02 | driver | SHOULD | - | 58-60 | register | PAGE_POISON dropped unless pages are poisoned at once | Check ack
BAL-FEAT-03 | driver | MUST NOT | - | 62-64 | register | PAGE_REPORTING not taken without PAGE_POISON when content matters | Check ack
BAL-FEAT-04 | device | MAY | - | 67-70 | register | FEATURES_OK may be refused without MUST_TELL_HOST | Negotiate
# device-types/balloon/description.tex | Memory Balloon Device / Feature bits / Legacy Interface: Feature bits
LEG-BAL-01 | device | MUST | L | 74-77 | register | Legacy guests without MUST_TELL_HOST are served | Legacy init without bit 0
LEG-BAL-02 | device | SHOULD | L | 77-79 | memory | Such guests may use memory before telling | Touch page before deflate
# device-types/balloon/description.tex | Memory Balloon Device / Device configuration layout / Legacy Interface
LEG-BAL-03 | both | MUST | L | 101-106 | register | Balloon config is little-endian even in legacy mode (exception) | BE profile: num_pages LE
# device-types/balloon/description.tex | Memory Balloon Device / Device Operation
BAL-OP-01 | driver | SHOULD | - | 179-180 | memory | Inflate when num_pages exceeds actual | Raise num_pages
BAL-OP-02 | driver | MAY | - | 182-186 | memory | Deflate when below; inflate when at or above | n/a
BAL-OP-03 | driver | MUST NOT | - | 188-191 | memory | Without DEFLATE_ON_OOM balloon pages are not taken at the stated boundary (text says <=, conflicts with the MAY above) | Watch deflateq
BAL-OP-04 | driver | MAY | - | 193-198 | memory | With DEFLATE_ON_OOM pages may be taken under pressure | n/a
BAL-OP-05 | driver | MUST | - | 200-201 | memory | Pages taken are named in deflateq | Watch deflateq
BAL-OP-06 | driver | MUST NOT | - | 203-205 | memory | MUST_TELL_HOST: pages unused until deflate acknowledged | Delay used
BAL-OP-07 | driver | MAY | - | 207-210 | memory | Otherwise reuse may precede acknowledgement | n/a
BAL-OP-08 | driver | MUST NOT | - | 212-214 | memory | Pages unused between inflate and its acknowledgement | Delay used
BAL-OP-09 | driver | MUST NOT | - | 216-218 | memory | No deflate of pages whose inflate is unacknowledged | Order
BAL-OP-10 | driver | MUST | - | 220-221 | register | actual is updated after balloon size changes | Trap writes at offset 4
BAL-OP-11 | driver | MAY | - | 223-224 | register | One update may cover several operations | n/a
BAL-OP-12 | device | MAY | - | 228-237 | memory | Device may change ballooned page content in the stated windows | n/a
# device-types/balloon/description.tex | Memory Balloon Device / Device Operation / Legacy Interface: Device Operation
LEG-BAL-04 | driver | SHOULD | L | 242-247 | memory | Used length is disregarded | Return garbage
LEG-BAL-05 | driver | MUST | L | 248-250 | register | actual is written as one atomic 4-byte access | Trap width
LEG-BAL-06 | device | SHOULD | L | 252-255 | register | Device acts on actual only after its last (most significant) byte was written | Byte-wise write
# device-types/balloon/description.tex | Memory Balloon Device / Memory Statistics / Legacy Interface
LEG-BAL-07 | both | MUST | L | 356-359 | memory | virtio_balloon_stat is guest-native endian | BE profile
LEG-BAL-08 | device | SHOULD | L | 361-367 | memory | First statsq buffer content is ignored | First buffer garbage
# device-types/balloon/description.tex | Memory Balloon Device / Free Page Hinting / Legacy Interface
LEG-BAL-09 | both | MUST | L | 531-534 | memory | Command id in output buffers is guest-native endian (config copy stays LE) | BE profile
# device-types/balloon/description.tex | Memory Balloon Device / Memory Statistics
BAL-STAT-01 | driver | MUST | - | 317-318 | memory | At most one statsq buffer outstanding | Watch
BAL-STAT-02 | driver | MUST | - | 320-321 | memory | A buffer is queued after init | Watch
BAL-STAT-03 | driver | MUST | - | 323-324 | memory | A new one is queued after each use | Watch
BAL-STAT-04 | driver | MUST | - | 326-328 | memory | Buffer holds one entry per supported statistic | Parse
BAL-STAT-05 | driver | MUST | - | 330-331 | memory | Buffer size is a multiple of the entry (text says 6, entry is 10 bytes) | Accept multiple of 10
BAL-STAT-06 | driver | MAY | - | 333-338 | memory | Any order, any subset | n/a
BAL-STAT-07 | driver | MUST | - | 340-341 | memory | Same subset in every buffer | Compare
BAL-STAT-08 | device | MUST | - | 347-348 | memory | Unknown tags are ignored | tag=0x1234
BAL-STAT-09 | device | MUST | - | 350-352 | memory | Any order accepted | Shuffle
# device-types/balloon/description.tex | Memory Balloon Device / Free Page Hinting, Page Poison, Free Page Reporting
BAL-FPH-01 | driver | MUST | - | 470-501 | memory | Hinting: 4-byte command buffers, start with current id once, stop with STOP, pages treated as lost until DONE rules | Watch free_page_vq
BAL-FPH-02 | device | SHOULD | - | 508-510 | register | STOP shown when hints are useless | Read offset 8
BAL-FPH-03 | device | MUST NOT | - | 512-513 | register | Command id not reused before STOP received | Watch
BAL-FPH-04 | device | MUST | - | 515-516 | memory | Pages under a stale id are ignored | Send stale id
BAL-FPH-05 | device | MUST NOT | - | 518-523 | memory | Hinted pages are not altered after DONE (may be before) | Checksum
BAL-FPH-06 | device | MUST | - | 525-527 | register | DONE reported when hints no longer needed | Read offset 8
BAL-FPH-07 | driver | MUST | - | 555-561 | register | poison_val set before DRIVER_OK, not changed after, pages poisoned on reuse | Trap offset 12
BAL-FPH-08 | device | MAY | - | 568-569 | - | poison_val is a hint | n/a
BAL-FPH-09 | driver | MUST | - | 606-621 | memory | Reported pages: unused until ack, poisoned first with PAGE_POISON | Watch
BAL-FPH-10 | device | MUST NOT | - | 628-634 | memory | With PAGE_POISON reported pages only ever become poison_val | Checksum
`;
