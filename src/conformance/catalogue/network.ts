/** The network device. Rows as `catalogue/rows.ts` reads them. */
export const network = `
# device-types/net/description.tex | Network Device / Feature bits
NET-FEAT-01 | device | SHOULD | - | 145-147 | register | IPSEC is offered along with OUT_NET_HEADER | Check bits 69/70
NET-FEAT-02 | both | MUST | D | 151-187 | register | (Table, binding via feature-bit rules) net feature dependencies hold in offer and in ack | Check table at FEATURES_OK
# device-types/net/description.tex | Network Device / Feature bits / Legacy Interface: Feature bits
LEG-NET-01 | device | MAY | LD | 196-203 | register | (Descriptive) legacy-only bits: GSO (6); RSC4/RSC6 (41/42) exist historically and Windows drivers misbehave if offered | Legacy profile may set bit 6; never 41/42
# device-types/net/description.tex | Network Device / Device configuration layout
NET-CFG-01 | device | MUST | - | 281-282 | register | max_virtqueue_pairs is 1..0x8000 with MQ | Read offset 8
NET-CFG-02 | device | MUST | - | 284-285 | register | mtu is 68..65535 with MTU | Read offset 10
NET-CFG-03 | device | SHOULD | - | 287-288 | register | mtu at least 1280 | Read offset 10
NET-CFG-04 | device | MUST NOT | - | 290-290 | register | mtu never changes once set | Re-read
NET-CFG-05 | device | MUST NOT | - | 292-294 | memory | Frames above mtu are not delivered (non-GSO) once MTU negotiated | Inject big frame
NET-CFG-06 | device | MUST | - | 296-299 | memory | Frames up to mtu are sent unfragmented | Transmit at mtu
NET-CFG-07 | device | MUST | - | 301-302 | register | rss_max_key_size >= 40 with RSS/HASH_REPORT | Read
NET-CFG-08 | device | MUST | - | 304-305 | register | rss_max_indirection_table_length >= 128 with RSS | Read
NET-CFG-09 | device | MAY | - | 307-308 | - | STANDBY device may act as backup | n/a
NET-CFG-10 | device | MUST | - | 310-312 | register | speed is in Mbit/s or all-ones for unknown (literal constants in this clause have 9 hex digits) | Read offset 12
NET-CFG-11 | device | MUST | - | 314-316 | register | duplex encodes full/half/unknown (this clause swaps full and half versus the prose above it) | Read offset 16; accept per prose 1=full
NET-CFG-12 | device | SHOULD NOT | - | 318-321 | register | speed/duplex stay put while link is up | Toggle
NET-CFG-13 | device | SHOULD NOT | - | 323-324 | register | HASH_REPORT is not offered without CTRL_VQ | Check bits
NET-CFG-14 | device | SHOULD NOT | - | 326-327 | register | CTRL_RX_EXTRA is not offered without CTRL_VQ | Check bits
NET-CFG-15 | driver | MUST NOT | - | 331-331 | register | Net config is never written (1.x interface) | Trap writes
NET-CFG-16 | driver | SHOULD | - | 333-333 | register | MAC is accepted when offered | Check ack
NET-CFG-17 | driver | MUST | - | 334-335 | memory | With MAC the NIC address equals config mac | Source MAC of sent frames
NET-CFG-18 | driver | SHOULD | - | 335-337 | memory | Without MAC a locally administered address is used | Source MAC bit1
NET-CFG-19 | driver | SHOULD | - | 339-341 | register | Without STATUS link counts as up; with it bit0 of status is read | Trap status reads
NET-CFG-20 | driver | SHOULD | - | 343-343 | register | MTU is accepted when offered | Check ack
NET-CFG-21 | driver | MUST | - | 345-347 | memory | Receive buffers can hold one mtu-size frame | Sum of rx buffers
NET-CFG-22 | driver | MUST NOT | - | 349-351 | memory | Frames above mtu are not sent (non-GSO) | Check lengths
NET-CFG-23 | driver | SHOULD | - | 353-353 | register | STANDBY is accepted when offered | Check ack
NET-CFG-24 | driver | MUST | - | 355-358 | - | Odd speed/duplex values count as unknown | Give 2; driver reports unknown
NET-CFG-25 | driver | SHOULD | - | 360-362 | register | speed/duplex are re-read after config change | Trap reads
NET-CFG-26 | driver | SHOULD NOT | - | 364-365 | register | HASH_REPORT not taken without CTRL_VQ | Check ack
NET-CFG-27 | driver | SHOULD NOT | - | 367-368 | register | CTRL_RX_EXTRA not taken without CTRL_VQ | Check ack
# device-types/net/description.tex | Network Device / Device configuration layout / Legacy Interface: Device configuration layout
LEG-NET-02 | both | MUST | L | 372-376 | register | status and max_virtqueue_pairs are guest-native endian in legacy mode | BE profile: read offsets 6, 8
LEG-NET-03 | both | MAY | LD | 378-380 | register | (Descriptive) mac is writable by the driver in legacy mode, no feature needed | Write mac bytes; rx filter follows
# device-types/net/description.tex | Network Device / Device Operation / Legacy Interface: Device Operation
LEG-NET-04 | both | MUST | L | 639-642 | memory | virtio_net_hdr fields are guest-native endian | BE profile
LEG-NET-05 | both | MUST | LD | 644-646 | memory | (Descriptive) num_buffers exists only with MRG_RXBUF, so header is 10 bytes without it and 12 with it | Legacy without bit 15: payload at byte 10
LEG-NET-06 | driver | SHOULD | L | 648-655 | memory | Used length of tx queues and controlq is disregarded | Return garbage len
# device-types/net/description.tex | Network Device / Setting MAC Address Filtering / Legacy Interface
LEG-NET-07 | both | MUST | L | 1891-1894 | memory | entries of the MAC table is guest-native endian | BE profile
LEG-NET-08 | device | MAY | L | 1896-1902 | register | Device may hold back mac update or rx until the last mac byte is written, for drivers lacking CTRL_MAC_ADDR | Byte-wise write; check filter switch point
# device-types/net/description.tex | Network Device / VLAN Filtering / Legacy Interface
LEG-NET-09 | both | MUST | L | 1944-1947 | memory | VLAN id is guest-native endian | BE profile
# device-types/net/description.tex | Network Device / Automatic receive steering / Legacy Interface
LEG-NET-10 | both | MUST | L | 2079-2082 | memory | virtqueue_pairs is guest-native endian | BE profile
# device-types/net/description.tex | Network Device / Setting Offloads State / Legacy Interface
LEG-NET-11 | both | MUST | L | 2307-2310 | memory | offloads word is guest-native endian | BE profile
# device-types/net/description.tex | Network Device / Legacy Interface: Framing Requirements
LEG-NET-12 | driver | MUST | L | 3691-3694 | memory | Without ANY_LAYOUT the net header is alone in one descriptor, data follows, rx and tx | Walk chains
LEG-NET-13 | driver | MUST | L | 3696-3702 | memory | Without ANY_LAYOUT class+command form one 2-byte descriptor | Walk ctrl chain
LEG-NET-14 | driver | MUST | L | 3703-3705 | memory | Without ANY_LAYOUT command data is one unpadded descriptor (MAC_TABLE_SET excepted) | Walk ctrl chain
LEG-NET-15 | driver | MUST | L | 3706-3712 | memory | Without ANY_LAYOUT MAC_TABLE_SET uses exactly two data descriptors, unicast then multicast | Walk ctrl chain
LEG-NET-16 | driver | MUST | L | 3713-3714 | memory | Without ANY_LAYOUT ack is a separate 1-byte descriptor | Walk ctrl chain
# device-types/net/description.tex | Network Device / Packet Transmission
NET-TX-01 | driver | MAY | - | 666-669 | memory | outer_nh_offset may be given with OUT_NET_HEADER, else it must not be used | Check field
NET-TX-02 | driver | MUST | - | 796-797 | memory | tx header size equals rx header size | Compare
NET-TX-03 | driver | MUST | - | 799-799 | memory | num_buffers is 0 on tx | Check
NET-TX-04 | driver | MUST | - | 801-803 | memory | Without CSUM flags is 0 | Check
NET-TX-05 | driver | SHOULD | - | 801-803 | memory | Without CSUM frames carry a full checksum | Verify
NET-TX-06 | driver | MAY | - | 805-808 | memory | outer_nh_offset may be set | n/a
NET-TX-07 | driver | MUST NOT | - | 810-828 | memory | gso types TCPV4/TCPV6/UDP/UDP_L4 only with the matching HOST_* feature | Check gso_type against acks
NET-TX-08 | driver | MAY | - | 810-828 | memory | They may be set with the feature | n/a
NET-TX-09 | driver | SHOULD NOT | - | 830-834 | memory | ECN segments not sent for offload without HOST_ECN; with it the ECN bit is set | Check
NET-TX-10 | driver | MUST NOT | - | 836-871 | memory | UDP-tunnel gso/csum bits follow the HOST_UDP_TUNNEL features, never both v4+v6, never with UDP, csum only with a tunnel bit | Check bit combinations
NET-TX-11 | driver | MUST | - | 873-895 | memory | NEEDS_CSUM (only with CSUM): pseudo-header sum stored, csum_start/offset consistent | Compute full checksum
NET-TX-12 | driver | MUST | - | 897-899 | memory | Without any HOST gso feature gso_type is NONE | Check
NET-TX-13 | driver | MUST | - | 901-904 | memory | gso_type not NONE implies NEEDS_CSUM and a gso_size | Check
NET-TX-14 | driver | MUST | - | 906-922 | memory | With GUEST_HDRLEN and gso, hdr_len is exact; otherwise at least header length (should) | Check
NET-TX-15 | driver | MUST | - | 924-973 | memory | Tunnel offsets and outer checksum are filled as required by the accepted tunnel features | Check
NET-TX-16 | driver | SHOULD | - | 975-976 | register | GUEST_HDRLEN accepted if exact length is known | Check ack
NET-TX-17 | driver | MUST NOT | - | 978-983 | memory | DATA_VALID and RSC_INFO are never set on tx | Check
NET-TX-18 | driver | MUST | - | 985-992 | memory | SECURITY flag needs a created outbound SA and its id | Out of plan
NET-TX-19 | device | MUST | - | 995-995 | memory | Unknown flag bits are ignored | Set bit 7
NET-TX-20 | device | MUST NOT | - | 997-998 | memory | csum fields unused when NEEDS_CSUM clear | Put garbage
NET-TX-21 | device | MUST NOT | - | 1000-1003 | memory | outer_nh_offset used only when negotiated and nonzero | Put garbage
NET-TX-22 | device | MUST NOT | - | 1005-1026 | memory | hdr_len is only a hint without GUEST_HDRLEN; never trusted | hdr_len=0xffff
NET-TX-23 | device | MUST NOT | - | 1028-1050 | memory | Packets with inconsistent tunnel bits are refused (two spots spell it MOST NOT) | Send each bad combo
NET-TX-24 | device | MUST NOT | - | 1052-1053 | memory | No reliance on checksum when NEEDS_CSUM clear | n/a
NET-TX-25 | device | MUST NOT | - | 1055-1056 | memory | resource fields unused when SECURITY clear | Put garbage
# device-types/net/description.tex | Network Device / Setting Up Receive Buffers
NET-RX-01 | driver | SHOULD | - | 1090-1098 | memory | Without MRG_RXBUF rx buffers hold 65601/1526 bytes (65609/1534 with HASH_REPORT) | Sum chain length
NET-RX-02 | driver | MUST | - | 1100-1102 | memory | With MRG_RXBUF each buffer is at least header size (12, or 20 with HASH_REPORT) | Check
NET-RX-03 | driver | MUST | - | 1109-1113 | memory | Header size counted as 32/24/20/12 by negotiated features | Check payload offset
NET-RX-04 | driver | SHOULD | - | 1115-1116 | memory | With MQ every used receive queue is filled | Check
NET-RX-05 | device | MUST | - | 1120-1121 | memory | num_buffers is the count of buffers used for the frame | Check
NET-RX-06 | device | MUST | - | 1123-1124 | memory | Without MRG_RXBUF one buffer only | Inject big frame; dropped, not split
# device-types/net/description.tex | Network Device / Processing of Incoming Packets
NET-RX-07 | device | MAY | - | 1165-1167 | memory | outer_nh_offset may be given on rx with OUT_NET_HEADER | n/a
NET-RX-08 | device | MAY | - | 1177-1180 | memory | gso_type other than NONE may appear with GUEST_* features | n/a
NET-RX-09 | device | MAY | - | 1202-1207 | memory | Tunnel bits may appear with GUEST_UDP_TUNNEL_GSO | n/a
NET-RX-10 | device | MUST | - | 1236-1237 | memory | num_buffers is 1 without MRG_RXBUF (1.x: field always present) | Check bytes 10-11
NET-RX-11 | device | MUST | - | 1239-1241 | memory | num_buffers counts all buffers of the frame | Check
NET-RX-12 | device | MUST | - | 1243-1246 | memory | All but the last buffer are filled completely | Check used lens
NET-RX-13 | device | MUST | - | 1248-1250 | memory | All buffers of a frame become visible together | Watch used idx jump
NET-RX-14 | device | MUST | - | 1252-1254 | memory | Without GUEST_CSUM flags is 0 | Check
NET-RX-15 | device | SHOULD | - | 1252-1254 | memory | Without GUEST_CSUM the frame has a full checksum | Verify
NET-RX-16 | device | MUST NOT | - | 1256-1273 | memory | gso_type values and tunnel bits only with the matching GUEST_* feature | Check
NET-RX-17 | device | SHOULD NOT | - | 1275-1279 | memory | ECN segments not given without GUEST_ECN; with it ECN bit is set | Check
NET-RX-18 | device | MAY | - | 1281-1284 | memory | outer_nh_offset may be set with OUT_NET_HEADER | n/a
NET-RX-19 | device | MUST | - | 1286-1301 | memory | NEEDS_CSUM on rx (only with GUEST_CSUM) implies validated sums, pseudo-header, consistent start/offset | Check
NET-RX-20 | device | MUST NOT | - | 1303-1314 | memory | Tunnel GSO frames only with GUEST_UDP_TUNNEL_GSO(_CSUM) | Check
NET-RX-21 | device | MUST | - | 1316-1318 | memory | gso_type NONE without GUEST gso features | Check
NET-RX-22 | device | MUST | - | 1320-1329 | memory | gso implies NEEDS_CSUM and gso_size; RSC_INFO only with RSC_EXT | Check
NET-RX-23 | device | SHOULD | - | 1331-1336 | memory | hdr_len at least header length when offloads are on | Check
NET-RX-24 | device | MAY | - | 1338-1346 | memory | DATA_VALID may be set with GUEST_CSUM, implying validation | Check
NET-RX-25 | device | MUST NOT | - | 1348-1351 | memory | DATA_VALID never with tunnel bits | Check
NET-RX-26 | device | MUST | - | 1353-1365 | memory | Outer UDP checksum is pseudo-sum with TUNNEL_CSUM flag, else zero or complete | Check
NET-RX-27 | device | MUST | - | 1367-1380 | memory | IPsec flag bits reflect processing result | Out of plan
NET-RX-28 | driver | MUST | - | 1386-1386 | memory | Unknown rx flag bits are ignored | Set bit 7
NET-RX-29 | driver | MUST NOT | - | 1388-1390 | memory | outer_nh_offset used only when negotiated and nonzero | n/a
NET-RX-30 | driver | MUST NOT | - | 1392-1394 | memory | csum fields unused when NEEDS_CSUM clear or RSC_INFO set | Put garbage
NET-RX-31 | driver | MUST NOT | - | 1396-1402 | memory | rx hdr_len is only a hint | hdr_len=0xffff
NET-RX-32 | driver | MUST NOT | - | 1404-1406 | - | Checksum is not trusted without NEEDS_CSUM/DATA_VALID | Bad checksum frame with flags 0
NET-RX-33 | driver | MUST NOT | - | 1408-1431 | memory | Inconsistent tunnel bits: frame refused | Inject
NET-RX-34 | device | MUST | - | 1466-1473 | memory | HASH_REPORT device supports RSS_CONFIG (if RSS) or HASH_CONFIG | Send command
# device-types/net/description.tex | Network Device / Inner Header Hash
NET-RX-35 | device | MUST | - | 1667-1673 | memory | HASH_TUNNEL: fall back to outer hash for other encapsulations, disabled at reset; bad types answered with ERR (should) | Send command
NET-RX-36 | driver | MUST | - | 1677-1681 | memory | HASH_TUNNEL commands only when negotiated, only supported types, unknown bits ignored | Trace
# device-types/net/description.tex | Network Device / Control Virtqueue / Packet Receive Filtering
NET-CVQ-01 | device | MUST | - | 1769-1783 | memory | CTRL_RX: PROMISC and ALLMULTI are supported (1-byte on/off) with the usual reception effect (should) | Send; inject frames
NET-CVQ-02 | device | MUST | - | 1785-1812 | memory | CTRL_RX_EXTRA: ALLUNI, NOMULTI, NOUNI, NOBCAST are supported with the stated precedence (should) | Send; inject frames
NET-CVQ-03 | driver | MUST NOT | - | 1816-1818 | memory | PROMISC/ALLMULTI not sent without CTRL_RX | Trace
NET-CVQ-04 | driver | MUST NOT | - | 1820-1825 | memory | Extra modes not sent without CTRL_RX_EXTRA | Trace
# device-types/net/description.tex | Network Device / Control Virtqueue / Setting MAC Address Filtering
NET-CVQ-05 | device | MUST | - | 1863-1863 | memory | MAC filter table empty after reset | Reset; inject
NET-CVQ-06 | device | MUST | - | 1865-1866 | memory | Table updated before MAC_TABLE_SET is returned | Inject right after used
NET-CVQ-07 | device | MUST | - | 1868-1870 | register | config mac updated before MAC_ADDR_SET is returned (with MAC) | Read config after used
NET-CVQ-08 | device | SHOULD | - | 1872-1874 | memory | Frames matching neither mac nor table are dropped | Inject
NET-CVQ-09 | driver | MUST NOT | - | 1878-1879 | memory | No MAC class commands without CTRL_RX | Trace
NET-CVQ-10 | driver | SHOULD | - | 1881-1883 | memory | MAC_ADDR_SET sent if default differs from config mac | Trace
NET-CVQ-11 | driver | MUST | - | 1885-1888 | memory | MAC_TABLE_SET data is count+unicast list, count+multicast list; counts may be 0 | Parse
# device-types/net/description.tex | Network Device / Control Virtqueue / VLAN Filtering
NET-CVQ-12 | device | MUST | - | 1935-1936 | memory | Without CTRL_VLAN all tagged frames pass | Inject
NET-CVQ-13 | device | MUST | - | 1938-1941 | memory | With CTRL_VLAN listed tags pass (unlisted should be dropped) | Inject
# device-types/net/description.tex | Network Device / Control Virtqueue / Gratuitous Packet Sending
NET-CVQ-14 | driver | MUST | - | 1983-1986 | memory | ANNOUNCE seen leads to ANNOUNCE_ACK (and should lead to gratuitous frames) | Set status bit1; trace
NET-CVQ-15 | device | MUST | - | 1990-1993 | register | ANNOUNCE bit cleared before the ack command is returned | Read status after used
# device-types/net/description.tex | Network Device / Control Virtqueue / Automatic receive steering in multiqueue mode
NET-CVQ-16 | both | MAY | - | 1997-2005 | register | MQ and RSS are each optional | n/a
NET-CVQ-17 | both | MAY | - | 2021-2031 | memory | Several queue pairs may be used after PAIRS_SET | n/a
NET-CVQ-18 | device | MUST | - | 2041-2047 | memory | After PAIRS_SET flows are steered to matching receiveq (should), random otherwise (may) | Send on txN; inject reply
NET-CVQ-19 | driver | MUST | - | 2054-2055 | register | Queues are configured before PAIRS_SET | Trace
NET-CVQ-20 | driver | MUST NOT | - | 2057-2058 | memory | Pair count is 1..max_virtqueue_pairs | Parse
NET-CVQ-21 | driver | MUST | - | 2060-2061 | memory | Only transmitq1 before PAIRS_SET | Trace
NET-CVQ-22 | driver | MUST NOT | - | 2063-2064 | memory | No tx queue above the requested count afterwards | Trace
NET-CVQ-23 | device | MUST | - | 2068-2068 | memory | Only receiveq1 after reset | Inject
NET-CVQ-24 | device | MUST NOT | - | 2070-2072 | memory | No rx queue above the count once the command is returned | Inject
NET-CVQ-25 | device | MUST | - | 2074-2076 | memory | All rx queues in reset: frame dropped; one in reset: should pick another | queue_reset on rx
NET-CVQ-26 | device | MUST | - | 2085-2086 | memory | HASH_REPORT with automatic steering supports the hash-config command | Send
NET-CVQ-27 | driver | MUST | - | 2106-2107 | memory | reserved words in hash config are zero | Parse
# device-types/net/description.tex | Network Device / Control Virtqueue / RSS
NET-CVQ-28 | driver | MUST | - | 2160-2169 | memory | RSS_CONFIG only with RSS; only enabled queues, power-of-two table below limit, supported hash types | Parse
NET-CVQ-29 | device | MUST | - | 2171-2180 | memory | RSS picks queue via hash, mask, table; unclassified queue otherwise; drop when target in reset | Inject flows
NET-CVQ-30 | both | MUST | - | 2252-2262 | memory | RSS contexts: at least one if offered, cleared on reset, ids 1..max, no PAIRS_SET while in use | Send
# device-types/net/description.tex | Network Device / Control Virtqueue / Setting Offloads State
NET-CVQ-31 | driver | MUST NOT | - | 2303-2304 | memory | Offloads are enabled only for negotiated features | Parse
# device-types/net/description.tex | Network Device / Control Virtqueue / Notifications Coalescing
NET-CVQ-32 | driver | MUST | - | 2433-2439 | memory | Coalescing commands only with the feature, for enabled queues, results ignored on ERR | Trace
NET-CVQ-33 | device | MUST | - | 2443-2463 | memory | Coalescing: reserved ignored, ERR on failure or bad queue, defaults restored on re-enable, zero after reset, best effort timing (may) | Send
# device-types/net/description.tex | Network Device / Control Virtqueue / Device Statistics
NET-CVQ-34 | device | MUST | - | 2919-2946 | memory | Statistics: capability query answered, bad requests fail whole, sizes/types filled, counters wrap | Send
NET-CVQ-35 | driver | MUST | - | 2950-2962 | memory | Statistics requests name supported types and supply header room | Parse
`;
