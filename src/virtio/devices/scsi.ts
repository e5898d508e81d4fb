import { expectAt, expectSame, manifestOf, OptionError, type State } from '../../core/index.ts';
import type { DeviceBehaviour } from '../behaviour.ts';
import { framingClause, reachClause, shapeClause, strictFraming } from '../clauses.ts';
import { DeviceConfig } from '../config.ts';
import type { DevicePort } from '../device-port.ts';
import {
  SCSI_COMMAND_HEADER_BYTES,
  SCSI_COMMAND_RESPONSE_BYTES,
  SCSI_EVENT_BYTES,
  SCSI_LUNS,
  SCSI_TARGETS,
  type Sense,
  scsiConfig,
  scsiDeviceType,
  scsiEventType,
  scsiFeature,
  scsiQueue,
  scsiResponse,
  scsiSense,
  transportReset,
} from '../layout/index.ts';
import { aboutChain, type Chain, NOT_DONE } from '../queue/chain.ts';
import { checkQueueSizes, MAX_QUEUES } from '../queue/limits.ts';
import type { SavedDevice } from '../queue-user.ts';
import { EVERY_TARGET, lunOf, NOWHERE, targetOf, unitKey } from './scsi/address.ts';
import { AttachedUnit } from './scsi/addressee.ts';
import { type CommandHost, ScsiCommand } from './scsi/command.ts';
import { type ControlHost, control } from './scsi/control.ts';
import { EventQueue, IN_HAND } from './scsi/events.ts';
import { wantedBytes } from './scsi/lookup.ts';
import { scsiCommandState, scsiState } from './scsi/state.ts';
import { TaskSet } from './scsi/task-set.ts';
import type { ScsiUnit } from './scsi/unit.ts';
import { UnitTable } from './scsi/unit-table.ts';

/** A unit and where it is to stand. */
export interface ScsiUnitPlace {
  /** 0..255 and 0..16383. */
  readonly target: number;
  readonly lun: number;
  readonly unit: ScsiUnit;
}

export interface ScsiOptions {
  /** Units that are there from the start. */
  readonly units?: readonly ScsiUnitPlace[];
  readonly requestQueues?: number;
  /** Descriptors of each queue. */
  readonly queueSize?: number;
  /** Offers requests with data in both directions. No command of a disk has both. */
  readonly inOut?: boolean;
}

/** An option of a SCSI host that no host can have. */
export class ScsiOptionError extends OptionError {}

const { senseSize, cdbSize } = scsiConfig;
const DEFAULTS = [
  ['senseSize', senseSize.reset],
  ['cdbSize', cdbSize.reset],
] as const;
/** Hints, as the observed QEMU gives them. */
const MAX_SECTORS = 0xffff;
const COMMANDS_PER_LUN = 128;

/** Fields of its configuration that change while it is at work. */
const VARYING = ['senseSize', 'cdbSize'] as const;

/**
 * The SCSI host (chapter SCSI Host Device): it takes commands to the units that they are addressed to, task management
 * to the commands, and events to the driver. Units may come and go while it runs.
 */
export class ScsiDevice implements DeviceBehaviour, CommandHost, ControlHost {
  readonly type = scsiDeviceType;
  readonly record = scsiState;
  readonly requestRecord = scsiCommandState;
  readonly features: readonly number[];
  readonly config = new DeviceConfig(scsiConfig);
  readonly queueSizes: readonly number[];
  readonly tasks = new TaskSet();
  device!: DevicePort;
  #events!: EventQueue;
  readonly #units = new UnitTable();
  readonly #free: ScsiCommand[] = [];

  /** @throws ScsiAddressError, ScsiOptionError, QueueSizeError */
  constructor(options: ScsiOptions = {}) {
    const { units = [], requestQueues = 1, queueSize = 256, inOut = false } = options;
    const most = MAX_QUEUES - scsiQueue.request;
    if (!Number.isInteger(requestQueues) || requestQueues < 1 || requestQueues > most)
      throw new ScsiOptionError('requestQueues', requestQueues, `a whole number from 1 to ${most}`);
    this.queueSizes = Array<number>(scsiQueue.request + requestQueues).fill(queueSize);
    checkQueueSizes(this.queueSizes);
    this.features = [...(inOut ? [scsiFeature.inOut] : []), scsiFeature.hotplug, scsiFeature.change];
    this.config.set('numQueues', requestQueues);
    this.config.set('segMax', Math.max(1, queueSize - 2));
    this.config.set('maxSectors', MAX_SECTORS);
    this.config.set('cmdPerLun', COMMANDS_PER_LUN);
    this.config.set('eventInfoSize', SCSI_EVENT_BYTES);
    this.config.set('maxTarget', SCSI_TARGETS - 1);
    this.config.set('maxLun', SCSI_LUNS - 1);
    for (const [name, { access }] of Object.entries(scsiConfig))
      if (access === 'ro')
        this.config.onWrite(name as keyof typeof scsiConfig, () => this.#onStrayWrite(name));
    this.config.vary(VARYING);
    for (const place of units) this.#attach(place.target, place.lun, place.unit);
    for (const [name, value] of DEFAULTS) this.config.set(name, value);
  }

  attach(device: DevicePort): void {
    this.device = device;
    this.#events = new EventQueue(device);
  }

  #onStrayWrite(name: string): void {
    this.device.report('driver', 'SCSI-CFG-04', `${name} was written; only senseSize and cdbSize may be`);
  }

  #attach(target: number, lun: number, unit: ScsiUnit): AttachedUnit {
    const attached = this.#units.add(target, lun, unit);
    unit.attach({ changed: (sense) => this.#onChange(attached, sense) });
    return attached;
  }

  /** Plugs a unit in. The driver hears of it, if it wants to (SCSI-FEAT-01). @throws ScsiAddressError */
  attachLun(target: number, lun: number, unit: ScsiUnit): void {
    const { key } = this.#attach(target, lun, unit);
    this.#units.tellNeighbours(key);
    this.#hotplug(key, transportReset.rescan);
  }

  /** Takes a unit out; its commands are aborted first (SCSI-OP-05). @throws ScsiAddressError where there is none */
  detachLun(target: number, lun: number): ScsiUnit {
    const { key, unit } = this.#units.at(target, lun);
    this.tasks.abort(({ address }) => address === key, scsiResponse.aborted);
    this.#units.delete(key);
    this.#units.tellNeighbours(key);
    this.#hotplug(key, transportReset.removed);
    return unit;
  }

  /** Resets a unit from outside, and tells the driver. @throws ScsiAddressError where there is none */
  resetLun(target: number, lun: number): void {
    const { key } = this.#units.at(target, lun);
    this.resetUnit(key);
    this.#events.send(scsiEventType.transportReset, key, transportReset.hard);
  }

  /** SCSI-OP-15: who did not ask for hot plugging hears nothing. */
  #hotplug(key: number, reason: number): void {
    if (this.device?.has(scsiFeature.hotplug)) this.#events.send(scsiEventType.transportReset, key, reason);
  }

  /** SCSI-OP-11: a change is a unit attention, and an event for whoever asked for those. */
  #onChange({ key, attentions }: AttachedUnit, sense: Sense): void {
    if (!this.#units.has(key)) return;
    attentions.raise(sense);
    if (this.device?.has(scsiFeature.change))
      this.#events.send(scsiEventType.parameterChange, key, sense.asc | (sense.ascq << 8));
  }

  judge(key: number): number {
    return this.#units.judge(key);
  }

  resetUnit(key: number): void {
    this.tasks.abort(({ address }) => address === key, scsiResponse.reset);
    this.#restart(key, scsiSense.busDeviceReset);
  }

  resetTarget(key: number): void {
    const target = targetOf(key);
    this.tasks.abort(
      ({ address }) => address !== NOWHERE && (target === EVERY_TARGET || targetOf(address) === target),
      scsiResponse.reset,
    );
    for (const each of this.#units.unitsOf(target)) this.#restart(each, scsiSense.nexusLoss);
  }

  #restart(key: number, sense: Sense): void {
    const attached = this.#units.get(key);
    attached?.unit.reset();
    attached?.attentions.raiseReset(sense);
  }

  handle(chain: Chain): void {
    if (chain.queue === scsiQueue.control) control(this, chain);
    else if (chain.queue === scsiQueue.event) this.#events.take(chain);
    else this.#take(chain);
  }

  #take(chain: Chain): void {
    const command = this.#commandOf(chain);
    const cdbBytes = this.config.get('cdbSize');
    const senseBytes = this.config.get('senseSize');
    const oldFraming = strictFraming(this.device);
    if (oldFraming)
      this.#checkFraming(
        chain,
        SCSI_COMMAND_HEADER_BYTES + cdbBytes,
        SCSI_COMMAND_RESPONSE_BYTES + senseBytes,
      );
    if (!command.parse(chain, cdbBytes, senseBytes, oldFraming)) {
      const request = SCSI_COMMAND_HEADER_BYTES + cdbBytes;
      const { device } = this;
      if (chain.readableBytes < request)
        device.report(
          'driver',
          framingClause(device, 'LEG-SCSI-06'),
          `a request header of ${chain.readableBytes} bytes where ${request} are due`,
          aboutChain(chain, 'length in bytes', chain.readableBytes),
        );
      else if (chain.writableBytes >= SCSI_COMMAND_RESPONSE_BYTES + senseBytes)
        device.report('driver', reachClause(device), 'a request header out of reach', aboutChain(chain));
      else
        device.report(
          'driver',
          framingClause(device, 'LEG-SCSI-06'),
          `a response of ${chain.writableBytes} bytes where ${SCSI_COMMAND_RESPONSE_BYTES + senseBytes} are due`,
          aboutChain(chain, 'length in bytes', chain.writableBytes),
        );
      command.refused = scsiResponse.failure;
    } else if (command.dataInBytes > 0 && command.dataOutBytes > 0 && !this.device.has(scsiFeature.inOut)) {
      this.device.report('driver', 'BF-FEAT-03', 'data in both directions without INOUT', aboutChain(chain));
      command.refused = scsiResponse.failure;
    }
    command.addressee = this.#units.addressee(command.address);
    this.#submit(command, chain);
  }

  #commandOf(chain: Chain): ScsiCommand {
    const command = this.#free.pop() ?? new ScsiCommand(this);
    chain.request = command;
    return command;
  }

  #submit(command: ScsiCommand, chain: Chain): void {
    this.tasks.add(command);
    if (command.addressee instanceof AttachedUnit) this.#count(command.addressee, chain);
    command.submit();
  }

  checkRequest(request: State, path: string, queue: number): void {
    if (queue < scsiQueue.request) {
      expectSame(path, request, queue === scsiQueue.event ? IN_HAND : null);
      return;
    }
    const { attached, address, verdict } = scsiCommandState.parse(request, path);
    // Commands of a unit that was taken out are aborted first.
    const stands = this.#units.has(address) || verdict !== null;
    expectAt(path)(!attached || stands, 'attached', attached, 'false: there is no such unit');
  }

  resumeChain(chain: Chain, request: State): void {
    if (chain.queue === scsiQueue.event) {
      this.#events.takeBack(chain);
      return;
    }
    const saved = scsiCommandState.parse(request);
    const command = this.#commandOf(chain);
    command.load(chain, saved);
    const { address } = saved;
    command.addressee = saved.attached ? this.#units.addressee(address) : this.#units.absent(address);
    this.#submit(command, chain);
  }

  #count(attached: AttachedUnit, chain: Chain): void {
    if (++attached.inFlight <= COMMANDS_PER_LUN) return;
    this.device.report(
      'driver',
      'SCSI-CFG-05',
      `more than ${COMMANDS_PER_LUN} commands for one unit`,
      aboutChain(chain, 'commands in flight', attached.inFlight),
    );
  }

  /** LEG-SCSI-06: without ANY_LAYOUT each header is a descriptor of its own, and nothing else in it. Served all the same. */
  #checkFraming(chain: Chain, header: number, response: number): void {
    const { lengths, readableCount, count } = chain;
    if (
      readableCount > 0 &&
      readableCount < count &&
      lengths[0] === header &&
      lengths[readableCount] === response
    )
      return;
    this.device.report(
      'driver',
      'LEG-SCSI-06',
      'framing that wants ANY_LAYOUT, which was not accepted',
      aboutChain(chain),
    );
  }

  /** A command's turn: what is wrong with the request itself is answered here, the rest by whom it is for. */
  execute(command: ScsiCommand): void {
    const { refused, addressee, known, cdb, dataInBytes, dataOutBytes } = command;
    if (refused !== null) command.respond(refused);
    else if (addressee === null) command.respond(scsiResponse.badTarget);
    else if (
      known !== null &&
      known.row.data !== 'none' &&
      wantedBytes(cdb, known.row, addressee.blockBytes) >
        (known.row.data === 'in' ? dataInBytes : dataOutBytes)
    )
      this.#overrun(command, known.row.data === 'in' ? dataOutBytes : dataInBytes);
    else addressee.execute(command);
  }

  /** Too few data for the command: they may be there, in the other direction. */
  #overrun(command: ScsiCommand, otherBytes: number): void {
    const { device } = this;
    if (otherBytes > 0)
      device.report(
        'driver',
        shapeClause(device),
        'data in the wrong direction for their command',
        aboutChain(command.chain!, 'length in bytes', otherBytes),
      );
    command.respond(scsiResponse.overrun);
  }

  ended(command: ScsiCommand): void {
    this.tasks.remove(command);
    if (command.addressee instanceof AttachedUnit) command.addressee.inFlight--;
  }

  free(command: ScsiCommand): void {
    this.#free.push(command);
  }

  /** Commands of that queue will never be answered. */
  queueReset(index: number): void {
    if (index === scsiQueue.event) this.#events.forgetBuffers();
    else this.#forget((command) => command.chain?.queue === index);
  }

  #forget(chosen: (command: ScsiCommand) => boolean): void {
    this.tasks.forget((command) => {
      const gone = chosen(command);
      if (gone && command.addressee instanceof AttachedUnit) command.addressee.inFlight--;
      return gone;
    });
  }

  /** SCSI-CFG-06: the sizes are back at their defaults, units are as after power-on. */
  reset(): void {
    this.#forget(() => true);
    this.#events.reset();
    for (const [name, value] of DEFAULTS) if (this.config.get(name) !== value) this.config.set(name, value);
    for (const key of this.#units.unitsOf(EVERY_TARGET)) this.#restart(key, scsiSense.powerOn);
  }

  save() {
    const units = this.#units.unitsOf(EVERY_TARGET).map((key) => {
      const { unit, attentions } = this.#units.get(key)!;
      return { target: targetOf(key), lun: lunOf(key), unit: unit.save(), attentions: attentions.save() };
    });
    return scsiState.save({ shape: this.#shape(), events: this.#events.save(), units });
  }

  #shape = () => ({ type: this.type.name, ...this.config.fixed });

  manifest(): State {
    const unitOf = (key: number) => manifestOf(this.#units.get(key)!.unit);
    const units = this.#units.unitsOf(EVERY_TARGET).map((key) => {
      return { unit: unitOf(key), outside: { target: targetOf(key), lun: lunOf(key) } };
    });
    return { ...scsiState.manifest(), made: this.#shape(), units, outside: { 'units.length': units.length } };
  }

  check(state: State, path = 'SCSI host', device?: SavedDevice) {
    const saved = scsiState.parse(state, path, this.#shape());
    const keys = this.#units.unitsOf(EVERY_TARGET);
    expectSame(`${path}.units.length`, saved.units.length, keys.length);
    for (const [i, key] of keys.entries()) {
      const { target, lun, unit } = saved.units[i]!;
      expectSame(`${path}.units[${i}].target`, target, targetOf(key));
      expectSame(`${path}.units[${i}].lun`, lun, lunOf(key));
      this.#units.get(key)!.unit.check?.(unit, `${path}.units[${i}].unit`);
    }
    if (device === undefined) return saved;
    const { inFlight } = device.queues[scsiQueue.event]!;
    const inHand = inFlight.filter(({ written }) => written === NOT_DONE);
    expectSame(`${path}.events.buffers`, saved.events.buffers, inHand.length);
    return saved;
  }

  load(state: State): void {
    const saved = this.check(state);
    this.#forget(() => true);
    this.#events.load(saved.events);
    for (const { target, lun, unit, attentions } of saved.units) {
      const attached = this.#units.get(unitKey(target, lun))!;
      attached.unit.load(unit);
      attached.attentions.load(attentions);
    }
  }
}
