import { commonConfig, deviceStatus, type FunctionKind, structureType } from '../../src/virtio/index.ts';
import type { Json } from './difference.ts';
import { header } from './replay-legacy.ts';
import { HandRing, legacyRing } from './request.ts';
import { Block, hex8, hex16, hex32, hexBytes, Subject } from './subject.ts';

const VENDOR = 0x09;
const MSIX = 0x11;
const MODERN_BAR = 4;
const { acknowledge, driver, driverOk, featuresOk } = deviceStatus;

/** Offsets of the structures in their BAR, as the capabilities name them. */
function structures(subject: Subject) {
  const base = subject.bar(MODERN_BAR);
  const block = (type: number) => {
    const capability = subject.capability(VENDOR, type);
    return new Block(subject, 'memory', base + subject.cfg(4, capability + 8));
  };
  return {
    common: block(structureType.common),
    isr: block(structureType.isr),
    device: block(structureType.device),
    notify: block(structureType.notify),
  };
}

const {
  deviceFeatureSelect,
  deviceFeature,
  driverFeatureSelect,
  driverFeature,
  configMsixVector,
  deviceStatus: statusRegister,
  queueSelect,
  queueSize,
  queueMsixVector,
  queueEnable,
  queueNotifyOffset,
  queueDescriptorLow,
  queueDriverLow,
  queueDeviceLow,
} = Object.fromEntries(Object.entries(commonConfig).map(([name, { offset }]) => [name, offset])) as Record<
  keyof typeof commonConfig,
  number
>;

/** Negotiates VERSION_1 and nothing else. @returns status after FEATURES_OK. */
function negotiate({ b, setB, setL }: Block): number {
  setB(statusRegister, 0);
  setB(statusRegister, acknowledge);
  setB(statusRegister, acknowledge | driver);
  for (const [word, value] of [0, 1].entries()) {
    setL(driverFeatureSelect, word);
    setL(driverFeature, value);
  }
  setB(statusRegister, acknowledge | driver | featuresOk);
  return b(statusRegister);
}

/** A read of one sector by hand through the modern structures, and odd accesses afterwards. */
export function modernRead(kind: FunctionKind): Json {
  const subject = new Subject('blk', kind);
  subject.assign(0x7);
  const { common, isr, device, notify } = structures(subject);
  const { b, w, l, setB, setL, setW } = common;
  const ring = new HandRing(subject, legacyRing);
  const negotiated = negotiate(common);
  setW(queueSelect, 0);
  const offered = w(queueSize);
  setW(queueSize, 64);
  const taken = w(queueSize);
  const { descriptors, available, used } = legacyRing;
  for (const [low, address] of [
    [queueDescriptorLow, descriptors],
    [queueDriverLow, available],
    [queueDeviceLow, used],
  ] as const) {
    setL(low, address);
    setL(low + 4, 0);
  }
  setW(queueEnable, 1);
  setB(statusRegister, acknowledge | driver | featuresOk | driverOk);
  const status = b(statusRegister);
  ring.exposeRead();
  notify.setW(0, 0);
  const request = {
    status_after_features_ok: negotiated,
    qsize: offered,
    qsize_after_write_64: taken,
    status,
    used_idx: ring.usedIndex,
    status_byte: ring.statusByte,
    data_ok: ring.dataIsRight,
    isr: isr.b(0),
    isr2: isr.b(0),
    irqs: [...subject.lines],
    capacity: device.l(0) + device.l(4) * 2 ** 32,
  };
  const legacyView =
    kind === 'modern' ? {} : { legacy_view_while_modern: header(new Block(subject, 'io', subject.bar(0))) };
  setW(queueEnable, 0);
  const enabled = w(queueEnable);
  setB(statusRegister, 0);
  return {
    ...request,
    ...legacyView,
    queue_enable_after_write0: enabled,
    after_reset: {
      status: b(statusRegister),
      qsize: w(queueSize),
      qen: w(queueEnable),
      desclo: l(queueDescriptorLow),
      dfsel: l(deviceFeatureSelect),
      qsel: w(queueSelect),
    },
    odd: odd(subject),
  };
}

/** Accesses between, beside and across registers. */
function holes({ common, isr, notify }: ReturnType<typeof structures>) {
  const { b, w, l, setL } = common;
  setL(deviceFeatureSelect, 0);
  return {
    df0_b: [4, 5, 6, 7].map((at) => hex8(b(at))),
    df0_w: [4, 6].map((at) => hex16(w(at))),
    read_l_at_0x10: hex32(l(0x10)),
    read_l_at_0x14: hex32(l(0x14)),
    read_q_at_0: hexBytes(common.bytes(0, 8, 4)),
    beyond_0x38: hex32(l(0x38)),
    beyond_0x3c: hex32(l(0x3c)),
    at_0x800: hex32(l(0x800)),
    notify_read: hex16(notify.w(0)),
    isr_read_l: hex32(isr.l(0)),
    isr_off4: hex8(isr.b(4)),
    unaligned_w_at_0x11: hex16(w(0x11)),
  };
}

function selectors({ w, setW }: Block) {
  setW(queueSelect, 5);
  const five = {
    sel: w(queueSelect),
    size: w(queueSize),
    noff: w(queueNotifyOffset),
    en: w(queueEnable),
    vec: hex16(w(queueMsixVector)),
  };
  const select = (queue: number) => {
    setW(queueSelect, queue);
    return w(queueSelect);
  };
  const [after1024, after65535] = [select(1024), select(65535)];
  setW(queueSelect, 0);
  const size = (value: number) => {
    setW(queueSize, value);
    return w(queueSize);
  };
  return {
    qsel5: five,
    qsel1024: after1024,
    qselffff: after65535,
    qsize_100: size(100),
    qsize_512: size(512),
    qsize_0: size(0),
  };
}

function vectors({ w, setB, setW }: Block) {
  const map = (register: number, vector: number) => {
    setW(register, vector);
    return hex16(w(register));
  };
  const mapped = {
    msix_config_7: map(configMsixVector, 7),
    msix_config_1: map(configMsixVector, 1),
    qvec_2: map(queueMsixVector, 2),
    qvec_0: map(queueMsixVector, 0),
  };
  setB(statusRegister, 0);
  return { ...mapped, vectors_after_reset: [configMsixVector, queueMsixVector].map((at) => hex16(w(at))) };
}

function featureWords({ b, l, setB, setL }: Block) {
  const offered = [0, 1, 2, 3, 31].map((word) => {
    setL(deviceFeatureSelect, word);
    return [String(word), hex32(l(deviceFeature))] as const;
  });
  setB(statusRegister, acknowledge);
  setB(statusRegister, acknowledge | driver);
  const accept = (word: number) => {
    setL(driverFeatureSelect, word);
    setL(driverFeature, 0xffffffff);
    return hex32(l(driverFeature));
  };
  const accepted = { gf0_after_all_ones: accept(0), gf1_after_all_ones: accept(1) };
  setB(statusRegister, acknowledge | driver | featuresOk);
  return {
    df: Object.fromEntries(offered),
    ...accepted,
    status_after_bad_features_ok: hex8(b(statusRegister)),
  };
}

function odd(subject: Subject): Json {
  const found = structures(subject);
  subject.setCfg(2, subject.capability(MSIX) + 2, 0x8000);
  const answers = {
    ...holes(found),
    ...selectors(found.common),
    ...vectors(found.common),
    ...featureWords(found.common),
  };
  subject.setCfg(2, subject.capability(MSIX) + 2, 0);
  return answers;
}

/** The window into the BARs through configuration space. */
export function pciConfigWindow(): Json {
  const subject = new Subject('blk', 'transitional');
  subject.assign(0x7);
  const at = subject.capability(VENDOR, structureType.pciConfig);
  const aim = (bar: number, offset: number, length: number) => {
    subject.setCfg(1, at + 4, bar);
    subject.setCfg(4, at + 8, offset);
    subject.setCfg(4, at + 12, length);
  };
  const read = (bar: number, offset: number, length: number) => {
    aim(bar, offset, length);
    return hex32(subject.cfg(4, at + 16));
  };
  aim(MODERN_BAR, deviceFeatureSelect, 4);
  subject.setCfg(4, at + 16, 0);
  const answers = {
    status_len1: read(MODERN_BAR, statusRegister, 1),
    numq_len2: read(MODERN_BAR, commonConfig.numQueues.offset, 2),
    df_len4: read(MODERN_BAR, deviceFeature, 4),
    len3: read(MODERN_BAR, deviceFeature, 3),
    unaligned: read(MODERN_BAR, 2, 4),
    badbar: read(3, 0, 4),
    beyond: read(MODERN_BAR, 0x4000, 4),
  };
  aim(MODERN_BAR, statusRegister, 1);
  subject.setCfg(4, at + 16, acknowledge);
  return {
    ...answers,
    status_after_window_write: structures(subject).common.b(statusRegister),
    bar0_legacy_through_window: read(0, 0, 4),
  };
}
