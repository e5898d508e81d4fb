import { describe, expect, it } from 'vitest';
import {
  expectSame,
  record,
  registers,
  rw,
  type State,
  StateMismatchError,
  StateVersionError,
  u8,
} from '../../src/core/index.ts';
import {
  type Chain,
  DeviceConfig,
  feature,
  type SavedDevice,
  VirtioDevice,
  type VirtioDeviceOptions,
} from '../../src/virtio/index.ts';
import { changed } from '../properties/support/state-leaves.ts';
import { BUFFERS, ModernGuest } from './support/guests.ts';
import { Probe, type ProbeOptions } from './support/probe.ts';

const kept = record('kept', 1, { number: u8 });

/** Makes something of every other chain, and takes it back. */
class Keeper extends Probe {
  readonly requestRecord = kept;
  readonly resumed: [head: number, request: State][] = [];
  readonly asked: [request: State, path: string, queue: number][] = [];
  readonly checked: [state: State, path: string | undefined, device: SavedDevice | undefined][] = [];

  override handle(chain: Chain): void {
    if (chain.head % 2 === 1) chain.request = { save: () => kept.save({ number: chain.head }) };
    super.handle(chain);
  }

  resumeChain(chain: Chain, request: State): void {
    this.resumed.push([chain.head, request]);
    this.taken.push(chain);
  }

  checkRequest(request: State, path: string, queue: number): void {
    this.asked.push([request, path, queue]);
    if (request !== null) kept.parse(request, path);
  }

  check(state: State, path?: string, device?: SavedDevice): void {
    this.checked.push([state, path, device]);
    expectSame(`${path}.type`, (state as { type: State }).type, this.type.name);
  }
}

/** Saves nothing. */
class Blank extends Probe {
  override save() {
    return null as never;
  }
}

const config = () => new DeviceConfig(registers({ level: rw(0, 1) }));
const options = { transportFeatures: [feature.inOrder] };
const keeper = () => new ModernGuest(new Keeper({ queueSizes: [8, 8], config: config() }), options);
const of = (guest: ModernGuest) => guest.device.behaviour as Keeper;

/** Chains 2 and 3 in flight in the second queue. */
function busy(features: readonly number[] = []): ModernGuest {
  const guest = keeper();
  const ring = guest.start(features, [0, 1])[1]!;
  for (const head of [2, 3]) ring.describe(head, { address: BUFFERS, length: 4, flags: 2 });
  ring.offer(2, 3);
  guest.kick(1);
  return guest;
}

const REQUEST = 'device virtio-rng.queues[1].inFlight[1].request';

describe('what a device has made of a chain', () => {
  it('comes back with it, and a chain of which nothing was made is handled anew', () => {
    const guest = keeper();
    guest.machine.load(busy().machine.save());
    expect([of(guest).handled, of(guest).resumed]).toEqual([['1:2'], [[3, { version: 1, number: 3 }]]]);
  });

  it('is looked at before anything is loaded, with its place', () => {
    const state = busy().device.save();
    const { device } = keeper();
    const behaviour = device.behaviour as Keeper;
    device.check(state);
    expect(behaviour.asked).toEqual([
      [null, REQUEST.replace('[1].request', '[0].request'), 1],
      [{ version: 1, number: 3 }, REQUEST, 1],
    ]);
    const before = device.save();
    const bad = changed(state, ['queues', 1, 'inFlight', 1, 'request', 'number'], 256);
    expect(() => device.load(bad)).toThrow(expect.objectContaining({ part: `${REQUEST}.number` }));
    expect(device.save()).toEqual(before);
  });

  it('is not asked about where the chain is done', () => {
    const guest = busy([feature.inOrder]);
    guest.device.complete(of(guest).taken[1]!, 1);
    const state = guest.device.save();
    const other = keeper();
    other.device.check(state);
    expect(of(other).asked.map(([request]) => request)).toEqual([null]);
  });
});

describe('the state of a behaviour', () => {
  it('is looked at with the rest of its device', () => {
    const state = busy().device.save();
    const { device } = keeper();
    device.check(state, 'here');
    expect((device.behaviour as Keeper).checked).toEqual([
      [
        { type: 'entropy' },
        'here.behaviour',
        { path: 'here', queues: state.queues, config: state.config.bytes },
      ],
    ]);
    expect(() => device.check({ ...state, behaviour: { type: 'block' } }, 'here')).toThrow(
      expect.objectContaining({ part: 'here.behaviour.type' }),
    );
  });

  it('is nothing for one that saves nothing', () => {
    const { device } = new ModernGuest(new Blank());
    const state = device.save();
    expect(() => device.load(state)).not.toThrow();
    expect(() => device.load({ ...state, behaviour: 1 })).toThrow(
      expect.objectContaining({ part: 'device virtio-rng.behaviour', expected: 'null' }),
    );
  });
});

type Made = readonly [ProbeOptions, Partial<VirtioDeviceOptions>];
const make = ([probe, more]: Made) => new VirtioDevice(new Probe(probe), { legacy: true, ...more });
const usual: Made = [{ queueSizes: [8, 0], features: [3] }, {}];
const RINGS = (1 << 28) | (1 << 29);
const made = {
  type: 'entropy',
  guestEndian: 'little',
  legacy: true,
  'offered features': [RINGS | 8, 0x101, 0, 0],
  'features offered to legacy drivers': RINGS | (1 << 24) | (1 << 27) | (1 << 30) | 8,
  'number of queues': 2,
  'queue sizes': [8, 0],
  'configuration bytes': 0,
};

describe('what a device is made with', () => {
  it('is said by its manifest and in its state', () => {
    const device = make(usual);
    expect(device.manifest()).toMatchObject({
      ...{ record: 'virtio-device', version: 2, made },
      ...{ behaviour: null, requests: null, administration: null },
    });
    expect(keeper().device.manifest()).toMatchObject({ requests: kept.manifest() });
    expect(device.save().shape).toEqual(made);
  });

  it.each<readonly [part: string, made: Made]>([
    ['type', [{ ...usual[0], type: 'block' }, {}]],
    ['guestEndian', [usual[0], { guestEndian: 'big' }]],
    ['legacy', [usual[0], { legacy: false }]],
    ['offered features[1]', [usual[0], { transportFeatures: [28, 29] }]],
    ['offered features[0]', [{ ...usual[0], features: [4] }, {}]],
    ['features offered to legacy drivers', [{ ...usual[0], legacyFeatures: [5] }, {}]],
    ['number of queues', [{ ...usual[0], queueSizes: [8, 0, 8] }, {}]],
    ['queue sizes[1]', [{ ...usual[0], queueSizes: [8, 8] }, {}]],
    ['configuration bytes', [{ ...usual[0], config: config() }, {}]],
  ])('has to be the same where a state is loaded: %s', (part, other) => {
    const state = make(other).save();
    const load = () => make(usual).load(state);
    expect(load).toThrow(StateMismatchError);
    expect(load).toThrow(`device virtio-rng.shape.${part}: `);
    expect(() => make(other).load(state)).not.toThrow();
  });

  it('may differ in how long a reset takes', () => {
    expect(() => make(usual).load(make([usual[0], { resetReads: 3 }]).save())).not.toThrow();
  });
});

describe('a state of another version', () => {
  it('of before there were administrations is that of a device without one, which nobody has stopped', () => {
    const device = make(usual);
    const { administration: _, mode: __, ...older } = device.save();
    device.load({ ...older, version: 1 });
    expect(device.save()).toMatchObject({
      version: 2,
      administration: null,
      mode: { stopped: false, staged: null },
    });
    expect(() => device.load({ ...older, version: 2 })).toThrow(StateMismatchError);
    expect(() => device.load({ ...device.save(), version: 3 })).toThrow(StateVersionError);
  });
});
