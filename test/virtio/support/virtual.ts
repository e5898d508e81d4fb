import { type FunctionAddress, GuestMemory, type LabEvent } from '../../../src/core/index.ts';
import {
  DmaMemory,
  type FoundFunction,
  findVirtualFunctions,
  ModernTransport,
} from '../../../src/driver/index.ts';
import { Machine, type MachineOptions } from '../../../src/pci/index.ts';
import { feature, type VirtioFunction, type VirtioVirtualFunctions } from '../../../src/virtio/index.ts';
import { watch } from '../../pci/support.ts';
import { PF, software, sriov } from '../../pci/virtual-support.ts';

const FIRST = 0x10_0000_0000;
const LOW_FIRST = 0x4000_0000;

/** A virtio function with virtual ones in a machine, their BARs placed; nobody has enabled them yet. */
export class VirtualGuest {
  readonly machine: Machine;
  readonly owner: VirtioFunction;
  readonly functions: VirtioVirtualFunctions;
  readonly events: LabEvent[];
  readonly software: ReturnType<typeof software>;
  /** Address of each VF BAR. */
  readonly bases = new Map<number, number>();

  constructor(functions: VirtioVirtualFunctions, options: MachineOptions = {}) {
    this.functions = functions;
    this.owner = functions.owner;
    this.machine = new Machine({
      ram: GuestMemory.allocate({ start: 0, length: 1 << 20 }),
      ecamBase: 2 ** 40,
      ecamBuses: 256,
      ...options,
    });
    this.machine.plug(this.owner.pci, PF);
    this.software = software(this.machine, PF);
    let [high, low] = [FIRST, LOW_FIRST];
    for (const { index, kind, lengthBytes } of functions.pci.options.bars) {
      const at = kind === 'memory64' ? high : low;
      this.bases.set(index, at);
      this.software.write(sriov.bar + 4 * index, 4, at % 2 ** 32);
      if (kind === 'memory64') {
        this.software.write(sriov.bar + 4 * index + 4, 4, Math.floor(at / 2 ** 32));
        high += 0x1000_0000;
      } else low += 0x1000_0000;
      if (lengthBytes > 0x10000) throw new Error('BARs longer than the places between them');
    }
    this.events = watch(this.machine);
  }

  /** The driver of the physical function agrees on SR_IOV, and gets no further. */
  agree(): void {
    const { device } = this.owner;
    device.statusRegister.writeModern(3);
    const accepted = [0, 0, 0, 0];
    for (const bit of [feature.version1, feature.singleRootIov]) accepted[bit >> 5]! |= 1 << (bit & 31);
    for (const [word, bits] of accepted.entries()) device.bringUp.acceptFeatures(word, bits >>> 0);
    device.statusRegister.writeModern(11);
  }

  address(index: number): FunctionAddress {
    return this.software.idOf(index);
  }

  /** A function as its owner's driver finds it. */
  find(index: number): FoundFunction {
    return findVirtualFunctions(this.machine, PF)!.find(index)!;
  }

  transport(index: number): ModernTransport {
    return new ModernTransport(this.machine, this.find(index));
  }

  /** RAM for the driver of one function. */
  memory(index: number): DmaMemory {
    return new DmaMemory(this.machine.ram, 0x20000 * index, 0x20000 * (index + 1));
  }

  clauses(): string[] {
    const clauses = this.events.flatMap((event) => (event.kind === 'finding' ? [event.clause] : []));
    this.events.length = 0;
    return clauses;
  }
}
