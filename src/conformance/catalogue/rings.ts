/** Split and packed virtqueues. Rows as `catalogue/rows.ts` reads them. */
export const rings = `
# split-ring.tex | Split Virtqueues / Virtqueues
SPL-LAY-01 | driver | MUST | - | 61-63 | memory | Ring parts are aligned: descriptors 16, avail 2, used 4 | Check addresses at queue_enable
# split-ring.tex | Split Virtqueues / Legacy Interfaces: A Note on Virtqueue Layout
LEG-VRING-01 | driver | MUST | L | 83-84 | register | Driver reads the Queue Size register from the device | Trace read before PFN write
LEG-VRING-02 | driver | MUST | L | 85-96 | memory | Total allocation follows the legacy size formula (qalign acting as a mask, i.e. 4095, to make the macro correct) | Compare used-ring end with allocated span
LEG-VRING-03 | both | MUST | L | 99-117 | memory | Both sides use the contiguous desc / avail / pad / used layout | Place used elem; driver sees it at aligned offset
# split-ring.tex | Split Virtqueues / Legacy Interfaces: A Note on Virtqueue Endianness
LEG-VEND-01 | both | MUST | L | 121-125 | memory | Ring fields are guest-native endian in legacy mode | Big-endian guest profile: idx byte order
# split-ring.tex | Split Virtqueues / Message Framing
SPL-FRM-01 | device | MUST NOT | - | 146-147 | memory | Device infers nothing from how a buffer is cut into descriptors | Resubmit same request split at every byte boundary
SPL-FRM-02 | device | MAY | - | 147-148 | memory | A sane upper bound on chain length is allowed | Send chain of queue size
SPL-FRM-03 | driver | MUST | - | 151-152 | memory | Device-writable parts come after device-readable parts | Walk chains; flag W then R
SPL-FRM-04 | driver | SHOULD NOT | - | 154-155 | memory | Descriptor count per buffer is kept reasonable | Count
# split-ring.tex | Split Virtqueues / Legacy Interface: Message Framing
LEG-FRM-01 | both | MUST | LD | 165-169 | memory | (Descriptive) without ANY_LAYOUT in legacy mode the per-device framing rules apply | Run per-device framing tests
# split-ring.tex | Split Virtqueues / The Virtqueue Descriptor Table
SPL-DESC-01 | device | MUST NOT | - | 218-218 | memory | Readable buffers are never written | Guard pages; checksum
SPL-DESC-02 | device | SHOULD NOT | - | 218-219 | memory | Writable buffers should not be read | DMA trace
SPL-DESC-03 | device | MAY | - | 219-220 | memory | Reading them for diagnostics is tolerated | n/a
SPL-DESC-04 | device | MUST NOT | - | 220-220 | memory | Descriptor table is never written by the device | Checksum table
SPL-DESC-05 | driver | MUST NOT | - | 223-224 | memory | Chain total stays within 2^32 bytes and has no loop | Walk chains
SPL-DESC-06 | driver | MUST | - | 226-230 | memory | IN_ORDER: next is x+1, or 0 for the last table slot | Walk chains
# split-ring.tex | Split Virtqueues / Indirect Descriptors
SPL-IND-01 | driver | MUST NOT | - | 266-267 | memory | INDIRECT flag only when negotiated | Walk
SPL-IND-02 | driver | MUST NOT | - | 267-269 | memory | No nested indirect tables | Walk
SPL-IND-03 | driver | MUST NOT | - | 271-272 | memory | Chain length never above queue size | Walk incl. indirect entries
SPL-IND-04 | driver | MUST NOT | - | 274-275 | memory | INDIRECT and NEXT are not combined | Walk
SPL-IND-05 | driver | MUST | - | 277-279 | memory | IN_ORDER: indirect entries are sequential 0,1,2.. | Walk
SPL-IND-06 | device | MUST | - | 282-282 | memory | WRITE flag on the descriptor pointing at the table is ignored | Set WRITE on it; request still works
SPL-IND-07 | device | MUST | - | 284-285 | memory | Direct descriptors followed by one final indirect descriptor are handled | Build such a chain
# split-ring.tex | Split Virtqueues / The Virtqueue Available Ring
SPL-AVL-01 | driver | MUST NOT | - | 321-322 | memory | avail idx never goes back | Monitor idx modulo 65536
# split-ring.tex | Split Virtqueues / Used Buffer Notification Suppression
SPL-UNS-01 | driver | MUST | - | 341-341 | memory | Without EVENT_IDX avail flags is 0 or 1 | Monitor
SPL-UNS-02 | driver | MAY | - | 342-343 | memory | flags=1 asks for silence | n/a
SPL-UNS-03 | driver | MUST | - | 348-348 | memory | With EVENT_IDX avail flags is 0 | Monitor
SPL-UNS-04 | driver | MAY | - | 349-351 | memory | used_event may delay notifications | n/a
SPL-UNS-05 | driver | MUST | - | 354-354 | interrupt | Spurious notifications are tolerated | Inject IRQs with no work
SPL-UNS-06 | device | MUST | - | 360-360 | memory | Without EVENT_IDX used_event is ignored | Put garbage in used_event; IRQ still comes
SPL-UNS-07 | device | SHOULD NOT | - | 363-363 | interrupt | flags=1: device should stay silent | Complete; count IRQs
SPL-UNS-08 | device | MUST | - | 364-364 | interrupt | flags=0: device must notify | Complete; expect IRQ
SPL-UNS-09 | device | MUST | - | 370-370 | memory | With EVENT_IDX bit0 of flags is ignored | Set flags=1 and matching used_event; IRQ expected
SPL-UNS-10 | device | MUST | - | 373-375 | interrupt | Used idx value equal to used_event triggers a notification | Set used_event; count
SPL-UNS-11 | device | SHOULD NOT | - | 376-376 | interrupt | Otherwise the device should stay silent | Set used_event far; count
# split-ring.tex | Split Virtqueues / The Virtqueue Used Ring
SPL-USED-01 | device | MUST | - | 456-456 | memory | len is stored before used idx moves | Interleaved DMA trace order
SPL-USED-02 | device | MUST | - | 458-460 | memory | At least len bytes, from the first writable byte on, are written before used idx moves | Pattern-fill buffer; compare first len bytes
SPL-USED-03 | device | MAY | - | 462-462 | memory | More than len bytes may be written | n/a
SPL-USED-04 | driver | MUST NOT | - | 473-474 | - | Nothing is assumed about writable data past len | Underreport len; driver must not use rest
SPL-USED-05 | driver | SHOULD | - | 473-474 | - | Such data should be ignored | as above
# split-ring.tex | Split Virtqueues / Legacy Interface: The Virtqueue Used Ring
LEG-USED-01 | driver | SHOULD | LD | 448-452 | memory | (Advice) legacy mode: used len is best disregarded | Return total chain length as len; driver still works
# split-ring.tex | Split Virtqueues / In-order use of descriptors
SPL-INO-01 | device | MAY | D | 481-502 | memory | (Descriptive) IN_ORDER device may write one used entry for a batch (id of last head) and jump idx by the batch size | Batch completions; driver recycles all
SPL-INO-02 | driver | MUST | D | 491-493 | memory | (Descriptive) driver derives batch size from the id and advances past it | as above
# split-ring.tex | Split Virtqueues / Available Buffer Notification Suppression
SPL-ANS-01 | driver | MUST | - | 515-516 | memory | Used-ring flags is zeroed at allocation | Read memory at enable/PFN write
SPL-ANS-02 | driver | MUST | - | 520-520 | memory | Without EVENT_IDX avail_event is ignored | Garbage avail_event; kicks still come
SPL-ANS-03 | driver | SHOULD NOT | - | 523-523 | register | used flags=1: driver should not kick | Set flag; count kicks
SPL-ANS-04 | driver | MUST | - | 524-524 | register | used flags=0: driver must kick | Clear flag; count kicks
SPL-ANS-05 | driver | MUST | - | 530-530 | memory | With EVENT_IDX bit0 of used flags is ignored | Set flags=1, avail_event match; kick expected
SPL-ANS-06 | driver | MUST | - | 533-535 | register | avail idx equal to avail_event triggers a kick | Set avail_event
SPL-ANS-07 | driver | SHOULD NOT | - | 536-536 | register | Otherwise driver should not kick | Set avail_event far
SPL-ANS-08 | device | MUST | - | 543-543 | memory | Without EVENT_IDX used flags is 0 or 1 | Monitor
SPL-ANS-09 | device | MAY | - | 544-545 | memory | flags=1 asks for silence | n/a
SPL-ANS-10 | device | MUST | - | 550-550 | memory | With EVENT_IDX used flags is 0 | Monitor
SPL-ANS-11 | device | MAY | - | 551-552 | memory | avail_event may delay kicks | n/a
SPL-ANS-12 | device | MUST | - | 555-555 | register | Spurious kicks are tolerated | Kick empty queues, nonexistent queues, repeatedly
# split-ring.tex | Split Virtqueues / Supplying Buffers to The Device
SPL-SUP-01 | driver | MAY | - | 595-596 | memory | Several buffers may be queued before one idx update | n/a
SPL-SUP-02 | driver | MAY | - | 655-664 | memory | idx may be bumped once for many heads | n/a
SPL-SUP-03 | device | MAY | - | 680-682 | memory | Device may fetch as soon as idx moves, without a kick | Poll-mode device variant; driver must be ready
SPL-SUP-04 | driver | MUST | - | 685-686 | - | Barrier before idx update | Order of memory writes in single-threaded trace
SPL-SUP-05 | device | MAY | - | 691-692 | memory | Device may suppress kicks | n/a
SPL-SUP-06 | driver | MUST | - | 698-699 | - | Barrier between idx update and reading flags/avail_event | Order of accesses in trace
SPL-SUP-07 | driver | MAY | - | 711-713 | memory | Driver may mute used notifications while draining, and must re-check after unmuting | Complete in the window; driver must not stall
# packed-ring.tex | Packed Virtqueues / Virtqueues
PKD-LAY-01 | driver | MUST | D | 220-222 | memory | (Lowercase must) every descriptor of a list carries correct AVAIL/USED/WRITE flags | Walk lists
PKD-LAY-02 | driver | SHOULD | D | 236-237 | memory | (Lowercase should) NEXT in used descriptors is ignored | Set NEXT in used desc; driver copes
PKD-LAY-03 | driver | MUST | - | 392-394 | memory | Parts aligned: descriptor ring 16, both event structures 4 | Check addresses
PKD-LAY-04 | device | MUST | - | 397-398 | memory | Processing starts in ring order | Submit in order with tracing
PKD-LAY-05 | device | MUST | - | 399-400 | memory | Writing of used descriptors starts in completion order | Slow first request; used slot order
PKD-LAY-06 | device | MAY | - | 401-401 | memory | Started descriptor writes may be reordered | n/a
# packed-ring.tex | Packed Virtqueues / The Virtqueue Descriptor Table
PKD-DESC-01 | device | MUST NOT | - | 447-447 | memory | Readable buffers are never written | Checksum
PKD-DESC-02 | device | SHOULD NOT | - | 447-448 | memory | Writable buffers should not be read | DMA trace
PKD-DESC-03 | device | MUST NOT | - | 449-451 | memory | A descriptor is used only after its AVAIL bit was seen to change | Zeroed ring plus kick; no activity
PKD-DESC-04 | device | MUST NOT | - | 452-453 | memory | After flipping USED the device leaves the descriptor alone | Monitor
PKD-DESC-05 | driver | MUST NOT | - | 456-457 | memory | Driver changes a descriptor only after USED changed | Monitor
PKD-DESC-06 | driver | MUST NOT | - | 458-459 | memory | After flipping AVAIL the driver leaves the descriptor alone | Monitor
PKD-DESC-07 | driver | MUST | - | 460-463 | register | Kick data next_off/next_wrap name the next not-yet-available slot | Compare kick value with ring
PKD-DESC-08 | driver | MAY | - | 464-465 | register | Repeated kicks without new buffers are allowed | Device tolerates
# packed-ring.tex | Packed Virtqueues / Scatter-Gather Support
PKD-SG-01 | driver | MUST NOT | - | 468-469 | memory | List length within the device limit | Walk (e.g. seg_max)
PKD-SG-02 | driver | MUST NOT | - | 471-474 | memory | List length within queue size, no loops | Walk
PKD-SG-03 | driver | MUST | - | 476-477 | memory | Writable elements after readable ones | Walk
PKD-SG-04 | driver | MUST NOT | - | 479-480 | memory | Driver does not rely on device progress to finish writing a list | Stall device with ring nearly full
PKD-SG-05 | driver | MUST | - | 480-483 | memory | Enough free slots exist for the whole list before its first descriptor goes available | Monitor
PKD-SG-06 | driver | MUST NOT | - | 485-487 | memory | First descriptor becomes available last | Order of flag writes
PKD-SG-07 | device | MUST | - | 490-492 | memory | NEXT-chained descriptors are consumed in order | Trace
PKD-SG-08 | device | MAY | - | 494-495 | memory | Device may cap list length | n/a
# packed-ring.tex | Packed Virtqueues / Indirect Descriptors
PKD-IND-01 | driver | MUST NOT | - | 498-499 | memory | INDIRECT only when negotiated | Walk
PKD-IND-02 | driver | MUST NOT | - | 499-500 | memory | Inside an indirect table only WRITE is a legal flag | Walk
PKD-IND-03 | driver | MUST NOT | - | 502-503 | memory | Chain within device limit | Walk
PKD-IND-04 | driver | MUST NOT | - | 505-508 | memory | INDIRECT descriptors are never part of a NEXT list | Walk
PKD-IND-05 | device | MUST | D | 269-275 | memory | (Descriptive) other flags and id inside the table, and WRITE on the referring descriptor, are ignored by the device | Set them; request works
# packed-ring.tex | Packed Virtqueues / Driver and Device Event Suppression
PKD-EVT-01 | both | MUST | D | 329-353 | memory | (Descriptive) event flags: 0 enable, 1 disable, 2 specific descriptor (only with EVENT_IDX), 3 reserved | Set each; count notifications
PKD-EVT-02 | driver | MUST | D | 424-424 | memory | (Descriptive) ring starts zeroed | Read memory at enable
PKD-EVT-03 | device | MAY | D | 283-299 | memory | (Descriptive) IN_ORDER device may write one used descriptor for a batch with the last buffer id | Batch completions; driver skips right count
PKD-EVT-04 | both | MUST | D | 76-115 | memory | (Descriptive) wrap counters start at 1 and toggle at ring end; AVAIL=wrap, USED=!wrap when available, both equal wrap when used | Non-power-of-two ring; several wraps
# packed-ring.tex | Packed Virtqueues / Supplying Buffers to The Device
PKD-SUP-01 | driver | MAY | - | 559-564 | memory | Batches may be prepared, deferring the first flag write | n/a
PKD-SUP-02 | device | MAY | - | 567-569 | memory | Device may fetch as soon as flags show available | Poll-mode device
PKD-SUP-03 | driver | MUST | - | 572-574 | - | Barrier before the flags write | Order in trace
PKD-SUP-04 | device | MAY | - | 581-585 | memory | Device may suppress kicks through its event area | n/a
PKD-SUP-05 | driver | MUST | - | 650-653 | - | Barrier before reading the device event area | Order in trace
PKD-SUP-06 | driver | MAY | - | 666-670 | memory | Driver may mute notifications while draining but must re-check | Complete in the window
`;
