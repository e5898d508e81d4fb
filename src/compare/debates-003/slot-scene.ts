import { functionAddress, GuestMemory, HeldScheduler } from '../../core/index.ts';
import { runFirmware, setCommand } from '../../driver/index.ts';
import {
  type DeviceMessage,
  DevMsi,
  type DevMsiCare,
  MEDIATED_BAR,
  messageSlot,
  PARENT_TABLES_AT,
  ParentDevice,
  parentHeader,
  parentQueue,
  QUEUE_ENABLE,
  SlotsInDevice,
  SlotsInMemory,
} from '../../mmr/index.ts';
import { command, Machine, PciFunction } from '../../pci/index.ts';

const PLACE = functionAddress(0, 4);
const MEMORY = 0x8000;

/** One message slot and its owner, with all that is on its way between them held: what happens when is the scene's to say. */
export class SlotScene {
  readonly message: DeviceMessage;
  readonly device: ParentDevice;
  /** Events, and how many of them a handler has heard of. */
  events = 0;
  heard = 0;
  /** Messages that have reached the interrupt controllers. */
  arrived = 0;
  /** Reads and writes that the owner's software made. */
  reads = 0;
  writes = 0;
  readonly #work = new HeldScheduler();
  readonly #handlers = new HeldScheduler();
  readonly #host: Machine;

  constructor(where: 'device' | 'memory', care: Partial<DevMsiCare> = {}) {
    this.#host = new Machine({
      ram: GuestMemory.allocate({ start: 0, length: 1 << 16 }),
      scheduler: this.#work,
      interruptScheduler: this.#handlers,
      holdPostedWrites: true,
    });
    const host = this.#host;
    const pci = new PciFunction({ name: 'parent', vendorId: 0x1af4, deviceId: 0x10f1, classCode: 0x088000 });
    this.device = new ParentDevice(pci, { queues: 1 });
    host.plug(pci, PLACE);
    runFirmware(host);
    setCommand(host, PLACE, command.memory | command.busMaster);
    const bar = pci.bars.find(({ index }) => index === MEDIATED_BAR)!.address;
    const place =
      where === 'device'
        ? new SlotsInDevice(host, bar + this.device.slotTable, 1)
        : new SlotsInMemory(host, MEMORY, 1, bar);
    if (where === 'memory') {
      place.write(0, messageSlot.control, messageSlot.control.reset);
      host.memoryWrite(bar + parentHeader.slotMemoryLow.offset, 4, MEMORY);
    }
    host.memoryWrite(bar + PARENT_TABLES_AT + parentQueue.control.offset, 4, QUEUE_ENABLE);
    this.message = new DevMsi(place, host.interrupts, care).allocate();
    this.settle();
    host.events = (event) => {
      if (event.kind === 'interrupt') this.arrived++;
      else if (event.kind === 'access' && event.operation === 'read') this.reads++;
      else if (event.kind === 'access') this.writes++;
    };
  }

  /** Leads the slot to a handler, which hears of all that has occurred by then. */
  handle(): void {
    this.message.handle(() => {
      this.heard = this.events;
    });
  }

  occur(): void {
    this.events++;
    this.device.signal(0);
  }

  /** Fetches of slots and messages on their way go on, so many of them; writes of software's stay where they are. */
  goOn(steps: number): void {
    for (let step = 0; step < steps; step++) this.#work.release();
  }

  /** Everything arrives. */
  settle(): void {
    for (let round = 0; round < 10; round++) {
      this.#host.posted!.flushAll();
      this.#work.releaseAll();
      this.#handlers.releaseAll();
    }
  }

  /** What stands in RAM where messages may be aimed. */
  ramWord(address: number): number {
    return this.#host.ram.ranges[0]!.view.getUint32(address, true);
  }
}
