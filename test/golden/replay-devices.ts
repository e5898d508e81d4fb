import { commonConfig, type FunctionKind, legacyHeader, structureType } from '../../src/virtio/index.ts';
import type { Json } from './difference.ts';
import { Block, hex8, hex16, hex32, hexBytes, Subject, type SubjectName, subjects } from './subject.ts';

const VENDOR = 0x09;
const structureNames: Readonly<Record<number, string>> = Object.fromEntries(
  Object.entries({ ...structureType, pci_cfg: structureType.pciConfig }).map(([name, type]) => [type, name]),
);

/** What the recording tells of a capability, without its place in the list. */
interface Capability {
  readonly off: string;
  readonly [field: string]: Json;
}

/** Bytes in four-byte groups: a difference then names the group and not the whole string. */
export const groups = (text: string): string[] => text.match(/.{1,8}/g) ?? [];

/** The list as a set, by name, and its order apart from it. */
export function normalise(capabilities: readonly Capability[]) {
  const name = (capability: Capability) => String(capability['type'] ?? capability['name']);
  return {
    caps: Object.fromEntries(
      capabilities.map((capability) => {
        const { off: _off, ...content } = capability;
        return [name(capability), content] as const;
      }),
    ),
    capsOrder: capabilities.map((capability) => `${capability.off} ${name(capability)}`).join(', '),
  };
}

const hexOffset = (value: number) => `0x${value.toString(16).padStart(4, '0')}`;

function capabilities(subject: Subject): Capability[] {
  const found: Capability[] = [];
  for (let at = subject.cfg(1, 0x34); at !== 0; at = subject.cfg(1, at + 1)) {
    const id = subject.cfg(1, at);
    const common = { off: hex8(at), id: hex8(id) };
    if (id !== VENDOR) {
      const [control, table, pending] = [
        subject.cfg(2, at + 2),
        subject.cfg(4, at + 4),
        subject.cfg(4, at + 8),
      ];
      found.push({
        ...common,
        name: 'MSI-X',
        control: hex16(control),
        table_size: (control & 0x7ff) + 1,
        table_bar: table & 7,
        table_off: hexOffset(table & ~7),
        pba_bar: pending & 7,
        pba_off: hexOffset(pending & ~7),
      });
      continue;
    }
    const type = subject.cfg(1, at + 3);
    found.push({
      ...common,
      name: 'VNDR',
      len: subject.cfg(1, at + 2),
      cfg_type: type,
      type: structureNames[type] ?? 'unknown',
      bar: subject.cfg(1, at + 4),
      id2: subject.cfg(1, at + 5),
      offset: hexOffset(subject.cfg(4, at + 8)),
      length: hexOffset(subject.cfg(4, at + 12)),
      ...(type === structureType.notify ? { notify_off_multiplier: subject.cfg(4, at + 16) } : {}),
    });
  }
  return found;
}

/** Measures the BARs as firmware does. */
function bars(subject: Subject): Json {
  const found: Json[] = [];
  for (let bar = 0; bar < 6; bar++) {
    const at = 0x10 + 4 * bar;
    subject.setCfg(4, at, 0xffffffff);
    const mask = subject.cfg(4, at);
    subject.setCfg(4, at, 0);
    if (mask === 0) continue;
    const io = (mask & 1) !== 0;
    const wide = !io && (mask & 6) === 4;
    const size = -(mask & (io ? ~3 : ~15));
    const prefetch = io ? {} : { prefetch: (mask & 8) !== 0 };
    found.push({ bar, type: io ? 'io' : wide ? 'mem64' : 'mem32', ...prefetch, mask: hex32(mask), size });
    if (wide) bar++;
  }
  return found;
}

function legacyView(subject: Subject, name: SubjectName): Json {
  const block = new Block(subject, 'io', subject.bar(0));
  const { b, l, w, setW } = block;
  const first = {
    device_features: hex32(l(legacyHeader.deviceFeatures.offset)),
    guest_features: hex32(l(legacyHeader.driverFeatures.offset)),
    status: hex8(b(legacyHeader.deviceStatus.offset)),
    isr: hex8(b(legacyHeader.isrStatus.offset)),
  };
  const queues: number[] = [];
  for (let queue = 0; queue < 64; queue++) {
    setW(legacyHeader.queueSelect.offset, queue);
    const size = w(legacyHeader.queueSize.offset);
    if (size !== 0) queues.push(size);
  }
  const recorded = subjects[name].recordedBarBytes;
  return {
    ...first,
    queues,
    num_queues: queues.length,
    devcfg_at_0x14: groups(hexBytes(block.bytes(0x14, recorded - 0x14, 1))),
    io_bar_size: ioBarSize(subject),
  };
}

function ioBarSize(subject: Subject): number {
  const before = subject.cfg(4, 0x10);
  subject.setCfg(4, 0x10, 0xffffffff);
  const mask = subject.cfg(4, 0x10);
  subject.setCfg(4, 0x10, before);
  return -(mask & ~3);
}

/** Many queues as the recording tells of them: the first six, how many there are, and which sizes. */
function abridged(queues: readonly { readonly size: number }[]): Json[] {
  const shown = queues as unknown as Json[];
  if (queues.length <= 8) return shown;
  const sizes = [...new Set(queues.map(({ size }) => size))].join(',');
  return [...shown.slice(0, 6), `... all ${queues.length}, sizes ${sizes}`];
}

function modernView(subject: Subject): Json {
  const place = (type: number) => {
    const capability = subject.capability(VENDOR, type);
    return new Block(subject, 'memory', subject.bar(4) + subject.cfg(4, capability + 8));
  };
  const { b, l, w, setL, setW } = place(structureType.common);
  const offered = (word: number) => {
    setL(commonConfig.deviceFeatureSelect.offset, word);
    return hex32(l(commonConfig.deviceFeature.offset));
  };
  const queues = Array.from({ length: w(commonConfig.numQueues.offset) }, (_, queue) => {
    setW(commonConfig.queueSelect.offset, queue);
    return {
      size: w(commonConfig.queueSize.offset),
      msix: hex16(w(commonConfig.queueMsixVector.offset)),
      enable: w(commonConfig.queueEnable.offset),
      notify_off: w(commonConfig.queueNotifyOffset.offset),
    };
  });
  return {
    df0: offered(0),
    df1: offered(1),
    df2: offered(2),
    msix_config: hex16(w(commonConfig.configMsixVector.offset)),
    num_queues: queues.length,
    status: b(commonConfig.deviceStatus.offset),
    config_generation: b(commonConfig.configGeneration.offset),
    queues: abridged(queues),
    devcfg: groups(hexBytes(place(structureType.device).bytes(0, 64, 4))),
  };
}

/** Identity, BARs, capabilities, and the device through each of its windows. */
export function device(name: SubjectName, kind: FunctionKind): Json {
  const subject = new Subject(name, kind);
  const id = (register: number) => hex16(subject.cfg(2, register));
  const identity = {
    vendor: id(0x00),
    device: id(0x02),
    command: id(0x04),
    status: id(0x06),
    revision: subject.cfg(1, 0x08),
    class: [0x0b, 0x0a, 0x09].map((at) => hex8(subject.cfg(1, at))).join(' '),
    header: subject.cfg(1, 0x0e),
    subsys_vendor: id(0x2c),
    subsys: id(0x2e),
    int_pin: subject.cfg(1, 0x3d),
  };
  const config = hexBytes(Array.from({ length: 64 }, (_, at) => subject.cfg(1, at)));
  const list = normalise(capabilities(subject));
  const measured = bars(subject);
  subject.assign(0x3);
  return {
    ...identity,
    bars: measured,
    ...list,
    header_hex: groups(config),
    ...(kind === 'modern' ? {} : { legacy: legacyView(subject, name) }),
    ...(kind === 'legacy' ? {} : { modern: modernView(subject) }),
  };
}
