import { OptionError } from '../../core/index.ts';
import { drafts, wayNames, waysOf } from '../../mmr/index.ts';
import {
  BalloonDevice,
  BlockDevice,
  ConsoleDevice,
  type DeviceBehaviour,
  DiskUnit,
  defaultTransportFeatures,
  EntropyDevice,
  feature,
  functionKindNames,
  functionKinds,
  MemoryConsole,
  MemoryStorage,
  NetworkDevice,
  P9Device,
  P9MemoryServer,
  RtcDevice,
  ScsiDevice,
  SeededEntropy,
  unplugged,
  VsockDevice,
} from '../../virtio/index.ts';
import { Movable, type MovableOptions, type PlaceName } from './movable.ts';
import { newestRelease, releases, versionText } from './releases.ts';

/** A device in words that nothing can be made of. */
export class DeviceSpecError extends OptionError {}

/** What an option's text means. @throws DeviceSpecError */
type Reader<T> = (option: string, text: string) => T;

const whole =
  (least: number, most: number): Reader<number> =>
  (option, text) => {
    const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= least && value <= most) return value;
    throw new DeviceSpecError(option, text, `a whole number of ${least}..${most}`);
  };

const choice =
  <const T extends string>(...names: readonly T[]): Reader<T> =>
  (option, text) => {
    const found = names.find((name) => name === text);
    if (found === undefined) throw new DeviceSpecError(option, text, names.join(', '));
    return found;
  };

const yes: Reader<true> = (option, text) => {
  if (text === '') return true;
  throw new DeviceSpecError(option, text, 'no value');
};

const plain =
  (most: number): Reader<string> =>
  (option, text) => {
    if (text !== '' && text.length <= most && /^[\x21-\x7e]*$/.test(text)) return text;
    throw new DeviceSpecError(option, text, `1 to ${most} ASCII characters`);
  };

const mac: Reader<Uint8Array> = (option, text) => {
  if (/^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/i.test(text))
    return Uint8Array.from(text.split(':'), (each) => Number.parseInt(each, 16));
  throw new DeviceSpecError(option, text, 'six pairs of hexadecimal digits with : between them');
};

const QUEUE_SIZES = ['4', '8', '16', '32', '64', '128', '256'] as const;
const queueSize: Reader<number> = (option, text) => Number(choice(...QUEUE_SIZES)(option, text));

/** Options of a type, and how one is made; what they say goes to its constructor. */
interface TypeRow {
  readonly options: Readonly<Record<string, readonly [key: string, read: Reader<unknown>]>>;
  make(given: Readonly<Record<string, unknown>>): DeviceBehaviour;
}

const SECTOR = 512;
const disk = ({ sectors = 64, readOnly = false }: { sectors?: number; readOnly?: boolean }) =>
  new MemoryStorage(new Uint8Array(sectors * SECTOR), readOnly);
const size = { 'queue-size': ['queueSize', queueSize] } as const;
const sectors = { sectors: ['sectors', whole(1, 0x10000)], 'read-only': ['readOnly', yes] } as const;

const types: Readonly<Record<string, TypeRow>> = {
  network: {
    options: {
      ...size,
      mac: ['macAddress', mac],
      'queue-pairs': ['queuePairs', whole(1, 8)],
      mtu: ['mtu', whole(68, 65535)],
    },
    make: (given) => new NetworkDevice({ link: unplugged, ...given }),
  },
  block: {
    options: { ...size, ...sectors, serial: ['serial', plain(20)], queues: ['queues', whole(1, 8)] },
    make: (given) => new BlockDevice({ storage: disk(given), ...given }),
  },
  console: {
    options: { ...size, ports: ['maxPorts', whole(1, 8)] },
    make: (given) => new ConsoleDevice({ ports: [{ backend: new MemoryConsole() }], ...given }),
  },
  entropy: {
    options: {
      ...size,
      seed: ['source', (option, text) => new SeededEntropy(whole(0, 0xffff)(option, text))],
    },
    make: (given) => new EntropyDevice(given),
  },
  balloon: {
    options: { ...size, reports: ['freePageReports', yes], hints: ['freePageHints', yes] },
    make: (given) => new BalloonDevice(given),
  },
  scsi: {
    options: { ...size, ...sectors, queues: ['requestQueues', whole(1, 8)], lun: ['lun', whole(0, 255)] },
    make: ({ lun = 0, ...given }) =>
      new ScsiDevice({
        units: [{ target: 0, lun: lun as number, unit: new DiskUnit({ storage: disk(given) }) }],
        ...given,
      }),
  },
  p9: {
    options: { ...size, tag: ['mountTag', plain(64)] },
    make: (given) => new P9Device({ server: new P9MemoryServer({ file: Uint8Array.of(1) }), ...given }),
  },
  rtc: { options: size, make: (given) => new RtcDevice(given) },
  vsock: {
    options: { ...size, cid: ['guestCid', whole(3, 0xffff)] },
    make: (given) => new VsockDevice(given),
  },
};

const withFeature =
  (bit: number): Reader<readonly number[]> =>
  (option, text) => {
    yes(option, text);
    return [...defaultTransportFeatures, bit];
  };

/** Options of the function, whatever stands on it. */
const functionOptions: Readonly<Record<string, readonly [key: keyof MovableOptions, read: Reader<unknown>]>> =
  {
    vectors: ['vectors', whole(0, 64)],
    endian: ['guestEndian', choice('little', 'big')],
    packed: ['transportFeatures', withFeature(feature.ringPacked)],
    suspend: ['transportFeatures', withFeature(feature.suspend)],
    express: ['express', yes],
    draft: ['draft', (option, text) => drafts[choice(...Object.keys(drafts))(option, text)]!],
    placement: ['placement', choice('own', 'shared')],
    release: [
      'release',
      (option, text) => {
        const all = releases.map(({ software }) => versionText(software));
        return all.indexOf(choice(...all)(option, text));
      },
    ],
  };

export const movableTypes: readonly string[] = Object.keys(types);
/** Kinds of functions, and ways to them. */
export const placeNames: readonly PlaceName[] = [...new Set<PlaceName>([...functionKindNames, ...wayNames])];
export const functionOptionNames: readonly string[] = Object.keys(functionOptions);
/** @param type one of {@link movableTypes} */
export const optionNamesOf = (type: string): readonly string[] => Object.keys(types[type]!.options);

/** The places where a device of a type can be found. */
function placesOf({ type }: DeviceBehaviour): readonly PlaceName[] {
  const possible = waysOf(type);
  return placeNames.filter((name) =>
    Object.hasOwn(functionKinds, name)
      ? type.transitionalId !== null || functionKinds[name as keyof typeof functionKinds].legacy === null
      : (possible as readonly string[]).includes(name),
  );
}

/**
 * A device in words: `TYPE`, `TYPE:KIND` or `TYPE:WAY`, then options, `network:mmr,queue-pairs=2,vectors=4`.
 * @throws DeviceSpecError, ReleaseError, and what else building the function throws
 */
export function movableOf(spec: string): Movable {
  const [what = '', ...given] = spec.split(',');
  const [name = '', place, more] = what.split(':');
  const row = Object.hasOwn(types, name) ? types[name]! : null;
  if (row === null || more !== undefined)
    throw new DeviceSpecError(
      'device',
      what,
      `TYPE[:KIND or WAY], with a type of ${movableTypes.join(', ')}`,
    );
  const ofType: Record<string, unknown> = {};
  const ofFunction: Record<string, unknown> = { release: newestRelease };
  for (const option of given) {
    const [key = '', ...values] = option.split('=');
    const text = values.join('=');
    const [own, common] = [row.options, functionOptions].map((all) =>
      Object.hasOwn(all, key) ? all[key] : undefined,
    );
    const said = own ?? common;
    if (said === undefined)
      throw new DeviceSpecError(
        'option',
        key,
        [...Object.keys(row.options), ...functionOptionNames].join(', '),
      );
    (own === undefined ? ofFunction : ofType)[said[0]] = said[1](key, text);
  }
  const behaviour = row.make(ofType);
  const places = placesOf(behaviour);
  const found = choice(...places)(
    'kind',
    place ?? (behaviour.type.transitionalId === null ? 'modern' : 'transitional'),
  );
  return new Movable(spec, behaviour, found, ofFunction as MovableOptions);
}
