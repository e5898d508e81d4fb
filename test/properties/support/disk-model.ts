import { Buffer } from 'node:buffer';
import { type BlockDriver, RequestFailedError } from '../../../src/driver/index.ts';
import { type BlockRangeRequest, type BlockRequest, blockData } from '../../../src/testing/index.ts';
import { blockStatus, SECTOR_BYTES } from '../../../src/virtio/index.ts';

/** Sectors [from, to). */
interface Range {
  readonly from: number;
  readonly to: number;
}

/** A request in flight. */
interface Flight {
  readonly ranges: readonly Range[];
  readonly writes: boolean;
  /** The disk has become shorter under it: it may fail, be done in part, or see what was there later. */
  mayFail: boolean;
}

const meet = (a: Range, b: Range) => Math.max(a.from, b.from) < Math.min(a.to, b.to);
const rangesOf = (request: BlockRequest | BlockRangeRequest): Range[] =>
  'ranges' in request
    ? request.ranges.map(({ sector, sectors }) => ({ from: sector, to: sector + sectors }))
    : 'sector' in request
      ? [{ from: request.sector, to: request.sector + request.sectors }]
      : [];
const writes = ({ kind }: BlockRequest | BlockRangeRequest) =>
  kind !== 'read' && kind !== 'flush' && kind !== 'get-id';

/** What a driver's requests on a disk have to bring, and to leave behind: an array of bytes, and bad sectors. */
export class DiskModel {
  image: Uint8Array;
  /** Sectors on which every request fails, and where nothing ever changes. */
  bad: Range | null = null;
  readonly #serial: string;
  readonly #flying = new Set<Flight>();
  /** Where requests failed that write: some of it may have been done (BLK-OP-13). */
  #open: Range[] = [];
  #unended = 0;
  readonly #wrong: string[] = [];

  constructor(sectors: number, serial: string) {
    this.image = new Uint8Array(sectors * SECTOR_BYTES).map((_, i) => (i * 13 + (i >> 9)) & 0xff);
    this.#serial = serial;
  }

  get sectors(): number {
    return this.image.length / SECTOR_BYTES;
  }

  /** The same request, within a disk that may have become shorter. */
  fit(request: BlockRequest | BlockRangeRequest): BlockRequest | BlockRangeRequest {
    const at = <S extends { sector: number; sectors: number }>(each: S): S => {
      const sector = each.sector % this.sectors;
      return { ...each, sector, sectors: Math.min(each.sectors, this.sectors - sector) };
    };
    if ('ranges' in request) return { ...request, ranges: request.ranges.map(at) };
    return 'sector' in request ? at(request) : request;
  }

  /** True while something in flight would make the request's outcome depend on who is first. */
  collides(request: BlockRequest | BlockRangeRequest): boolean {
    const ranges = rangesOf(request);
    const clashes = (flight: Flight) =>
      (writes(request) || flight.writes) &&
      flight.ranges.some((each) => ranges.some((mine) => meet(each, mine)));
    return (
      [...this.#flying].some(clashes) || this.#open.some((each) => ranges.some((mine) => meet(each, mine)))
    );
  }

  issue(driver: BlockDriver, request: BlockRequest | BlockRangeRequest): void {
    const what = JSON.stringify(request);
    if (request.kind === 'flush') {
      this.#watch(what, driver.flush(), null, () => true);
      return;
    }
    if (request.kind === 'get-id') {
      this.#watch(what, driver.getId(), null, (id) => id === this.#serial);
      return;
    }
    const ranges = rangesOf(request);
    const fails = this.bad !== null && ranges.some((range) => meet(range, this.bad!));
    const flight: Flight = { ranges, writes: writes(request), mayFail: false };
    this.#flying.add(flight);
    if (fails) {
      this.#refuse(what, this.#send(driver, request), blockStatus.ioError, flight);
      return;
    }
    if (request.kind === 'read') {
      const { sector, sectors } = request;
      const expected = this.image.slice(sector * SECTOR_BYTES, (sector + sectors) * SECTOR_BYTES);
      const right = (data: unknown) => Buffer.compare(data as Uint8Array, expected) === 0;
      this.#watch(what, driver.read(sector, sectors), flight, right);
      return;
    }
    if ('ranges' in request)
      for (const { from, to } of ranges) this.image.fill(0, from * SECTOR_BYTES, to * SECTOR_BYTES);
    else this.image.set(blockData(request), request.sector * SECTOR_BYTES);
    this.#watch(what, this.#send(driver, request), flight, () => true);
  }

  #send(driver: BlockDriver, request: BlockRequest | BlockRangeRequest): Promise<unknown> {
    switch (request.kind) {
      case 'read':
        return driver.read(request.sector, request.sectors);
      case 'write':
        return driver.write(request.sector, blockData(request));
      case 'discard':
        return driver.discard(request.ranges);
      case 'write-zeroes':
        return driver.writeZeroes(request.ranges, request.unmap);
      case 'secure-erase':
        return driver.secureErase(request.ranges);
      default:
        return driver.flush();
    }
  }

  /** A request that must end with that status and, unless some of it may have been done, change nothing. */
  refuse(what: string, sent: Promise<unknown>, status: number): void {
    this.#refuse(what, sent, status, null);
  }

  #refuse(what: string, sent: Promise<unknown>, status: number, flight: Flight | null): void {
    const answered = sent.then(
      () => blockStatus.ok as number,
      (error: unknown) => {
        if (error instanceof RequestFailedError) return error.status;
        throw error;
      },
    );
    if (flight?.writes) this.#open.push(...flight.ranges);
    this.#watch(what, answered, flight, (answer) => answer === status);
  }

  #watch<T>(what: string, sent: Promise<T>, flight: Flight | null, right: (value: T) => boolean): void {
    this.#unended++;
    sent
      .then(
        (value) => flight?.mayFail || right(value) || this.#wrong.push(`${what} brought the wrong result`),
        (error: unknown) => {
          if (!flight?.mayFail || !(error instanceof RequestFailedError))
            this.#wrong.push(`${what} failed: ${error}`);
        },
      )
      .finally(() => {
        this.#unended--;
        if (flight === null) return;
        this.#flying.delete(flight);
        if (flight.mayFail && flight.writes) this.#open.push(...flight.ranges);
      });
  }

  /** The disk becomes longer, with zeros, or shorter. */
  resize(sectors: number): void {
    for (const flight of this.#flying) flight.mayFail ||= flight.ranges.some(({ to }) => to > sectors);
    const image = new Uint8Array(sectors * SECTOR_BYTES);
    image.set(this.image.subarray(0, image.length));
    this.image = image;
  }

  /** @throws when a result was wrong. */
  check(): void {
    if (this.#wrong.length > 0) throw new Error(this.#wrong.join('; '));
  }

  /**
   * All is quiet: every request has ended, and the disk holds what the array does, but where a request failed, and it may
   * hold what it likes, bad sectors aside. @throws
   */
  settled(disk: Uint8Array): void {
    this.check();
    if (this.#unended > 0) throw new Error(`${this.#unended} requests never ended`);
    for (const { from, to } of this.#open)
      for (let sector = from; sector < Math.min(to, this.sectors); sector++)
        if (this.bad === null || !meet({ from: sector, to: sector + 1 }, this.bad)) {
          const start = sector * SECTOR_BYTES;
          this.image.set(disk.subarray(start, start + SECTOR_BYTES), start);
        }
    this.#open = [];
    if (Buffer.compare(disk, this.image) !== 0) throw new Error('the storage differs from the array');
  }
}
