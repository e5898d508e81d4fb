import { reachClause } from '../../clauses.ts';
import type { DevicePort } from '../../device-port.ts';
import { balloonCommand, COMMAND_ID_BYTES } from '../../layout/index.ts';
import { aboutChain, type Chain } from '../../queue/chain.ts';
import { PageSet } from './pages.ts';
import { hintsState, type SavedBalloon } from './state.ts';

const LAST_ROUND = 0xffffffff;

/** The device's side of free page hinting: rounds, each with a command id, in which the driver names free pages. */
export class FreePageHints {
  /**
   * Pages hinted since hinting began. One that the guest has written to since the command id of its round was shown does
   * not count any more: a log of the guest's writes tells.
   */
  readonly pages = new PageSet();
  readonly #device: DevicePort;
  /** Writes the configuration field and tells the driver. */
  readonly #show: (commandId: number) => void;
  /** The field's value. */
  #shown: number = balloonCommand.stop;
  /** The last round's id: none is used twice (BAL-FPH-03). */
  #last = balloonCommand.firstRound - 1;
  /** The round whose id the driver announced first; pages belong to it until the driver says otherwise. */
  #announced: number = balloonCommand.stop;
  /** The driver is within the round that it announced. */
  #within = false;

  constructor(device: DevicePort, show: (commandId: number) => void) {
    this.#device = device;
    this.#show = show;
  }

  get commandId(): number {
    return this.#shown;
  }

  /** The driver has begun the present round, and has not ended it. */
  get running(): boolean {
    return this.#within && this.#announced === this.#shown;
  }

  /** The driver has named, in the present round, all that it has to name. */
  get complete(): boolean {
    return this.#shown >= balloonCommand.firstRound && this.#announced === this.#shown && !this.#within;
  }

  /** Begins a round. Hints of earlier ones are kept if hinting was only stopped. @returns the command id. */
  start(): number {
    if (this.#shown === balloonCommand.done) this.pages.clear();
    this.#last = this.#last === LAST_ROUND ? balloonCommand.firstRound : this.#last + 1;
    this.#change(this.#last);
    return this.#last;
  }

  /** Hints are of no use for now (BAL-FPH-02): the driver stops, and keeps what it has hinted for the device. */
  stop(): void {
    this.#change(balloonCommand.stop);
  }

  /** Hints are not needed any more (BAL-FPH-06): the driver uses its pages again. */
  done(): void {
    this.#change(balloonCommand.done);
  }

  #change(commandId: number): void {
    this.#shown = commandId;
    this.#show(commandId);
  }

  /** A command of the driver's. */
  command(chain: Chain): void {
    const length = chain.readableBytes;
    if (length !== COMMAND_ID_BYTES)
      this.#device.report(
        'driver',
        'BAL-FPH-01',
        `a command id of ${length} bytes`,
        aboutChain(chain, 'length in bytes', length),
      );
    const view = chain.header(COMMAND_ID_BYTES);
    if (view === null) {
      if (length >= COMMAND_ID_BYTES)
        this.#device.report(
          'driver',
          reachClause(this.#device),
          'a command id out of reach',
          aboutChain(chain),
        );
      return;
    }
    // LEG-BAL-09: in the guest's order, unlike the field.
    const id = view.getUint32(chain.headerAt, this.#device.littleEndian);
    if (id < balloonCommand.firstRound) {
      this.#within = false;
      return;
    }
    if (id === this.#announced)
      this.#device.report(
        'driver',
        'BAL-FPH-01',
        'a round is announced for the second time',
        aboutChain(chain, 'command id', id),
      );
    this.#announced = id;
    this.#within = true;
  }

  /** A page of the driver's. @returns false where it is ignored: its round is not the present one (BAL-FPH-04). */
  hint(page: number): boolean {
    if (!this.running) return false;
    this.pages.add(page);
    return true;
  }

  reset(): void {
    this.pages.clear();
    this.#shown = balloonCommand.stop;
    this.#announced = balloonCommand.stop;
    this.#within = false;
  }

  save() {
    return hintsState.save({
      pages: this.pages.save(),
      shown: this.#shown,
      last: this.#last,
      announced: this.#announced,
      within: this.#within,
    });
  }

  load(saved: SavedBalloon['hints']): void {
    this.pages.load(saved.pages);
    this.#shown = saved.shown;
    this.#last = saved.last;
    this.#announced = saved.announced;
    this.#within = saved.within;
  }
}
