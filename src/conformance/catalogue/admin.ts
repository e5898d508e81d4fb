/** Device groups, administration commands and queues. Rows as `catalogue/rows.ts` reads them. */
export const admin = `
# admin.tex | Basic Facilities of a Virtio Device / Device groups
GRP-01 | both | MUST | D | 48-68 | config | (Descriptive) SR-IOV group: PF owns, members are VFs 1..NumVFs, group exists only while VF Enable is set, both sides are virtio-pci | Issue command with VF Enable clear
# admin.tex | Basic Facilities of a Virtio Device / Device groups / Group administration commands
ADM-01 | both | MUST | D | 114-116 | memory | (Descriptive) unused in-fields are zeroed by driver and ignored by device, unused out-fields vice versa | Fill reserved with ones; command works
ADM-02 | device | MUST | D | 204-205 | memory | (Descriptive) qualifier is 0 when status is OK | Check
ADM-03 | device | MUST | D | 285-288 | memory | (Descriptive) opcodes 0 and 1 are always set in the LIST_QUERY result | Check bit 0,1
ADM-04 | device | MUST | - | 344-347 | memory | opcode, group_type, member id are validated; bad ones give EINVAL plus qualifier | Fuzz each
ADM-05 | device | MUST | - | 350-351 | memory | Bad group type is reported first, as Q_INVALID_GROUP | group_type=2
ADM-06 | device | MUST | - | 352-354 | memory | Then bad opcode, as Q_INVALID_OPCODE | opcode=0x7fff
ADM-07 | device | MUST | - | 355-357 | memory | Then bad member id (if the command uses it), as Q_INVALID_MEMBER | member=NumVFs+1
ADM-08 | device | MUST | - | 360-361 | memory | Success gives status OK | Check
ADM-09 | device | MUST | - | 363-364 | memory | Failure gives a status other than OK | Check
ADM-10 | device | MUST NOT | - | 366-369 | memory | EINVAL leaves no side effects and no error state | Snapshot before/after failing command
ADM-11 | device | SHOULD NOT | - | 371-372 | memory | Any failure should leave state unchanged | Snapshot
ADM-12 | device | MAY | - | 374-378 | memory | LIST_USE may be refused (EINVAL/Q_INVALID_FIELD) over opcode dependencies | Drop one of the four legacy opcodes
ADM-13 | device | MUST | - | 380-381 | memory | Group types are independent | LIST_USE on type 0 does not change type 1
ADM-14 | device | MAY | - | 381-383 | memory | LIST_QUERY may differ between group types | Compare
ADM-15 | device | MUST | - | 385-389 | memory | After reset only LIST_QUERY and LIST_USE are legal | Send 0x3 before LIST_USE
ADM-16 | device | MUST | - | 391-393 | memory | Successful LIST_USE replaces the legal list | LIST_USE subset; others rejected
ADM-17 | device | MUST | - | 395-399 | memory | Opcodes outside the legal list fail with EINVAL/Q_INVALID_OPCODE | Check
ADM-18 | device | MUST NOT | - | 401-404 | memory | Supported list never shrinks | LIST_QUERY repeatedly, across reset
ADM-19 | device | MAY | - | 401-402 | memory | Supported list may grow | n/a
ADM-20 | device | SHOULD | - | 404-408 | memory | The same LIST_USE should succeed again after reset | Reset; repeat
ADM-21 | device | MUST NOT | - | 408-411 | memory | LIST_USE after reset is not failed merely because of the list | Reset; repeat
ADM-22 | device | MAY | - | 412-415 | memory | Exceptions when nothing is cached (firmware change) | n/a
ADM-23 | device | MUST | - | 417-423 | memory | No SR-IOV capability or VF Enable clear: all SR-IOV-group commands fail EINVAL/Q_INVALID_GROUP | Clear VF Enable; send
ADM-24 | device | MUST | - | 424-432 | memory | Member id outside 1..NumVFs: all SR-IOV-group commands fail EINVAL/Q_INVALID_MEMBER (literal text also hits LIST_* with id 0) | member=0 and NumVFs+1
ADM-25 | driver | MAY | - | 436-438 | memory | Driver may probe a group type with LIST_QUERY | n/a
ADM-26 | driver | MUST | - | 440-444 | memory | LIST_USE completes OK before any other command | Trace
ADM-27 | driver | MAY | - | 446-447 | memory | LIST_USE may be repeated | n/a
ADM-28 | driver | MUST NOT | - | 447-449 | memory | LIST_USE is not sent with other commands pending | Trace in-flight set
ADM-29 | driver | SHOULD NOT | - | 451-453 | memory | Bits of unknown opcodes are not set in LIST_USE | Trace
ADM-30 | driver | MUST NOT | - | 455-457 | memory | LIST_USE only names opcodes reported for that group type | Trace
ADM-31 | driver | MUST NOT | - | 459-461 | memory | No command of a group type before its LIST_USE | Trace
ADM-32 | driver | MAY | - | 463-465 | memory | LIST_QUERY/LIST_USE themselves may be dropped from the list | Clear bits 0/1; later calls rejected
ADM-33 | driver | MUST | - | 467-469 | memory | Reserved status values are treated as EINVAL | Return 99
ADM-34 | driver | MUST | - | 471-475 | memory | Reserved qualifiers are treated as Q_INVALID_COMMAND | Return 0x77
ADM-35 | driver | MUST | D | 477-479 | memory | (Modal missing in text) driver gives member id 1..NumVFs for SR-IOV-group commands | Trace
ADM-36 | driver | MUST | - | 480-485 | config | While such commands are pending, VFs stay enabled and the migration-capable bit stays 0 | Trap VF Enable clear with command pending
# admin.tex | Basic Facilities of a Virtio Device / Administration Virtqueues
AVQ-01 | both | MUST | D | 532-546 | memory | (Descriptive) both sides cut structures to the shorter length and read missing bytes as zero | Short and long buffers
AVQ-02 | device | MUST | - | 564-571 | memory | Too-short readable part reads as zero-extended, too-short writable part drops the rest | Submit 8-byte shorter parts
AVQ-03 | device | MUST | - | 573-582 | memory | Extra readable bytes are ignored; only the defined result is written and used length is exact | Submit longer parts; check used len
AVQ-04 | device | SHOULD | - | 584-587 | memory | Writable part is initialised up to min(defined, supplied) | Poison buffer
AVQ-05 | device | MUST NOT | - | 589-591 | memory | Length mismatch alone is no reason to fail | Submit odd sizes
AVQ-06 | device | MUST | - | 593-595 | memory | The initialised writable part is a multiple of 8 bytes | used len % 8
AVQ-07 | device | MUST | - | 597-598 | memory | status and qualifier are always initialised | Poison buffer
AVQ-08 | device | MUST | - | 600-601 | memory | One admin queue is processed in order | Queue two dependent commands
AVQ-09 | device | MAY | - | 603-605 | memory | Different admin queues are unordered | n/a
AVQ-10 | device | MUST NOT | - | 607-609 | memory | EAGAIN/ENOMEM results imply no side effects | Inject; snapshot
AVQ-11 | driver | MAY | - | 613-615 | memory | Parts may be longer than defined | n/a
AVQ-12 | driver | SHOULD | - | 617-620 | memory | Readable part is at least the defined size | Trace
AVQ-13 | driver | MUST | - | 622-624 | memory | Both parts are multiples of 8 bytes (clashes with 1-byte legacy read command) | Trace
AVQ-14 | driver | MUST | - | 626-628 | memory | Both parts are non-empty (text says 'device' in the driver section) | Trace
AVQ-15 | driver | MAY | - | 628-630 | memory | Specific data/result may be empty unless stated | n/a
AVQ-16 | driver | MUST NOT | - | 632-636 | memory | Full initialisation of the result is not assumed | Return short used len
AVQ-17 | driver | MUST | - | 634-636 | memory | Bytes past used length are taken as zero | Return short used len
AVQ-18 | driver | MUST | - | 638-640 | memory | Driver orders commands across admin queues itself | Trace
AVQ-19 | driver | SHOULD | - | 642-643 | memory | EAGAIN leads to a retry | Return EAGAIN once
# admin-cmds-legacy-interface.tex | Device groups / Group administration commands / Legacy Interface
ADL-01 | both | MUST | LD | 26-30 | memory | (Descriptive) commands act like member legacy register accesses but always little-endian | Compare with direct legacy access
ADL-02 | both | MAY | LD | 53-58 | memory | (Descriptive) no length/alignment limit as long as the access stays inside one field | Byte access inside 32-bit field
ADL-03 | device | MUST | L | 241-245 | memory | The four cfg read/write opcodes come all together or not at all | LIST_QUERY bits 2..5
ADL-04 | device | MUST | L | 247-252 | memory | data is decoded/encoded little-endian by the device | Big-endian member profile
ADL-05 | device | MUST | L | 254-259 | memory | Common cfg access crossing fields or leaving the header fails | offset 2 len 4; offset 19 len 2; offset 20 w/o MSI-X
ADL-06 | device | MUST | L | 261-266 | memory | Device cfg access crossing fields or leaving config fails | blk offset 6 len 4; past end
ADL-07 | device | MUST | L | 268-270 | register | COMMON_CFG_WRITE acts like a legacy header write | Write status/PFN/features; check member state
ADL-08 | device | MUST | L | 272-274 | register | COMMON_CFG_READ acts like a legacy header read (incl. ISR clear on read) | Read ISR twice
ADL-09 | device | MUST | L | 276-278 | register | DEV_CFG_WRITE acts like a legacy device config write | Write net mac
ADL-10 | device | MUST | L | 280-282 | register | DEV_CFG_READ acts like a legacy device config read | Read capacity
ADL-11 | device | SHOULD | L | 284-292 | config | Owner and member use modern revision/subsystem id rules | rev>=1, subsys>=0x40 on PF and VF
ADL-12 | device | SHOULD | L | 294-296 | config | Owner uses a modern PCI device id | PF id 0x1040-0x107f
ADL-13 | device | MUST | L | 298-302 | register | A write to any returned notify address equals a Queue Notify register write | Kick through both; same effect
ADL-14 | device | MUST | L | 305-310 | memory | NOTIFY_INFO implies the other four opcodes | LIST_QUERY bits 2..6
ADL-15 | device | MUST | L | 312-314 | memory | Last of the four entries has flags 0 | Check entries[3].flags
ADL-16 | device | MUST | L | 316-317 | memory | Valid entries point at a BAR that is not hardwired to zero | Compare with BARs
ADL-17 | device | MUST | L | 319-320 | memory | Valid entries have an even offset | offset & 1
ADL-18 | device | MAY | L | 322-323 | memory | Entries may be owner, member or both | n/a
ADL-19 | device | MUST | L | 325-326 | config | With NOTIFY_INFO supported, VF BAR0 in the SR-IOV capability is hardwired to zero | Write ones to VF BAR0; read 0
ADL-20 | driver | MUST | L | 331-336 | memory | data is encoded/decoded little-endian by the driver | Trace from BE guest
ADL-21 | driver | SHOULD | L | 338-342 | memory | Common cfg accesses stay inside one field | Trace
ADL-22 | driver | SHOULD | L | 344-347 | memory | Device cfg accesses stay inside one field | Trace
ADL-23 | driver | SHOULD | L | 349-351 | register | Kicks go through the notify address when available | Trace
ADL-24 | driver | MUST | L | 353-356 | memory | Entry with flags 0 ends the list | Return {1,0,2,..}; third unused
ADL-25 | driver | MUST | L | 357-359 | memory | flags are checked to be 1 or 2 | Return flags=3; entry ignored
ADL-26 | driver | MUST | L | 360-361 | memory | bar is checked to be a real BAR of owner/member | Return bar=0 or absent BAR
ADL-27 | driver | MUST | L | 362-364 | memory | offset is checked: even and inside the BAR | Return odd/out of range
ADL-28 | driver | MUST | L | 365-366 | memory | Entries failing the checks are ignored | as above
# admin-cmds-device-parts.tex | Device groups / Group administration commands / Device parts (not planned; listed for SR-IOV interplay)
ADP-01 | device | MUST | - | 325-332 | memory | Device-parts opcodes, MODE_SET and the resource-object opcodes for that object come all together or not at all | LIST_QUERY bits 0xa..0x11
ADP-02 | device | MUST NOT | - | 360-375 | memory | A stopped SR-IOV member starts no PCI transactions, yet still takes kicks and answers register reads | Stop VF; kick; watch DMA
ADP-03 | device | MUST NOT | - | 377-383 | memory | A stopped device touches no queue memory and sends no notifications | Stop; add buffers; watch
ADP-04 | device | MUST | - | 412-413 | memory | Member reset or FLR puts all its device parts back to default | Reset VF; parts default
# admin-cmds-capabilities.tex | Device groups / Group administration commands / Device and driver capabilities (not planned; listed for completeness)
ADC-01 | device | MUST | - | 185-190 | memory | Capability support means supporting its query/get/set opcodes | LIST_QUERY bits 7..9
ADC-02 | device | MUST | - | 227-227 | memory | Device reset clears driver capabilities | Reset; query
`;
