/** What every device and driver has: status, features, reset, configuration, initialization, reserved features. Rows as `catalogue/rows.ts` reads them. */
export const basics = `
# content.tex | Basic Facilities of a Virtio Device / Device Status Field
BF-STAT-01 | driver | MUST | - | 61-65 | register | Driver raises status bits one step at a time as each init stage is finished | Trace status writes; check order ACK, DRIVER, FEATURES_OK, DRIVER_OK
BF-STAT-02 | driver | MUST NOT | - | 66-67 | register | Once set, a status bit is never dropped by the driver (other than by a full reset) | Flag any non-zero status write that lacks a bit present in the last value
BF-STAT-03 | driver | MUST | - | 67-68 | register | After FAILED has been raised the only way back is through a reset | Flag any init activity after FAILED without an intervening 0 write
BF-STAT-04 | driver | SHOULD NOT | - | 70-71 | - | With DEVICE_NEEDS_RESET up, outstanding requests must not be counted on to finish | Raise NEEDS_RESET mid-I/O; see whether driver hangs or resets
BF-STAT-05 | device | MUST NOT | - | 81-82 | memory | No buffer is taken and no used-buffer notification sent while DRIVER_OK is clear (non-legacy use) | Populate ring and kick before DRIVER_OK; used idx and IRQ stay put
BF-STAT-06 | device | SHOULD | - | 84-85 | register | Unrecoverable device error is signalled through DEVICE_NEEDS_RESET | Feed a corrupt ring; read status for bit 64
BF-STAT-07 | device | MUST | - | 85-86 | interrupt | If DRIVER_OK was already set when NEEDS_RESET is raised, a config-change notification follows | Corrupt ring after DRIVER_OK; expect ISR bit1 or config vector
# content.tex | Basic Facilities of a Virtio Device / Feature Bits
BF-FEAT-01 | driver | MUST NOT | - | 142-143 | register | Driver accepts only offered bits | driver_feature & ~device_feature must be 0 at FEATURES_OK
BF-FEAT-02 | driver | MUST NOT | - | 143-144 | register | Driver accepts a bit only together with the bits it depends on | Check dependency table at FEATURES_OK
BF-FEAT-03 | driver | MUST | - | 146-146 | - | Offered bits are checked by the driver before use | Offer inconsistent set; driver must not act on it
BF-FEAT-04 | driver | MUST | - | 147-147 | register | Unknown, reserved, wrong-transport or wrong-device-type bits are ignored by driver | Offer reserved bits 44..49/128+; driver must still initialise
BF-FEAT-05 | driver | MUST NOT | - | 147-153 | register | Unknown, reserved, wrong-transport or wrong-type bits are never acked | Offer them all; acked mask must exclude them
BF-FEAT-06 | driver | SHOULD | - | 155-156 | register | Missing wanted feature leads to fallback mode | Withhold an optional bit; driver still reaches DRIVER_OK
BF-FEAT-07 | driver | MUST | - | 156-157 | register | A driver that cannot fall back sets FAILED and stops | Withhold a required bit; expect status bit 128 and no more setup
BF-FEAT-08 | driver | MUST NOT | - | 159-160 | register | An unfamiliar offered bit alone is no ground for giving up | Offer extra bit; driver must not set FAILED
BF-FEAT-09 | device | MUST NOT | - | 163-164 | register | A bit is offered only when all bits it needs are offered too | Check dependency table over device_feature words
BF-FEAT-10 | device | SHOULD | - | 164-165 | register | Any self-consistent subset should be accepted | Write random valid subsets; FEATURES_OK sticks
BF-FEAT-11 | device | MUST | - | 165-166 | register | When a subset is unacceptable the device keeps FEATURES_OK clear | Ack dependency without parent; re-read FEATURES_OK must be 0
BF-FEAT-12 | device | MUST NOT | - | 168-176 | register | Bits that could not be honoured if accepted (unknown/reserved/other transport/other type) are not offered | Read all feature words; no bits outside known table
BF-FEAT-13 | device | SHOULD NOT | - | 179-184 | register | A once-accepted set should be acceptable again after reset | Negotiate, reset, negotiate same set
# content.tex | Basic Facilities of a Virtio Device / Feature Bits / Legacy Interface: A Note on Feature Bits
LEG-FEAT-01 | driver | MUST | L | 190-191 | register | Absence of VERSION_1 in the offer tells a transitional driver it faces a legacy device | Offer without bit 32; driver must use BAR0 legacy header only
LEG-FEAT-02 | device | MUST | L | 192-193 | register | Bit 32 not acked by the driver tells a transitional device it is driven by legacy code | Skip acking bit 32; device switches to legacy rules
LEG-FEAT-03 | both | MAY | L | 197-199 | - | Supporting the legacy interface at all is optional | n/a - configuration choice of the profile
LEG-FEAT-04 | both | MUST | L | 204-206 | - | While used through the legacy interface, both sides follow the text of the Legacy Interface sections | Umbrella: run the LEG-* tests
# content.tex | Basic Facilities of a Virtio Device / Device Reset
BF-RST-01 | device | MUST | - | 254-254 | register | Reset ends with device status back at 0 | Write 0; poll until read gives 0
BF-RST-02 | device | MUST NOT | - | 256-258 | memory | From the moment status shows 0 until re-init, no notifications and no queue accesses | Keep rings in memory after reset; watch for DMA/IRQ
BF-RST-03 | driver | SHOULD | - | 262-263 | register | Driver treats its reset as finished only after it has seen status 0 | Delay completion; driver must keep polling before continuing
# content.tex | Basic Facilities of a Virtio Device / Device Configuration Space
BF-CFG-01 | driver | MUST NOT | - | 284-285 | register | No atomicity is assumed for >32-bit fields or groups of fields | Change capacity between two halves; driver must retry
BF-CFG-02 | driver | SHOULD | - | 286-295 | register | Config reads are bracketed by two generation reads and repeated while they differ | Bump generation between reads; expect re-read
BF-CFG-03 | driver | MUST | - | 297-299 | register | Optional field is touched only after its feature bit was seen offered | Withhold feature; flag access to that offset
BF-CFG-04 | driver | MUST NOT | - | 304-305 | register | Driver places no upper bound on structure or config space size | Advertise huge length; driver must bind
BF-CFG-05 | driver | SHOULD | - | 305-307 | register | Size check is limited to 'big enough' | Advertise length exactly minimal and minimal+pad
BF-CFG-06 | device | MUST | - | 318-321 | register | All config fields, including feature-conditional ones that are offered, are readable before FEATURES_OK | Read whole struct at status 0/ACK/DRIVER
# content.tex | Basic Facilities of a Virtio Device / Device Configuration Space / Legacy Interface
LEG-CFG-01 | both | MUST | LD | 325-327 | register | (Descriptive, binding via per-device notes) legacy config fields are guest-native endian unless the device chapter says otherwise | Run big-endian guest profile; compare byte order per field
LEG-CFG-02 | driver | SHOULD | L | 331-339 | register | Legacy driver repeats reads of blk capacity and net mac until two agree | Flip value between reads; driver must settle on a stable value
# content.tex | Basic Facilities of a Virtio Device / Virtqueues / Virtqueue Reset
BF-VQR-01 | device | MUST NOT | - | 416-417 | memory | A reset queue gets no request execution and no notifications | queue_reset=1 then add buffers and kick; used idx must not move
BF-VQR-02 | device | MUST | - | 419-420 | memory | Queue reset returns avail/used positions and other queue state to defaults | Reset, re-enable with fresh ring; device starts at index 0 / wrap 1
BF-VQR-03 | driver | MUST | - | 424-425 | register | Driver confirms the queue reset really finished | Hold queue_reset at 1; driver must poll
BF-VQR-04 | driver | MAY | - | 427-428 | - | Queue memory may be freed after a confirmed reset | Free-page poison; no device access
BF-VQR-05 | device | MUST | - | 437-438 | register | On re-enable the device takes the possibly new queue parameters (e.g. size) into account | Re-enable with smaller size; ring wraps at new size
BF-VQR-06 | driver | MUST | - | 442-444 | register | Re-enabled queue is set up again like at first discovery, parameters may differ | After reset, check all queue fields rewritten before queue_enable
# content.tex | Basic Facilities of a Virtio Device / Exporting Objects
BF-EXP-01 | device | SHOULD | - | 505-506 | - | Exported object ids preferably are version-4 UUIDs | n/a for planned device types
# content.tex | General Initialization And Device Operation / Device Initialization
INIT-01 | driver | MUST | - | 521-548 | register | Driver follows the eight-step bring-up order (reset, ACK, DRIVER, features, FEATURES_OK, re-read, setup, DRIVER_OK) | Record ordered trace of register writes
INIT-02 | driver | MAY | - | 532-533 | register | Config may be read while negotiating features | Permit config reads before FEATURES_OK
INIT-03 | driver | MUST NOT | - | 532-533 | register | Config is not written while negotiating features (non-legacy) | Flag device config writes before FEATURES_OK
INIT-04 | driver | MUST NOT | - | 535-536 | register | Feature set is frozen once FEATURES_OK was written | Flag driver_feature writes after FEATURES_OK
INIT-05 | driver | MUST | - | 538-540 | register | FEATURES_OK is read back and a clear bit means device unusable | Refuse FEATURES_OK; driver must not go on to queue setup
INIT-06 | driver | SHOULD | - | 550-552 | register | Failed init leads to the FAILED bit | Break a step; look for status bit 128
INIT-07 | driver | MUST NOT | - | 552-553 | register | Init does not go on after an irrecoverable failure | After FAILED no further queue/config writes
INIT-08 | driver | MUST NOT | - | 555-556 | register | No kick before DRIVER_OK | Flag notify writes while DRIVER_OK clear
# content.tex | General Initialization And Device Operation / Device Initialization / Legacy Interface: Device Initialization
LEG-INIT-01 | driver | MUST | L | 582-588 | register | Legacy bring-up is the normal order minus the two FEATURES_OK steps | Flag FEATURES_OK write through legacy status register
LEG-INIT-02 | device | MUST | L | 591-594 | register | Config writes arriving before feature read must be honoured | Write net mac / blk writeback at status 0; read back
LEG-INIT-03 | device | MUST | L | 596-598 | memory | Queue use before DRIVER_OK must work | Set PFN, add buffer, kick with status ACK+DRIVER; expect completion and IRQ
# content.tex | General Initialization And Device Operation / Device Operation and Cleanup
OPER-01 | device | MUST | D | 614-619 | interrupt | (Descriptive) device-initiated config change and NEEDS_RESET each produce a config-change notification | Change config from backend; expect notification
OPER-02 | driver | MUST NOT | - | 629-632 | memory | Entries describing exposed, unused buffers of a live queue stay untouched | Checksum descriptors between avail and used
OPER-03 | driver | MUST | - | 634-634 | register | Exposed buffers are withdrawn only after the queue is dead through reset | Unbind driver; reset must precede free
# content.tex | General Initialization And Device Operation / Device Suspend
SUSP-01 | driver | SHOULD NOT | - | 644-644 | register | SUSPEND is not set unless DRIVER_OK is set and the feature was negotiated | Trace status writes
SUSP-02 | driver | MUST | - | 648-648 | register | Suspension is confirmed by seeing SUSPEND=1 with DRIVER_OK=0 | Delay; driver polls
SUSP-03 | driver | MUST NOT | - | 649-649 | memory | No buffers are added while suspended | Watch avail idx during suspend
SUSP-04 | driver | MUST NOT | - | 650-650 | register | No kicks while suspended | Watch notify writes during suspend
SUSP-05 | driver | MUST NOT | - | 651-651 | register | Config is left alone while suspended, status excepted | Watch config writes during suspend
SUSP-06 | driver | MUST | - | 654-656 | register | After asking to resume, driver waits for SUSPEND=0 and DRIVER_OK=1 | Delay resume; driver must not kick
SUSP-07 | device | MUST | - | 660-660 | register | SUSPEND writes are ignored on a device not fully initialised | Write SUSPEND at status ACK+DRIVER
SUSP-08 | device | SHOULD | - | 662-663 | register | Config writes during suspend should be dropped, status excepted | Write config while suspended; read back old value
SUSP-09 | device | MUST NOT | - | 665-667 | memory | Suspended device neither notifies, nor touches queues, nor alters config | Watch DMA/IRQ while suspended
SUSP-10 | device | MUST NOT | - | 669-670 | interrupt | Config change during suspend is not announced at once | Trigger backend change while suspended; no IRQ
SUSP-11 | device | MUST | - | 671-671 | interrupt | The held-back config notification is delivered on resume | Resume; expect config IRQ
SUSP-12 | device | MUST | - | 673-674 | register | SUSPEND request ends either in suspended state or in NEEDS_RESET | Inject failure; status bit 64
SUSP-13 | device | MUST | - | 676-677 | register | Resume request ends either in running state or in NEEDS_RESET | Inject failure; status bit 64
SUSP-14 | device | SHOULD | - | 679-686 | memory | Before showing SUSPEND=1/DRIVER_OK=0 the device stops fetching, drains in-flight buffers and notifies | Suspend with I/O in flight; all used before status flips
# content.tex | Reserved Feature Bits
RF-01 | driver | MUST | - | 951-951 | register | VERSION_1 is accepted whenever offered | Offer bit 32; ack mask must hold it
RF-02 | driver | MAY | - | 951-952 | register | Driver may refuse a device that lacks VERSION_1 | Offer none; FAILED is legal
RF-03 | driver | SHOULD | - | 954-955 | register | ACCESS_PLATFORM is accepted when offered | Offer bit 33; see ack
RF-04 | driver | MUST | - | 954-956 | - | With ACCESS_PLATFORM the driver sets the IOMMU up to translate, or turns it off | IOMMU model faults on untranslated DMA
RF-05 | driver | MUST | - | 956-958 | memory | Without ACCESS_PLATFORM only physical addresses are handed out | Check ring addresses fall in guest RAM
RF-06 | driver | SHOULD | - | 960-960 | register | RING_PACKED is accepted when offered | Offer bit 34
RF-07 | driver | SHOULD | - | 962-962 | register | ORDER_PLATFORM is accepted when offered | Offer bit 36
RF-08 | driver | MUST | - | 963-964 | - | With ORDER_PLATFORM the driver uses hardware-grade barriers | not testable from bus
RF-09 | driver | MAY | - | 966-968 | config | With SR_IOV negotiated the driver may switch VFs on | Set VF Enable after FEATURES_OK
RF-10 | driver | MUST NOT | - | 968-970 | register | SR_IOV is not acked when the SR-IOV capability is absent or the bus is not PCI | Offer bit 37 without ext cap; must not be acked
RF-11 | driver | MUST | - | 970-974 | config | VF Enable is written only after SR_IOV negotiation completed incl. FEATURES_OK check | Trap VF Enable before FEATURES_OK
RF-12 | driver | MAY | - | 974-979 | config | After one successful negotiation VFs may be enabled across later resets without renegotiating | Reset PF; VF Enable must still work
RF-13 | driver | SHOULD | - | 981-981 | register | NOTIF_CONFIG_DATA is accepted when offered | Offer bit 39
RF-14 | device | MUST | - | 985-985 | register | VERSION_1 is always offered (1.x interface) | Bit 32 in device_feature word 1
RF-15 | device | MAY | - | 985-986 | register | Device may stop working if VERSION_1 is refused | FEATURES_OK may stay clear
RF-16 | device | SHOULD | - | 988-992 | register | ACCESS_PLATFORM is offered when DMA is translated or restricted | Check offer in IOMMU profile
RF-17 | device | MAY | - | 993-994 | register | Device may refuse to work without ACCESS_PLATFORM | FEATURES_OK may stay clear
RF-18 | device | MUST | - | 996-997 | memory | IN_ORDER means buffers are used in the order made available | Submit mixed-latency requests; used order equals avail order
RF-19 | device | MAY | - | 999-1000 | register | Device may refuse when ORDER_PLATFORM was offered but not taken | FEATURES_OK may stay clear
RF-20 | device | MAY | - | 1001-1002 | - | Device may fall back to slow emulation in that case | not observable
RF-21 | device | SHOULD | - | 1004-1006 | register | Add-in cards are advised to offer both ACCESS_PLATFORM and ORDER_PLATFORM | Check bits 33 and 36
RF-22 | device | SHOULD | - | 1008-1009 | register | SR_IOV is offered when an SR-IOV capability exists | Ext cap 0x10 present implies bit 37
RF-23 | device | MUST NOT | - | 1009-1010 | register | SR_IOV is never offered without that capability | No ext cap 0x10 implies bit 37 clear
# content.tex | Reserved Feature Bits / Legacy Interface: Reserved Feature Bits
LEG-RF-01 | device | MAY | L | 1014-1014 | register | Transitional device may offer NOTIFY_ON_EMPTY (24) | Bit 24 optional in legacy feature dword
LEG-RF-02 | device | MUST | L | 1016-1021 | interrupt | With NOTIFY_ON_EMPTY, running a queue dry causes a notification even when suppressed | Set NO_INTERRUPT, consume last buffer, expect IRQ
LEG-RF-03 | device | MUST | L | 1032-1037 | register | Transitional device offers ANY_LAYOUT (27) | Bit 27 set in legacy feature dword
LEG-RF-04 | driver | MUST | L | 1032-1037 | register | Transitional driver acks ANY_LAYOUT when offered | Ack mask holds bit 27
LEG-RF-05 | device | MUST | L | 1032-1041 | register | Bit 30 sits in the same 'must offer' list as ANY_LAYOUT (text reads so; contradictory with its own note) | Record whether bit 30 is offered; do not fail either way
LEG-RF-06 | driver | SHOULD NOT | L | 1039-1041 | register | Bit 30 is left unacked | Offer bit 30; ack marks driver as broken
# shared-mem.tex | Basic Facilities of a Virtio Device / Shared Memory Regions
SHM-01 | device | MUST NOT | - | 39-41 | register | Shared regions carry neither control registers nor streamed data | Check region overlaps no control structure
# introduction.tex | Terminology / Legacy Interface: Terminology
TERM-01 | both | MAY | L | 216-227 | - | Legacy interface support may be added to either side; pure legacy parts are non-compliant by definition | n/a - profile metadata
TERM-02 | device | MAY | L | 235-239 | - | A device serving both 1.x drivers and legacy drivers may call itself transitional | n/a - profile metadata
TERM-03 | driver | MAY | L | 242-246 | - | A driver serving both 1.x and legacy devices may call itself transitional | n/a - profile metadata
# conformance.tex | Conformance / Conformance Targets
CONF-01 | driver | MUST | D | 14-80 | - | (Umbrella) driver meets its transport and device clauses plus the common ones | n/a - roll-up of the rest
CONF-02 | device | MUST | D | 45-69 | - | (Umbrella) device meets its transport and device clauses plus the common ones | n/a - roll-up of the rest
CONF-03 | driver | MUST | D | 114-114 | - | (Umbrella) PCI driver meets the listed PCI driver statements | n/a - roll-up
CONF-04 | device | MUST | D | 202-202 | - | (Umbrella) PCI device meets the listed PCI device statements | n/a - roll-up
CONF-05 | device | MUST | D | 176-176 | - | (Umbrella) every device meets the listed common statements | n/a - roll-up
# conformance.tex | Conformance / Legacy Interface: Transitional Device and Transitional Driver Conformance
CONF-06 | both | MUST | L | 269-271 | - | Each implementation is one of transitional or non-transitional | Profile must declare exactly one
CONF-07 | both | MAY | L | 273-277 | - | Legacy support is claimed by meeting every MUST/REQUIRED item in the listed legacy sections (list omits framing, used-ring and two balloon notes) | Profile check: all LEG-* MUST tests pass
# content.tex | Basic Facilities of a Virtio Device / Driver notifications
KICK-01 | driver | MUST | D | 450-492 | register | (Descriptive) kick data: low 16 queue id, 15-bit next_off, 1-bit next_wrap; split ring puts avail idx bits 0-14 / 15 there | Compare with avail idx
KICK-02 | driver | MAY | D | 489-492 | register | (Descriptive) repeat kicks without new buffers carry identical data | n/a
# content.tex | Device Types (9P transport has an id but no chapter in v1.4)
P9-01 | device | MUST | D | 730-730 | config | (Descriptive) Virtio type number 9 is the 9P transport; nothing else is standardised | Modern id 0x1049
`;
