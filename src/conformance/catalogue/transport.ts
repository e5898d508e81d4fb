/** Virtio over PCI, with its legacy interface. Rows as `catalogue/rows.ts` reads them. */
export const transport = `
# transport-pci.tex | Virtio Over PCI Bus
PCI-BUS-01 | device | MUST | - | 13-17 | config | The function obeys the PCI/PCIe specification it claims | Generic PCI config checks: BAR sizing, cap list sanity, status bits
# transport-pci.tex | Virtio Over PCI Bus / PCI Device Discovery
PCI-ID-01 | device | MAY | - | 26-27 | config | Transitional id range 0x1000-0x103f may be used, per device type | Read device id
PCI-ID-02 | device | MUST | - | 31-31 | config | Vendor id reads 0x1AF4 | Read offset 0x00
PCI-ID-03 | device | MUST | - | 32-55 | config | Device id is 0x1040+type or the tabulated transitional id, nothing else | Read offset 0x02; compare with table
PCI-ID-04 | device | MAY | - | 60-61 | config | Subsystem ids may mirror the environment's PCI ids | Read 0x2C/0x2E; informative
PCI-ID-05 | device | SHOULD | - | 63-64 | config | Modern-only device stays in 0x1040-0x107f | Read device id
PCI-ID-06 | device | SHOULD | - | 65-65 | config | Modern-only device has revision 1 or above | Read offset 0x08
PCI-ID-07 | device | SHOULD | - | 66-66 | config | Modern-only device has subsystem device id 0x40 or above | Read offset 0x2E
PCI-ID-08 | driver | MUST | - | 72-75 | config | Driver binds to 1AF4 with 0x1040+type | Present each id; expect bind
PCI-ID-09 | driver | MUST | - | 76-81 | config | Driver for the seven listed types also binds to the transitional id | Present 0x1000..0x1005,0x1009
PCI-ID-10 | driver | MUST | - | 83-83 | config | Driver takes any revision id | Present revision 0,1,0xff
PCI-ID-11 | driver | MAY | - | 84-85 | config | Driver may take any subsystem ids | Present odd subsystem ids
# transport-pci.tex | Virtio Over PCI Bus / PCI Device Discovery / Legacy Interfaces: A Note on PCI Device Discovery
LEG-ID-01 | device | MUST | L | 88-88 | config | Transitional device has revision 0 | Read offset 0x08
LEG-ID-02 | device | MUST | L | 89-90 | config | Subsystem device id equals the virtio type number | Read 0x2E equals 1,2,3,4,5,8,9
LEG-ID-03 | device | MUST | L | 91-92 | config | Device id lies in 0x1000-0x103f | Read 0x02
# transport-pci.tex | Virtio Over PCI Bus / PCI Device Layout
PCI-LAY-01 | driver | MUST | - | 111-114 | register | Config accesses use the field's own width, aligned; 64-bit fields as two 32-bit ones | Flag wrong-width or unaligned access to common cfg
PCI-LAY-02 | driver | MAY | - | 114-116 | register | Halves of 64-bit fields may be touched on their own, any order | Write high before low; result must combine
PCI-LAY-03 | device | MUST | - | 120-121 | register | Each 32-bit half of a 64-bit field is independently accessible | Write one half; other half keeps value
# transport-pci.tex | Virtio Over PCI Bus / Virtio Structure PCI Capabilities
PCI-CAP-01 | device | MAY | - | 171-171 | config | cap_len may cover padding or fields the driver ignores | Parse cap_len > 16
PCI-CAP-02 | device | MUST NOT | D | 173-193 | config | (Table) cfg_type values outside 1-5, 8, 9 are reserved; 10 is unassigned in v1.4 | Enumerate caps; list reserved types
PCI-CAP-03 | device | MAY | - | 197-201 | config | Several structures of one type may be offered, list order giving preference | Present two notify caps; driver picks first usable
PCI-CAP-04 | device | MUST NOT | D | 212-218 | config | (Table) bar values above 5 are reserved | Enumerate caps; bar <= 5
PCI-CAP-05 | device | MAY | - | 234-235 | config | length may exceed what is used | Advertise long structure
PCI-CAP-06 | driver | MAY | - | 241-244 | - | Driver may map only the first 4 KiB | not observable
PCI-CAP-07 | driver | MUST | - | 267-268 | config | Caps with reserved cfg_type are skipped | Insert cfg_type 0x77 first; driver must bind
PCI-CAP-08 | driver | SHOULD | - | 270-271 | config | First usable instance of a type is taken | Two common cfgs; see which is accessed
PCI-CAP-09 | driver | MUST | - | 273-273 | config | Larger cap_len than defined is tolerated | Advertise cap_len+4
PCI-CAP-10 | driver | MUST | - | 275-276 | config | Caps with reserved bar values are skipped | Insert bar=7 copy first
PCI-CAP-11 | driver | SHOULD | - | 278-279 | - | Only the needed part of a structure is mapped | not observable
PCI-CAP-12 | driver | MUST | - | 279-281 | config | Unexpectedly large length is handled | Advertise length 1 MiB
PCI-CAP-13 | driver | MAY | - | 280-281 | config | Minimum length may be verified | Advertise too short length; driver may refuse
PCI-CAP-14 | driver | MUST NOT | - | 283-285 | config | Capability structures are never written, PCI_CFG type excepted | Trap config writes to caps
PCI-CAP-15 | device | MUST | - | 289-290 | config | cap_len counts everything from cap_vndr to end of extra data | cap_len>=16; notify >=20; pci_cfg >=20; shm >=24
PCI-CAP-16 | device | MAY | - | 291-292 | config | Padding after the structure is allowed | n/a
PCI-CAP-17 | device | SHOULD | - | 294-295 | config | Same-type structures are listed best first | Manual check of preference
# transport-pci.tex | Virtio Over PCI Bus / Common configuration structure layout
PCI-COM-01 | device | MUST | - | 434-434 | config | Common cfg offset is a multiple of 4 | offset & 3 == 0
PCI-COM-02 | device | MUST | - | 436-436 | config | At least one common cfg capability exists | Enumerate caps
PCI-COM-03 | device | MUST | - | 438-441 | register | device_feature shows the 32-bit window chosen by the selector; unknown windows read 0 | Select 0,1,2,0xffffffff and read
PCI-COM-04 | device | MUST | - | 443-443 | register | Valid bits written by the driver read back through driver_feature per selector | Write subset; read back both words
PCI-COM-05 | device | MAY | - | 443-443 | register | Invalid bits may be mirrored too | Write extra bits; either outcome
PCI-COM-06 | device | MUST | - | 455-458 | register | Generation differs after a changed config value was read | Change config, read field, compare generation before/after
PCI-COM-07 | device | MUST | - | 467-468 | register | Writing 0 to device_status resets, and 0 is shown when finished | Write 0, poll
PCI-COM-08 | device | MUST | - | 470-470 | register | queue_enable reads 0 after reset | Enable, reset, read each queue
PCI-COM-09 | device | MUST | - | 472-473 | register | queue_reset reads 0 after device reset (RING_RESET) | Reset, read
PCI-COM-10 | device | MUST | - | 475-476 | register | queue_reset reads 0 once the queue is (re)enabled | Enable, read
PCI-COM-11 | device | MUST | - | 478-478 | register | Writing 1 to queue_reset resets that queue | Write 1; queue stops
PCI-COM-12 | device | MUST | - | 478-480 | register | queue_reset keeps reading 1 while the operation runs | Slow backend; poll
PCI-COM-13 | device | MUST | - | 480-481 | register | Both queue_reset and queue_enable read 0 when done | Poll then read queue_enable
PCI-COM-14 | device | MUST | - | 484-485 | register | queue_size reads 0 for a nonexistent queue | Select num_queues and beyond
PCI-COM-15 | device | MUST | - | 487-489 | register | Without packed ring, queue_size is 0 or a power of two | Read all queues
PCI-COM-16 | device | MUST | - | 491-493 | register | admin_queue_index is at or above num_queues | Read both
PCI-COM-17 | device | MUST | - | 493-496 | register | admin_queue_num fits below 0x10000 - admin_queue_index | Read both
PCI-COM-18 | driver | MUST NOT | - | 500-502 | register | device_feature, num_queues, config_generation, queue_notify_off, queue_notif_config_data are never written | Trap writes
PCI-COM-19 | driver | MUST NOT | - | 504-505 | register | Packed: queue_size is never set to 0 | Trap write of 0
PCI-COM-20 | driver | MUST NOT | - | 506-507 | register | Split: queue_size gets only powers of two | Trap bad value
PCI-COM-21 | driver | MUST | - | 509-510 | register | All queue fields are set before queue_enable | Order of writes in trace
PCI-COM-22 | driver | MUST | - | 512-513 | register | After writing 0 to status the driver waits for 0 to read back | Delay completion; trap register writes meanwhile
PCI-COM-23 | driver | MUST NOT | - | 515-515 | register | queue_enable never gets 0 | Trap
PCI-COM-24 | driver | MUST | - | 517-519 | register | Queue reset counts as complete only when queue_reset reads 0 | Delay; trap enable meanwhile
PCI-COM-25 | driver | MAY | - | 519-521 | register | Driver may switch the queue on again once its fields are right | Trace
PCI-COM-26 | driver | MAY | - | 521-523 | register | Queue parameters may differ after reset | Trace
PCI-COM-27 | driver | MUST | - | 526-530 | register | Admin queues are configured only at indices inside the announced window | Trap queue_select of other index for admin use
PCI-COM-28 | driver | MAY | - | 531-532 | register | Fewer admin queues than offered may be set up | n/a
# transport-pci.tex | Virtio Over PCI Bus / Notification capability
PCI-NOT-01 | device | MUST | - | 564-564 | config | At least one notify capability exists | Enumerate caps
PCI-NOT-02 | device | MUST | - | 568-568 | config | Without NOTIFICATION_DATA cap.offset is even | offset & 1 == 0
PCI-NOT-03 | device | MUST | - | 570-571 | config | Multiplier is 0 or an even power of two (no NOTIFICATION_DATA) | mult==0 or power of two >=2
PCI-NOT-04 | device | MUST | - | 573-575 | config | Length is at least 2 and covers every queue in every configuration | Check
PCI-NOT-05 | device | MUST | - | 577-580 | register | For each queue: length >= queue_notify_off*multiplier+2 | Read all queue_notify_off
PCI-NOT-06 | device | MUST | - | 584-586 | config | With NOTIFICATION_DATA multiplier is 0 or a power of two divisible by 4 | Check
PCI-NOT-07 | device | MUST | - | 588-588 | config | With NOTIFICATION_DATA cap.offset is a multiple of 4 | Check
PCI-NOT-08 | device | MUST | - | 590-592 | config | With NOTIFICATION_DATA length is at least 4 and covers every queue | Check
PCI-NOT-09 | device | MUST | - | 594-597 | register | With NOTIFICATION_DATA: length >= queue_notify_off*multiplier+4 | Read all queue_notify_off
# transport-pci.tex | Virtio Over PCI Bus / ISR status capability
PCI-ISR-01 | device | MUST | - | 628-628 | config | At least one ISR capability exists | Enumerate caps
PCI-ISR-02 | device | MUST | - | 630-632 | register | ISR bit1 is set before any config-change notification (also in MSI-X mode as written) | Trigger config change; read ISR byte
PCI-ISR-03 | device | MUST | - | 634-636 | register | With MSI-X off, ISR bit0 is set before a queue notification | Complete a buffer; read ISR in handler
PCI-ISR-04 | device | MUST | - | 638-642 | config | With MSI-X off, PCI Status Interrupt bit mirrors OR of ISR bits; INTx follows subject to PCI masking | Read PCI status 0x06 bit3; toggle Interrupt Disable
PCI-ISR-05 | device | MUST | - | 644-644 | register | Reading ISR clears it | Read twice; second gives 0
PCI-ISR-06 | driver | SHOULD NOT | - | 648-649 | register | With MSI-X on the ISR is not read on queue interrupts | Trap ISR reads
# transport-pci.tex | Virtio Over PCI Bus / Device-specific configuration
PCI-DEV-01 | device | MUST | - | 653-654 | config | A DEVICE_CFG capability exists for types having config | Enumerate caps for net/blk/console/balloon/scsi/9p
PCI-DEV-02 | device | MUST | - | 658-658 | config | Its offset is a multiple of 4 | Check
# transport-pci.tex | Virtio Over PCI Bus / Shared memory capability
PCI-SHM-01 | device | MUST | - | 674-677 | config | The 64-bit offset/length region lies inside its BAR | Compare with BAR size
PCI-SHM-02 | device | MUST | - | 679-679 | config | cap.id is unique on the device | Enumerate
# transport-pci.tex | Virtio Over PCI Bus / Vendor data capability
PCI-VND-01 | device | MUST NOT | D | 717-718 | config | (Prose repeat) generic reads of vendor data have no side effect | Read twice; compare state
PCI-VND-02 | device | MAY | - | 724-728 | config | vendor_id may differ from PCI/subsystem vendor and several such caps may exist (text says CAN) | Enumerate
PCI-VND-03 | device | MUST NOT | - | 730-730 | config | vendor_id is never 0x1AF4 | Read at cap+4
PCI-VND-04 | device | MUST | - | 732-732 | config | cap size is a multiple of 4 | cap_len & 3 == 0
PCI-VND-05 | device | MUST NOT | - | 734-735 | config | Reads have no side effects | Read twice; compare state
PCI-VND-06 | driver | SHOULD NOT | - | 741-742 | config | Driver uses vendor data only for debug/reporting | Trap reads during normal operation
PCI-VND-07 | driver | MUST | - | 744-745 | config | vendor_id is checked before contents are used or written | Give foreign vendor id; no writes
# transport-pci.tex | Virtio Over PCI Bus / PCI configuration access capability
PCI-CFGW-01 | device | MUST | - | 783-783 | config | At least one PCI_CFG capability exists | Enumerate caps
PCI-CFGW-02 | device | MUST | - | 785-788 | config | Writing pci_cfg_data performs a BAR write of cap.length bytes at bar/offset | Write device_status through window; read through BAR
PCI-CFGW-03 | device | MUST | - | 790-794 | config | Reading pci_cfg_data performs a BAR read of cap.length bytes and returns them | Read features through window; compare
PCI-CFGW-04 | driver | MUST NOT | - | 798-799 | config | Window offset is always a multiple of the window length | Trap
PCI-CFGW-05 | driver | MUST NOT | - | 801-805 | config | pci_cfg_data is touched only while the window targets bytes of another virtio structure | Trap stray windows
# transport-pci.tex | Virtio Over PCI Bus / PCI Device Layout / Legacy Interfaces: A Note on PCI Device Layout
LEG-LAY-01 | device | MUST | L | 809-811 | config | Legacy header lives in BAR0, which is the first I/O BAR | BAR0 bit0 ==1; header readable at base
LEG-LAY-02 | driver | MUST | L | 812-814 | register | Transitional driver in legacy mode uses that BAR0 I/O structure | Trap any modern-structure access
LEG-LAY-03 | driver | MAY | L | 816-817 | register | Legacy driver may use any access width on device config | Byte/word/dword mix accepted
LEG-LAY-04 | device | MUST | L | 818-820 | register | Any-width config access yields the same bytes as natural-width access | Read config by 1,2,4 bytes; compare
LEG-LAY-05 | device | MUST | LD | 822-825 | register | (Descriptive) header registers are little-endian while device config is guest-endian | Big-endian profile: header LE, config BE
LEG-LAY-06 | device | MUST | LD | 827-839 | register | (Table) header order is features, driver features, queue address, size, select, notify, status, ISR at 0,4,8,12,14,16,18,19 | Probe each offset/width
LEG-LAY-07 | device | MUST | LD | 841-858 | register | (Descriptive) enabling MSI-X inserts two 16-bit vector registers at 20/22 and moves device config to 24; disabling moves it back to 20 | Toggle MSI-X Enable; read config at 20 and 24
LEG-LAY-08 | driver | MUST | L | 873-876 | register | Driver addresses device config right after the header in force | Trap config base vs MSI-X state
LEG-LAY-09 | device | MUST | L | 878-880 | register | Device shows device config right after the header in force | Read first config field at 20 / 24
LEG-LAY-10 | device | MUST | L | 882-885 | register | Through the legacy interface bits 32-63 count as not accepted | Legacy init after modern init; packed/VERSION_1 behaviour off
# transport-pci.tex | Virtio Over PCI Bus / Non-transitional Device With Legacy Driver
NT-LEG-01 | device | SHOULD | L | 920-927 | config | Where a legacy driver with identical ids once existed, a modern-only device shows an I/O BAR0 | BAR0 bit0 in that profile
NT-LEG-02 | device | SHOULD | L | 928-930 | register | On a one-byte zero write at BAR0+18 such a device reads zero on all BARs and drops writes | Write 0 at 18; then all BAR reads give 0
# transport-pci.tex | Virtio Over PCI Bus / Device Initialization / Legacy Interface: A Note on Device Layout Detection
LEG-DET-01 | device | MUST | L | 955-956 | config | The legacy register block sits behind BAR0 and that BAR is of I/O type | BAR0 type I/O, Command.IO gates it
LEG-DET-02 | driver | MUST | L | 958-959 | config | Transitional driver scans for virtio caps | Trace config reads
LEG-DET-03 | driver | MUST | L | 960-961 | config | No caps means legacy device, driven through legacy interface | Hide caps; driver uses BAR0
LEG-DET-04 | driver | MUST | L | 963-964 | config | Modern-only driver scans for virtio caps | Trace config reads
LEG-DET-05 | driver | MUST | L | 965-966 | config | No caps means legacy device; modern-only driver fails cleanly | Hide caps; no BAR access, no crash
# transport-pci.tex | Virtio Over PCI Bus / Device Initialization / MSI-X Vector Configuration
PCI-MSIX-01 | device | SHOULD | - | 991-992 | config | 2 to 0x800 vectors when MSI-X exists | Read Table Size+1
PCI-MSIX-02 | device | MUST | - | 993-995 | config | Vector count is reported in MSI-X Table Size | Read msg control
PCI-MSIX-03 | device | SHOULD | - | 996-997 | config | Table Size is kept to a useful value | Manual
PCI-MSIX-04 | device | MUST | - | 1002-1003 | register | Any event maps to any valid vector | Map every queue/config to each vector; read back
PCI-MSIX-05 | device | MUST | - | 1004-1004 | register | Any event can be unmapped | Write 0xffff; read back
PCI-MSIX-06 | device | MUST | - | 1006-1007 | register | Vector register reads back the mapping or NO_VECTOR | Read after write
PCI-MSIX-07 | device | MUST | - | 1008-1009 | register | All events are unmapped after reset | Map, reset, read 0xffff everywhere
PCI-MSIX-08 | device | SHOULD NOT | - | 1011-1013 | register | Mapping does not fail unless truly impossible | Map all
PCI-MSIX-09 | device | MUST | - | 1013-1015 | register | Mapping failure shows as NO_VECTOR on read | Write vector >= table size; read 0xffff
PCI-MSIX-10 | driver | MUST | - | 1019-1019 | config | Driver copes with any Table Size 0..0x7ff | Vary table size
PCI-MSIX-11 | driver | MAY | - | 1020-1021 | interrupt | With one vector only the driver may use INTx | Table size 0
PCI-MSIX-12 | driver | MAY | - | 1023-1024 | - | Table Size may be taken as a hint | n/a
PCI-MSIX-13 | driver | MUST NOT | - | 1026-1028 | register | Vectors outside the table are never requested | Trap
PCI-MSIX-14 | driver | MUST | - | 1030-1033 | register | Driver reads the vector back to verify | Trap read after write
PCI-MSIX-15 | driver | MAY | - | 1033-1035 | register | On failure: fewer vectors, INTx, or give up | Return 0xffff; observe
# transport-pci.tex | Virtio Over PCI Bus / Device Initialization / Virtqueue Configuration
PCI-VQ-01 | driver | MUST | D | 1044-1063 | register | (Descriptive) per queue: select, read size, optionally shrink, allocate zeroed rings, optionally set vector and verify | Trace
# transport-pci.tex | Virtio Over PCI Bus / Virtqueue Configuration / Legacy Interface: A Note on Virtqueue Configuration
LEG-VQ-01 | both | MUST | LD | 1066-1066 | memory | (Descriptive) legacy queue layout uses an alignment of 4096 | Locate used ring at aligned offset
LEG-VQ-02 | driver | MUST | LD | 1067-1071 | register | (Descriptive) queue Address gets physical address / 4096 | PFN<<12 equals ring base
LEG-VQ-03 | both | MUST NOT | LD | 1071-1071 | register | (Descriptive) queue size is not negotiable; the register is read-only | Write Queue Size; value unchanged, ring uses original
# transport-pci.tex | Virtio Over PCI Bus / Available Buffer Notifications
PCI-KICK-01 | driver | MUST | - | 1102-1103 | register | Without NOTIFICATION_DATA the kick is 16 bits wide | Trap width
PCI-KICK-02 | driver | MUST | - | 1105-1106 | register | With NOTIFICATION_DATA the kick is 32 bits wide | Trap width
PCI-KICK-03 | driver | MUST | - | 1110-1111 | register | Plain mode: value is the queue index | Trap value
PCI-KICK-04 | driver | MUST | - | 1113-1114 | register | NOTIFICATION_DATA alone: low 16 bits are the queue index | Trap value
PCI-KICK-05 | driver | MUST | - | 1120-1121 | register | NOTIF_CONFIG_DATA alone: value is queue_notif_config_data | Trap value
PCI-KICK-06 | driver | MUST | - | 1123-1124 | register | Both: low 16 bits are queue_notif_config_data | Trap value
# transport-pci.tex | Virtio Over PCI Bus / Used Buffer Notifications
PCI-USED-01 | device | MUST NOT | - | 1150-1152 | interrupt | MSI-X on and queue vector NO_VECTOR: no interrupt for that queue | Unmap, complete buffer, no MSI and no INTx
# transport-pci.tex | Virtio Over PCI Bus / Notification of Device Configuration Changes
PCI-CHG-01 | device | MAY | - | 1176-1177 | interrupt | One interrupt may stand for both queue and config events | Both ISR bits set
PCI-CHG-02 | device | MUST NOT | - | 1181-1183 | interrupt | MSI-X on and config vector NO_VECTOR: no interrupt for config changes | Unmap, change config, no MSI and no INTx
PCI-CHG-03 | driver | MUST | - | 1187-1188 | interrupt | Driver copes with one interrupt meaning both | Raise single IRQ with both bits; both handled
# transport-pci.tex | Virtio Over PCI Bus / Driver Handling Interrupts
PCI-HND-01 | driver | MUST | D | 1190-1203 | register | (Descriptive) INTx handler reads ISR, bit0 scans queues, bit1 re-reads config | Trace
PCI-HND-02 | driver | MUST | D | 1204-1213 | interrupt | (Descriptive) MSI-X handler scans queues of that vector and config if vector matches | Trace
# transport-pci.tex | PCI Device Discovery (transitional id of 9P)
P9-02 | device | MUST | L | 53-53 | config | Transitional id of 9P is 0x1009 with subsystem id 9 | Read ids
`;
