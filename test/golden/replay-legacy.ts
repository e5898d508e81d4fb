import { isrStatus, legacyHeader, legacyVectors } from '../../src/virtio/index.ts';
import type { Json } from './difference.ts';
import { HandRing, LEGACY_PAGE, legacyRing } from './request.ts';
import { Block, hex8, hex16, hex32, hexBytes, Subject, type SubjectName } from './subject.ts';

const [FEATURES, DRIVER_FEATURES, PFN, SIZE, SELECT, NOTIFY, STATUS, ISR] = Object.values(legacyHeader).map(
  ({ offset }) => offset,
) as [number, number, number, number, number, number, number, number];
const [CONFIG_VECTOR, QUEUE_VECTOR] = [
  legacyVectors.configMsixVector.offset,
  legacyVectors.queueMsixVector.offset,
];
const MSIX = 0x11;
const NO_INTERRUPT = 1;

/** The whole header, in the recording's short names. */
export const header = ({ b, w, l }: Block) => ({
  f: hex32(l(FEATURES)),
  gf: hex32(l(DRIVER_FEATURES)),
  pfn: hex32(l(PFN)),
  qsz: w(SIZE),
  qsel: w(SELECT),
  notify: hex16(w(NOTIFY)),
  status: hex8(b(STATUS)),
  isr: hex8(b(ISR)),
});

/** A read of one sector by hand, interrupt and all. */
export function legacyRead(): Json {
  const subject = new Subject('blk', 'transitional');
  subject.assign(0x5);
  const bar0 = subject.bar(0);
  const block = new Block(subject, 'io', bar0);
  const ring = new HandRing(subject, legacyRing);
  const { setB, setL, setW, w, l, b } = block;
  setB(STATUS, 0);
  setB(STATUS, 1);
  setB(STATUS, 3);
  const features = hex32(l(FEATURES));
  setL(DRIVER_FEATURES, 0);
  setW(SELECT, 0);
  const qsize = w(SIZE);
  setL(PFN, LEGACY_PAGE);
  const readback = hex32(l(PFN));
  setB(STATUS, 7);
  const status = hex8(b(STATUS));
  ring.exposeRead();
  setW(NOTIFY, 0);
  const result = {
    bar0: `0x${bar0.toString(16)}`,
    features,
    qsize,
    pfn_readback: readback,
    status,
    used_idx: ring.usedIndex,
    used_elem: hexBytes(ring.usedElement),
    status_byte: ring.statusByte,
    data_ok: ring.dataIsRight,
    irq_lines_before_isr_read: [...subject.lines],
    pci_status_int: hex16(subject.cfg(2, 0x06)),
    isr_first: b(ISR),
    isr_second: b(ISR),
    irq_lines_after: [...subject.lines],
    pci_status_int_after: hex16(subject.cfg(2, 0x06)),
  };
  const before = header(block);
  setL(PFN, 0);
  return { ...result, before_pfn0: before, after_pfn0: header(block) };
}

/** Every byte, word and dword of the first 24 bytes, unaligned ones too. */
const everyOffset = ({ b, w, l }: Block) => {
  const all = (read: (at: number) => number, show: (value: number) => string) =>
    Array.from({ length: 24 }, (_, offset) => show(read(offset)));
  return { b: all(b, hex8), w: all(w, hex16), l: all(l, hex32) };
};

/** Registers written with widths that are not theirs, each read back with its own. */
function writeWidths({ b, w, l, setB, setW, setL }: Block) {
  const then = (write: () => void, read: () => Json) => {
    write();
    return read();
  };
  const select = () => w(SELECT);
  const status = () => b(STATUS);
  const features = () => hex32(l(DRIVER_FEATURES));
  const pfn = () => hex32(l(PFN));
  const narrow = {
    qsel_after_outb14_3: then(() => setB(14, 3), select),
    qsel_after_outb15_1: then(() => setB(15, 1), select),
  };
  setW(SELECT, 0);
  const wide = {
    qsel_after_outl12_00020000: then(() => setL(12, 0x00020000), select),
    qsel_after_outl14_00070001: then(() => setL(14, 0x00070001), select),
  };
  setW(SELECT, 0);
  return {
    ...narrow,
    ...wide,
    status_after_outw18_0001: then(() => setW(18, 0x0001), status),
    status_after_outw18_0103: then(() => setW(18, 0x0103), status),
    status_after_outl16_00070000: then(() => setL(16, 0x00070000), status),
    device_features_after_write: then(
      () => setL(FEATURES, 0),
      () => hex32(l(FEATURES)),
    ),
    qsz_after_write16: then(
      () => setW(SIZE, 16),
      () => w(SIZE),
    ),
    isr_after_write3: then(
      () => setB(ISR, 3),
      () => b(ISR),
    ),
    gf_after_outw4_0044: then(() => setW(4, 0x0044), features),
    gf_after_outb5_02: then(() => setB(5, 0x02), features),
    gf_after_outw6_1000: then(() => setW(6, 0x1000), features),
    pfn_after_outw8_100: then(() => setW(8, 0x100), pfn),
    pfn_after_outw10_1: then(() => setW(10, 1), pfn),
    pfn_after_outb8_55: then(() => setB(8, 0x55), pfn),
  };
}

function queueSelect({ w, l, setW, setL }: Block) {
  const rows = [1, 2, 63, 64, 255, 1023, 1024, 65535].map((queue) => {
    setW(SELECT, 0);
    setW(SELECT, queue);
    return [String(queue), { sel: w(SELECT), size: w(SIZE), pfn: hex32(l(PFN)) }] as const;
  });
  setW(SELECT, 63);
  setL(PFN, 0x123);
  const absent = hex32(l(PFN));
  setL(PFN, 0);
  return { ...Object.fromEntries(rows), pfn_on_absent_queue63: absent, sel_after_pfn0: w(SELECT) };
}

function statusReadback({ b, setB }: Block): Json {
  const values = [0x01, 0x03, 0x07, 0x0f, 0x80, 0x40, 0xff, 0x08, 0x04];
  return Object.fromEntries(
    values.map((value) => {
      setB(STATUS, 0);
      setB(STATUS, value);
      return [hex8(value), hex8(b(STATUS))];
    }),
  );
}

function features({ l, setB, setL }: Block): Json {
  const after = (value: number) => {
    setL(DRIVER_FEATURES, value);
    return hex32(l(DRIVER_FEATURES));
  };
  const answers = {
    gf_after_all_ones: after(0xffffffff),
    gf_after_3fffffff: after(0x3fffffff),
    gf_after_bit30_only: after(0x40000000),
    gf_after_44: after(0x44),
  };
  setB(STATUS, 7);
  return { ...answers, gf_write_after_driver_ok: after(0x4) };
}

function msix(subject: Subject, block: Block): Json {
  const { b, w, l, setB, setW } = block;
  const control = subject.capability(MSIX) + 2;
  const set = (value: number) => subject.setCfg(2, control, value);
  const bytes = () => hexBytes(block.bytes(0x14, 16, 1));
  const vectors = () => [hex16(w(CONFIG_VECTOR)), hex16(w(QUEUE_VECTOR))];
  const off = bytes();
  set(0x8000);
  const on = { control_on: hex16(subject.cfg(2, control)), on_0x14_0x23: bytes() };
  const [config, queue] = vectors() as [string, string];
  const mapped = [0, 1, 2, 3, 4, 2047, 65534, 65535].map((vector) => {
    setW(CONFIG_VECTOR, vector);
    setW(QUEUE_VECTOR, vector);
    return [String(vector), vectors()] as const;
  });
  setW(SELECT, 63);
  const absent = hex16(w(QUEUE_VECTOR));
  setW(QUEUE_VECTOR, 1);
  const absentAfter = hex16(w(QUEUE_VECTOR));
  setW(SELECT, 0);
  setW(QUEUE_VECTOR, 1);
  setW(CONFIG_VECTOR, 0);
  const wide = { vec_read_l_at_0x14: hex32(l(0x14)), vec_bytes: [hex8(b(0x14)), hex8(b(0x15))] };
  setB(CONFIG_VECTOR, 1);
  const narrow = hex16(w(CONFIG_VECTOR));
  set(0);
  const again = bytes();
  set(0x8000);
  const survived = vectors();
  setB(STATUS, 0);
  const reset = { vectors_after_status0: vectors(), control_after_status0: hex16(subject.cfg(2, control)) };
  set(0xffff);
  return {
    off_0x14_0x23: off,
    ...on,
    cfgvec_default: config,
    qvec_default: queue,
    vec: Object.fromEntries(mapped),
    qvec_absent_queue_read: absent,
    qvec_absent_queue_after_write1: absentAfter,
    ...wide,
    cfgvec_after_outb_1: narrow,
    off_again_0x14_0x23: again,
    vectors_survive_toggle: survived,
    ...reset,
    control_after_ffff: hex16(subject.cfg(2, control)),
  };
}

/** Odd accesses of every kind to the legacy block. */
export function legacyOdd(name: SubjectName): Json {
  const subject = new Subject(name, 'transitional');
  subject.assign(0x1);
  const block = new Block(subject, 'io', subject.bar(0));
  const { b, l, w, setB, setL, setW } = block;
  const reset = () => setB(STATUS, 0);
  const size = name === 'blk' ? 128 : 32;
  const initial = header(block);
  const offsets = everyOffset(block);
  const past = { last_b: hex8(b(size - 1)), last_l: hex32(l(size - 4)) };
  const widths = writeWidths(block);
  reset();
  const selected = queueSelect(block);
  reset();
  for (const queue of [1, 63, 0xffff, 0]) setW(NOTIFY, queue);
  const notified = header(block);
  const statuses = statusReadback(block);
  reset();
  const accepted = features(block);
  setL(PFN, LEGACY_PAGE);
  const before = header(block);
  reset();
  const after = header(block);
  subject.setCfg(2, 0x04, 0x1);
  const command = () => hex16(subject.cfg(2, 0x04));
  setB(STATUS, 1);
  const one = command();
  setB(STATUS, 3);
  const commands = [one, command()];
  reset();
  const afterReset = command();
  subject.setCfg(2, 0x04, 0);
  const disabled = { l: hex32(l(0)), w: hex16(w(0)), b: hex8(b(0)) };
  subject.setCfg(2, 0x04, 0x1);
  return {
    initial,
    every_offset: offsets,
    past_device_config: past,
    write_widths: widths,
    queue_select: selected,
    after_bad_notifies: notified,
    status_readback: statuses,
    features: accepted,
    before_status0: before,
    after_status0: after,
    command_after_status_1_then_3: commands,
    command_after_status0: afterReset,
    io_disabled_read: disabled,
    msix: msix(subject, block),
  };
}

/** Messages, aimed at RAM so that they can be read back. */
export function msixDelivery(): Json {
  const [message, data] = [0x300000, 0xabc1];
  const subject = new Subject('blk', 'transitional');
  subject.assign(0x7);
  const block = new Block(subject, 'io', subject.bar(0));
  const table = new Block(subject, 'memory', subject.bar(1));
  const ring = new HandRing(subject, legacyRing);
  const { ram } = subject.machine;
  const { b, setB, setL, setW } = block;
  subject.setCfg(2, subject.capability(MSIX) + 2, 0x8000);
  for (const vector of [0, 1]) {
    table.setL(16 * vector, message);
    table.setL(16 * vector + 4, 0);
    table.setL(16 * vector + 8, data + vector - 1);
    table.setL(16 * vector + 12, 0);
  }
  setB(STATUS, 3);
  setL(PFN, LEGACY_PAGE);
  setW(QUEUE_VECTOR, 1);
  setB(STATUS, 7);
  const seen = () => {
    const value = hex32(ram.ranges[0]!.view.getUint32(message, true));
    ram.fill(message, 4, 0);
    return value;
  };
  const kick = (flags = 0) => {
    ring.exposeRead(flags);
    setW(NOTIFY, 0);
  };
  const pending = () => hex32(table.l(0x800));
  kick();
  const plain = { msg_at_vec1: seen(), isr_with_msix: b(ISR) & isrStatus.queue };
  table.setL(16 + 12, 1);
  kick();
  const masked = { masked_msg: seen(), pba: pending() };
  table.setL(16 + 12, 0);
  const unmasked = { after_unmask_msg: seen(), pba_after: pending() };
  b(ISR);
  setW(QUEUE_VECTOR, 0xffff);
  kick();
  const unmapped = { novector_msg: seen(), novector_isr: b(ISR) };
  setW(QUEUE_VECTOR, 1);
  kick(NO_INTERRUPT);
  return { ...plain, ...masked, ...unmasked, ...unmapped, no_interrupt_flag_msg: seen() };
}
