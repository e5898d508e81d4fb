import { type FunctionAddress, functionAddress, GuestMemory, type Width } from '../../src/core/index.ts';
import {
  Machine,
  type MachineOptions,
  type PciFunction,
  VirtualFunction,
  VirtualFunctions,
  type VirtualFunctionsOptions,
} from '../../src/pci/index.ts';
import { addScratch, bareFunction, configOf, Scratch } from './support.ts';

/** Where the physical function stands. */
export const PF = functionAddress(0, 4);
/** Where the capability stands, and its registers as PCI Express 5.0, section 9.3.3, numbers them. */
export const CAP = 0x100;
export const sriov = {
  control: CAP + 0x08,
  initialVfs: CAP + 0x0c,
  totalVfs: CAP + 0x0e,
  numVfs: CAP + 0x10,
  link: CAP + 0x12,
  offset: CAP + 0x14,
  stride: CAP + 0x16,
  deviceId: CAP + 0x1a,
  supportedPages: CAP + 0x1c,
  pages: CAP + 0x20,
  bar: CAP + 0x24,
} as const;
export const ENABLE = 1;
export const MEMORY = 8;

/** A virtual function with a scratch page in BAR0, two vectors in BAR1, and a device that sleeps while `asleep` says so. */
export function scratchFunction(_index: number, asleep = () => true): VirtualFunction {
  const fn = new VirtualFunction({
    name: 'scratch-vf',
    vendorId: 0x1234,
    deviceId: 0x5678,
    classCode: 0xff0102,
    subsystemVendorId: 0x1234,
    subsystemId: 7,
  });
  const target = new Scratch(0x100);
  fn.addBar({
    index: 0,
    kind: 'memory64',
    lengthBytes: 0x1000,
    prefetchable: true,
    regions: [{ name: 'scratch', offset: 0x40, length: 0x100, target }],
  });
  fn.addMsix(2, 2);
  fn.parts.set('bytes', {
    save: () => target.bytes.slice(),
    load: (state) => target.bytes.set(state as Uint8Array),
  });
  fn.device = {
    hear: (event) => {
      if (event === 'reset') target.bytes.fill(0);
    },
    asleep,
  };
  return fn;
}

type Options = Partial<VirtualFunctionsOptions>;

/** A physical function with virtual ones. */
export function physical(options: Options = {}): { pf: PciFunction; vfs: VirtualFunctions; made: number[] } {
  const pf = bareFunction({ name: 'pf', express: true });
  addScratch(pf, 0, 'memory32', 4096);
  const made: number[] = [];
  const vfs = new VirtualFunctions(pf, {
    total: 8,
    deviceId: 0xabcd,
    bars: [
      { index: 0, kind: 'memory64', lengthBytes: 0x1000, prefetchable: true },
      { index: 2, kind: 'memory32', lengthBytes: 0x1000 },
    ],
    make: (index) => {
      made.push(index);
      return scratchFunction(index);
    },
    ...options,
  });
  return { pf, vfs, made };
}

/** Accesses to the functions of a machine by their numbers: 0 is the physical one. */
export function software(machine: Machine, pf: FunctionAddress, { offset = 1, stride = 1 }: Options = {}) {
  const config = configOf(machine, pf);
  const { write } = config;
  const idOf = (index: number): FunctionAddress => pf + offset + (index - 1) * stride;
  return {
    ...config,
    idOf,
    vf: (index: number) => configOf(machine, idOf(index)),
    vendor: (index: number) => machine.configRead(idOf(index), 0, 4),
    /** Which of functions 1..`most` answer. */
    answering: (most: number) =>
      Array.from({ length: most }, (_, i) => i + 1).filter(
        (index) => machine.configRead(idOf(index), 0x0e, 2) !== 0xffff,
      ),
    enable: (count: number, control = ENABLE | MEMORY) => {
      write(sriov.numVfs, 2, count);
      write(sriov.control, 2, control);
    },
    disable: () => write(sriov.control, 2, 0),
    place: (index: number, address: number) => {
      write(sriov.bar + 4 * index, 4, address % 2 ** 32);
      if (index === 0) write(sriov.bar + 4, 4, Math.floor(address / 2 ** 32));
    },
    memory: (address: number, width: Width = 4) => machine.memoryRead(address, width),
  };
}

/** A machine with it, whose ECAM reaches all buses. */
export function withVirtual(options: Options = {}, machineOptions: MachineOptions = {}) {
  const machine = new Machine({
    ram: GuestMemory.allocate({ start: 0, length: 1 << 12 }),
    ecamBase: 2 ** 40,
    ecamBuses: 256,
    ...machineOptions,
  });
  const parts = physical(options);
  machine.plug(parts.pf, PF);
  return { machine, ...parts, ...software(machine, PF, options) };
}

/** Where tests put the BARs. */
export const BAR0 = 0x8_0000_0000;
export const BAR2 = 0xc000_0000;
