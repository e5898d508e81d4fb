import { BAR_INDICATOR_MASK, messageControl, sriovControl } from '../pci/index.ts';
import type {
  BarDescription,
  BridgeDescription,
  CapabilityDescription,
  FunctionDescription,
} from '../trace/index.ts';
import { bytesText, columns, hexText } from './text.ts';

/** Names of the classes that the functions here have (PCI Code and ID Assignment). */
const classNames: Readonly<Record<number, string>> = {
  2: 'Unclassified device',
  255: 'Unclassified device',
  256: 'SCSI storage controller',
  512: 'Ethernet controller',
  1536: 'Host bridge',
  1540: 'PCI bridge',
  1920: 'Communication controller',
};

/** Name of a class, or nothing. */
export const classText = (classId: number) => `${classNames[classId] ?? 'Class'} [${hexText(classId, 4)}]`;

/** Class, ids and revision on one line, in the manner of `lspci -nn`. */
export function titleOf(fn: FunctionDescription): string {
  const classId = fn.classCode >> 8;
  const name = classText(classId);
  const ids = `[${hexText(fn.vendorId, 4)}:${hexText(fn.deviceId, 4)}]`;
  const revision = fn.revisionId === 0 ? '' : ` (rev ${hexText(fn.revisionId, 2)})`;
  return fn.device === null ? `${name}: ${ids}${revision}` : `${name}: ${fn.device} ${ids}${revision}`;
}

function barCells({ index, kind, prefetchable, address, sizeBytes }: BarDescription): string[] {
  const what =
    kind === 'io'
      ? 'I/O ports'
      : `${kind === 'memory64' ? '64' : '32'}-bit memory${prefetchable ? ', prefetchable' : ''}`;
  return [`BAR${index}`, what, `at 0x${hexText(address)}`, bytesText(sizeBytes)];
}

const placeText = (bar: number, offset: number) => `BAR${bar} +0x${hexText(offset)}`;

/** Two halves of a field that may have one only. */
const wide = (low: number | undefined, high = 0) => (low === undefined ? undefined : high * 2 ** 32 + low);

/** How many virtual functions there can be and are, what they are, and where. */
function virtualText(fields: CapabilityDescription['fields']): string {
  const { totalVfs, initialVfs, numVfs, vfDeviceId = 0, control = 0 } = fields;
  const now = `${numVfs} now${(control & sriovControl.enable) === 0 ? ', not enabled' : ''}`;
  return (
    `${totalVfs} virtual functions (${initialVfs} at first, ${now}), ids ${hexText(vfDeviceId, 4)}, ` +
    `the first ${fields['firstVfOffset']} further on, then every ${fields['vfStride']}`
  );
}

/** What a capability points at, where it points at something. */
export function capabilityText({ fields }: Pick<CapabilityDescription, 'fields'>): string {
  const { bar, notifyOffMultiplier, offsetHigh = 0, lengthHigh, vendorId } = fields;
  const [offset, length] = [wide(fields['offset'], offsetHigh), wide(fields['length'], lengthHigh)];
  if (fields['messageControl'] !== undefined) {
    const place = (value = 0) => placeText(value & BAR_INDICATOR_MASK, value & ~BAR_INDICATOR_MASK);
    const vectors = (fields['messageControl'] & messageControl.tableSize) + 1;
    return `${vectors} vectors, table ${place(fields['table'])}, pending bits ${place(fields['pendingBits'])}`;
  }
  if (fields['totalVfs'] !== undefined) return virtualText(fields);
  if (vendorId !== undefined) return `of vendor ${hexText(vendorId, 4)}`;
  if (bar === undefined || offset === undefined || length === undefined || length === 0) return '';
  const multiplier = notifyOffMultiplier === undefined ? '' : `, multiplier ${notifyOffMultiplier}`;
  const region = lengthHigh === undefined ? '' : `region ${fields['id']}, `;
  return `${region}${placeText(bar, offset)}, ${bytesText(length)}${multiplier}`;
}

function capabilityCells(each: CapabilityDescription): string[] {
  return [hexText(each.offset, 2), each.name, capabilityText(each)];
}

const windowNames = {
  io: 'I/O ports',
  memory: 'memory',
  prefetchable: 'prefetchable memory',
} as const;

/** Bus numbers, and the windows that are open. */
function bridgeCells({ primary, secondary, subordinate, windows }: BridgeDescription): string[] {
  const buses = `buses ${[secondary, subordinate].map((bus) => hexText(bus, 2)).join(' to ')}`;
  const open = windows.map(
    ({ name, start, end }) => `${windowNames[name]} 0x${hexText(start)}..0x${hexText(end - 1)}`,
  );
  return [`from bus ${hexText(primary, 2)} to ${buses}`, ...open.map((text) => `passes ${text}`)];
}

/** BARs and capability chain, a line each. */
export function detailLines(fn: FunctionDescription, indent: string): string[] {
  const bars = columns(fn.bars.map(barCells));
  const chain = columns([...fn.capabilities, ...fn.extended].map(capabilityCells));
  const pin = fn.interruptPin === 0 ? [] : [`INT${'-ABCD'[fn.interruptPin]}# on line ${fn.interruptLine}`];
  const subsystem = `subsystem ${hexText(fn.subsystemVendorId, 4)}:${hexText(fn.subsystemId, 4)}`;
  const first = fn.subsystemVendorId === 0 ? pin : [subsystem, ...pin];
  const bridge = fn.bridge === null ? [] : bridgeCells(fn.bridge);
  return [...(first.length === 0 ? [] : [first.join(', ')]), ...bridge, ...bars, ...chain].map(
    (line) => indent + line,
  );
}

/** A function as plain data, ids and addresses in hexadecimal as people write them. */
export function functionJson(fn: FunctionDescription): object {
  const id = (value: number, digits = 4) => `0x${hexText(value, digits)}`;
  return {
    ...fn,
    vendorId: id(fn.vendorId),
    deviceId: id(fn.deviceId),
    revisionId: fn.revisionId,
    classCode: id(fn.classCode, 6),
    subsystemVendorId: id(fn.subsystemVendorId),
    subsystemId: id(fn.subsystemId),
    bars: fn.bars.map((bar) => ({ ...bar, address: id(bar.address, 0) })),
  };
}
