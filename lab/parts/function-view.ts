import type { DeviceType } from 'virtiolab/layout';
import {
  CONVENTIONAL_BYTES,
  capabilityId,
  EXTENDED_BYTES,
  msixCapability,
  msixMessageControl,
} from 'virtiolab/layout';
import { type Draft, draft2023 } from 'virtiolab/mmr';
import {
  type AccessPlace,
  configTables,
  describeFunction,
  type FunctionDescription,
  placesOf,
} from 'virtiolab/trace';
import type { BarView, ConfigPart, FunctionView } from '../protocol.ts';
import type { Shown } from './stage.ts';
import { TableReader } from './tables.ts';

const hex = (value: number, digits = 1) => `0x${value.toString(16).padStart(digits, '0')}`;

/** What follows from configuration space alone, kept while that does not change. */
interface Layout {
  readonly parts: readonly ConfigPart[];
  readonly bars: readonly BarView[];
  readonly places: readonly AccessPlace[];
  readonly description: FunctionDescription;
}

const same = (a: Uint8Array, b: Uint8Array) => a.length === b.length && a.every((byte, i) => byte === b[i]);

/** Shows one function again and again; what has not changed since is the same object. */
export class FunctionViewer {
  readonly #stage: Shown;
  readonly #type: DeviceType;
  readonly #draft: Draft;
  #config = new Uint8Array(0);
  #layout: Layout | null = null;
  #readers: readonly TableReader[] = [];

  /** @param draft by which an MMR function was made */
  constructor(stage: Shown, type: DeviceType, draft: Draft = draft2023) {
    this.#stage = stage;
    this.#draft = draft;
    this.#type = type;
  }

  view(): FunctionView {
    const { machine, found, column, name } = this.#stage;
    const config = this.#readConfig();
    if (this.#layout === null || config !== this.#config) {
      this.#layout = this.#layOut();
      const { fn: drafted = null } = this.#stage.drafted ?? {};
      const reading = { machine, type: this.#type, msixEnabled: this.#msixEnabled(), drafted };
      // Whoever looks wants the device's own registers first.
      const messages = ({ target }: AccessPlace) => Number(target.endsWith('msix-table'));
      const places = this.#layout.places.toSorted((a, b) => messages(a) - messages(b));
      this.#readers = places.map((place) => new TableReader(place, reading));
    }
    this.#config = config;
    const { parts, bars, description } = this.#layout;
    const tables = this.#readers.map((reader) => reader.read()).filter((table) => table !== null);
    const title = `${description.address} ${description.device ?? 'function'}, ${description.kind ?? 'no virtio'}, ${hex(found.vendorId, 4).slice(2)}:${hex(found.deviceId, 4).slice(2)}`;
    return { column, machine: name, title, config, parts, bars, tables };
  }

  #readConfig(): Uint8Array<ArrayBuffer> {
    const { machine, found } = this.#stage;
    const length = found.extended.length > 0 ? this.#extendedEnd() : CONVENTIONAL_BYTES;
    const bytes = new Uint8Array(length);
    const view = new DataView(bytes.buffer);
    for (let at = 0; at < length; at += 4) view.setUint32(at, machine.configRead(found.address, at, 4), true);
    return same(bytes, this.#config) ? this.#config : bytes;
  }

  /** Behind the last extended capability there is nothing to see. */
  #extendedEnd(): number {
    const last = Math.max(...this.#stage.found.extended.map(({ offset }) => offset));
    return Math.min(EXTENDED_BYTES, last + 0x40);
  }

  #layOut(): Layout {
    const { machine, found } = this.#stage;
    const description = describeFunction(machine, found, this.#draft, [this.#type]);
    const places = this.#places();
    const described = [...description.capabilities, ...description.extended];
    const parts = configTables(machine, found, this.#draft).map(({ name, start, map }, i): ConfigPart => {
      const ends = Object.values(map).map(({ offset, width, count }) => offset + width * count);
      const fields = i === 0 ? headerFields(description) : Object.entries(described[i - 1]?.fields ?? {});
      return {
        name,
        start,
        length: Math.max(...ends),
        fields: fields.map(([field, value]) => ({ name: field, value: hex(value) })),
      };
    });
    const bars = description.bars.map(({ index, kind, address, sizeBytes }): BarView => {
      const within = places.filter(({ target }) => target.includes(` BAR${index} `));
      return {
        index,
        kind,
        address: hex(address, 4),
        size: sizeBytes,
        places: within.map(({ target, start, length }) => ({
          name: target.replace(/^.* /, ''),
          offset: start - address,
          length: Math.min(length, sizeBytes),
        })),
      };
    });
    return { parts, bars, places, description };
  }

  /** Places in the BARs of a virtual function are its owner's to tell; an owner's own are those that are no members'. */
  #places(): readonly AccessPlace[] {
    const { machine, found } = this.#stage;
    if (found.owner === null)
      return placesOf(machine, [found.address], this.#draft).filter(({ run }) => run === undefined);
    return placesOf(machine, [found.owner.physical], this.#draft).flatMap((place) =>
      place.run === undefined ? [] : [{ ...place, target: place.run.targetOf(1) }],
    );
  }

  #msixEnabled(): boolean {
    const { machine, found } = this.#stage;
    const at = found.capabilities.find(({ id }) => id === capabilityId.msix)?.offset;
    if (at === undefined) return false;
    const { offset } = msixCapability.messageControl;
    return (machine.configRead(found.address, at + offset, 2) & msixMessageControl.enable) !== 0;
  }
}

const headerFields = ({
  vendorId,
  deviceId,
  revisionId,
  classCode,
  subsystemVendorId,
  subsystemId,
}: FunctionDescription) =>
  Object.entries({ vendorId, deviceId, revisionId, classCode, subsystemVendorId, subsystemId });

/** A virtual function is shown with its owner. */
export function viewersOf(stage: Shown, type: DeviceType, draft: Draft = draft2023): FunctionViewer[] {
  const own = new FunctionViewer(stage, type, draft);
  return stage.owner === null
    ? [own]
    : [own, new FunctionViewer({ ...stage, found: stage.owner }, type, draft)];
}
