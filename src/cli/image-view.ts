import { type ConfigFinding, type ConfigVerdict, isBreach } from '../conformance/config.ts';
import type { ImageBar } from '../driver/index.ts';
import { CAPABILITIES_START, CONVENTIONAL_BYTES, EXTENDED_BYTES, powerState } from '../pci/index.ts';
import type { DumpedFunction, ImageCapability, ImageDescription } from '../trace/index.ts';
import { capabilityText, classText } from './function-view.ts';
import { style } from './output.ts';
import { columns, hexText } from './text.ts';

/** A function of a dump, read and judged. */
export interface JudgedFunction {
  readonly dumped: DumpedFunction;
  readonly description: ImageDescription;
  readonly verdict: ConfigVerdict;
}

const NOT_THERE = 'not in the dump';
const idText = (value: number | null) => (value === null ? '????' : hexText(value, 4));

/** Slot, class, ids, revision, and what kind of function it is. */
function titleOf({ dumped: { slot }, description: it }: JudgedFunction): string {
  const name = it.classCode === null ? 'Class [????]' : classText(it.classCode >> 8);
  const device = it.device ?? (it.typeNumber === null ? '' : `virtio type ${it.typeNumber}`);
  const revision = it.revisionId === null || it.revisionId === 0 ? '' : ` (rev ${hexText(it.revisionId, 2)})`;
  const header = it.header === 'function' ? null : it.header;
  const kind = it.kind === 'unknown' ? 'legacy or transitional' : (it.kind ?? header);
  return (
    `${slot} ${name}: ${device === '' ? '' : `${device} `}` +
    `[${idText(it.vendorId)}:${idText(it.deviceId)}]${revision}${kind === null ? '' : ` (${kind})`}`
  );
}

function barCells({ index, kind, prefetchable, address }: ImageBar): string[] {
  const memory = `${kind === 'memory64' ? '64' : '32'}-bit memory${prefetchable ? ', prefetchable' : ''}`;
  const where =
    address === null ? NOT_THERE : address === 0 ? 'without an address' : `at 0x${hexText(address)}`;
  return [`BAR${index}`, kind === 'io' ? 'I/O ports' : memory, where];
}

/** Bits of registers that no table of this project names, shifted down. */
const bits = (value: number, shift: number, mask: number) => (value >>> shift) & mask;

const portTypes: Readonly<Record<number, string>> = {
  0: 'endpoint',
  1: 'legacy endpoint',
  4: 'root port',
  5: 'upstream port',
  6: 'downstream port',
  7: 'bridge to PCI',
  8: 'bridge from PCI',
  9: 'root complex integrated endpoint',
  10: 'root complex event collector',
};

/** What is worth a word of capabilities that are not virtio's, by name. */
const texts: Readonly<Record<string, (fields: Readonly<Record<string, number>>) => string>> = {
  powerManagement: ({ capabilities = 0, controlStatus = 0 }) =>
    `version ${bits(capabilities, 0, 7)}, in D${controlStatus & powerState.mask}`,
  express: ({ capabilities = 0 }) =>
    `version ${bits(capabilities, 0, 15)}, ${portTypes[bits(capabilities, 4, 15)] ?? 'reserved port type'}`,
  msi: ({ messageControl = 0 }) =>
    `${2 ** bits(messageControl, 1, 7)} vectors${messageControl & 1 ? ', enabled' : ''}`,
  bridgeSubsystem: ({ subsystemVendorId = 0, subsystemId = 0 }) =>
    `${idText(subsystemVendorId)}:${idText(subsystemId)}`,
  vendorSpecific: ({ vendorHeader }) =>
    vendorHeader === undefined
      ? ''
      : `id ${idText(vendorHeader & 0xffff)}, revision ${bits(vendorHeader, 16, 15)}, ${bits(vendorHeader, 20, 0xfff)} bytes`,
};

function capabilityCells(each: ImageCapability): string[] {
  const values = Object.entries(each.fields);
  const known = values.filter((entry): entry is [string, number] => entry[1] !== null);
  const fields = Object.fromEntries(known);
  const text =
    known.length < values.length
      ? NOT_THERE
      : (texts[each.name]?.(fields) ?? capabilityText({ fields: fields }));
  return [hexText(each.offset, 2), each.name, text];
}

/** What else the space would have had room for. */
function endLines({ ends, knownBytes, capabilities }: ImageDescription): string[] {
  const what = knownBytes < CAPABILITIES_START ? 'the header' : 'the list of capabilities';
  const lines = {
    unknown: `${what} goes on where the dump does not: it has ${knownBytes} bytes`,
    loop: `the list of capabilities comes back to where it was, after ${capabilities.length}`,
    outside: `the list of capabilities leads to where none can stand, after ${capabilities.length}`,
    end: null,
  };
  const line = lines[ends.capabilities];
  return line === null ? [] : [line];
}

const findingLine = (each: ConfigFinding): string => {
  const text = `${isBreach(each) ? 'breaks' : 'does not heed'} ${each.clause} (${each.level}): ${each.message}`;
  return style(isBreach(each) ? 'red' : 'yellow', text);
};

/** A function as its dump has it, a line a thing, and what is wrong with it. */
export function imageLines(fn: JudgedFunction): string[] {
  const { description: it, verdict } = fn;
  const subsystem =
    it.subsystemVendorId === null || (it.subsystemVendorId === 0 && it.subsystemId === 0)
      ? []
      : [`subsystem ${idText(it.subsystemVendorId)}:${idText(it.subsystemId)}`];
  const pin =
    it.interruptPin === null || it.interruptPin === 0 || it.interruptPin > 4
      ? []
      : [`INT${'-ABCD'[it.interruptPin]}# on line ${it.interruptLine ?? '?'}`];
  const buses =
    it.buses === null
      ? []
      : [
          `bus ${it.buses.primary ?? '?'}, behind it ${it.buses.secondary ?? '?'} to ${it.buses.subordinate ?? '?'}`,
        ];
  const first = [...subsystem, ...pin, ...buses];
  return [
    titleOf(fn),
    ...[
      ...(first.length === 0 ? [] : [first.join(', ')]),
      ...columns(it.bars.map(barCells)),
      ...columns([...it.capabilities, ...it.extended].map(capabilityCells)),
      ...endLines(it),
      ...(it.ends.extended === 'unknown' && it.knownBytes === CONVENTIONAL_BYTES
        ? [
            `whether there are extended capabilities the dump does not tell: it has ${it.knownBytes} bytes of ${EXTENDED_BYTES}`,
          ]
        : []),
      ...verdict.findings.map(findingLine),
      ...(verdict.open.length === 0
        ? []
        : [`not judged, since the dump does not have it: ${verdict.open.join('; ')}`]),
    ].map((line) => `\t${line}`),
  ];
}

/** The same as plain data, ids and addresses in hexadecimal as people write them. */
export function imageJson({ dumped, description: it, verdict }: JudgedFunction): object {
  const id = (value: number | null, digits = 4) => (value === null ? null : `0x${hexText(value, digits)}`);
  return {
    address: dumped.slot,
    ...it,
    vendorId: id(it.vendorId),
    deviceId: id(it.deviceId),
    classCode: id(it.classCode, 6),
    subsystemVendorId: id(it.subsystemVendorId),
    subsystemId: id(it.subsystemId),
    bars: it.bars.map((bar) => ({ ...bar, address: id(bar.address, 0) })),
    findings: verdict.findings,
    open: verdict.open,
  };
}
