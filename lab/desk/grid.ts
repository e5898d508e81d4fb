import { formatFunctionAddress, functionAddress, OptionError } from 'virtiolab/core';
import {
  DmaMemory,
  type DrivenOwner,
  driveOwner,
  type FoundFunction,
  runFirmware,
  type Transport,
} from 'virtiolab/driver';
import { sampleDevice } from 'virtiolab/lab';
import { virtioFeature as feature } from 'virtiolab/layout';
import { mmrVirtualFunctions, ways } from 'virtiolab/mmr';
import { Machine } from 'virtiolab/pci';
import { EntropyDevice, virtioFunction, virtualFunctions } from 'virtiolab/virtio';
import type { GridView, MemberView } from '../desk-protocol.ts';
import { drivenTypes, type OpenDriver } from '../parts/drivers/index.ts';

const OWNER = functionAddress(0, 4);
const MOST = 256;
/** Of the machine's RAM: the owner's driver has the first piece, each driver of a member one more. */
const PIECE_BYTES = 2 << 20;
const PIECES = 31;

interface Member {
  readonly transport: Transport;
  readonly driver: OpenDriver;
}

/** The owner of virtual functions, which are enabled, and drivers at some of them. */
export class Grid {
  readonly #machine = new Machine();
  readonly #owner: DrivenOwner;
  readonly #type: string;
  readonly #way: 'native-mmr' | 'modern';
  readonly #count: number;
  readonly #members = new Map<number, Member>();
  /** Pieces of memory by member. */
  readonly #pieces = new Map<number, number>();

  /** @throws OptionError; what building and enabling them throws */
  constructor(type: string, kind: string, count: number) {
    if (kind !== 'mmr' && kind !== 'modern') throw new OptionError('kind', kind, 'mmr or modern');
    if (!Number.isInteger(count) || count < 1 || count > MOST)
      throw new OptionError('virtual functions', count, `a whole number of 1..${MOST}`);
    const owner = virtioFunction(new EntropyDevice(), { kind: 'modern', express: true });
    const options = { total: count, make: () => sampleDevice(type).behaviour };
    if (kind === 'mmr') mmrVirtualFunctions(owner, options);
    else virtualFunctions(owner, options);
    this.#type = type;
    this.#count = count;
    this.#way = kind === 'mmr' ? 'native-mmr' : 'modern';
    this.#machine.plug(owner.pci, OWNER);
    runFirmware(this.#machine);
    this.#owner = driveOwner(this.#machine, OWNER, count, this.#memory(0));
  }

  #memory(piece: number): DmaMemory {
    return new DmaMemory(this.#machine.ram, piece * PIECE_BYTES, (piece + 1) * PIECE_BYTES);
  }

  /** Puts a driver to a virtual function, or takes it away. @throws OptionError; what the driver throws */
  async toggle(index: number): Promise<void> {
    const driven = this.#members.get(index);
    if (driven !== undefined) {
      driven.driver.close();
      this.#members.delete(index);
      return;
    }
    if (this.#members.size === PIECES - 1)
      throw new OptionError(
        'drivers',
        this.#members.size + 1,
        `at most ${PIECES - 1}: there is no more memory`,
      );
    const found = this.#owner.functions.find(index);
    if (found === null) throw new OptionError('virtual function', index, `one of 1..${this.#count}`);
    const transport = ways[this.#way].transport(this.#machine, found);
    const choices = { ringFeatures: [feature.ringIndirectDescriptors, feature.ringEventIndex] };
    const piece = this.#freePiece();
    const driver = await drivenTypes[this.#type]!.open(
      transport,
      this.#memory(piece),
      choices,
      sampleDevice(this.#type),
    );
    this.#members.set(index, { transport, driver });
    this.#pieces.set(index, piece);
  }

  #freePiece(): number {
    const used = new Set([...this.#members.keys()].map((index) => this.#pieces.get(index)));
    let piece = 1;
    while (used.has(piece)) piece++;
    return piece;
  }

  #member(index: number, found: FoundFunction): MemberView {
    const hex = (value: number, digits: number) => value.toString(16).padStart(digits, '0');
    return {
      index,
      address: formatFunctionAddress(found.address),
      ids: `${hex(found.vendorId, 4)}:${hex(found.deviceId, 4)}`,
      bars: found.bars.map((bar) => `BAR${bar.index} at 0x${hex(bar.address, 1)}`),
      status: this.#members.get(index)?.transport.status ?? 0,
    };
  }

  view(): GridView {
    const members: MemberView[] = [];
    for (let index = 1; index <= this.#count; index++) {
      const found = this.#owner.functions.find(index);
      if (found !== null) members.push(this.#member(index, found));
    }
    return { owner: formatFunctionAddress(OWNER), members };
  }
}
