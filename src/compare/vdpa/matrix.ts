import { VirtiolabError } from '../../core/index.ts';
import { VdpaError } from '../../virtio/index.ts';
import { type Position, positions } from './positions.ts';
import {
  type TrialDevice,
  type TrialGuest,
  type TrialWorld,
  trialDeviceNames,
  trialGuestNames,
  trialWorld,
} from './trial-world.ts';
import { type Exchange, type TrialName, trialNames, trials } from './trials.ts';

/** What became of a workload. Bytes are hexadecimal, from the first that is not as it should be on; at most 16 of them. */
export type Outcome =
  | { readonly kind: 'works' }
  | {
      readonly kind: 'refused';
      /** The operation, or who refused. */
      readonly where: string;
      /** The error number's name, or the error's. */
      readonly error: string;
    }
  | {
      readonly kind: 'corrupts';
      /** The smallest thing that goes wrong. */
      readonly what: string;
      readonly written: string;
      readonly arrived: string;
    };

/** One guest on one device by one position. */
export interface Cell {
  readonly position: string;
  readonly guest: TrialGuest;
  readonly device: TrialDevice;
  readonly outcomes: Readonly<Record<TrialName, Outcome>>;
}

const SHOWN = 16;
const WORKS: Outcome = { kind: 'works' };
const hex = (bytes: Uint8Array) => [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');

/** As far as both are needed to see the difference. */
function difference({ what, sent, arrived, told }: Exchange, world: TrialWorld): Outcome | null {
  if (arrived === null) {
    const says = world.mediated.parentSays;
    const why = says === null ? '' : `; the device says: ${says}`;
    const available = world.available();
    const ring = available === null ? '' : `; its available ring begins ${hex(available)}`;
    const written = `${hex(sent.subarray(0, SHOWN))}${ring}`;
    return { kind: 'corrupts', what, written, arrived: `${told ?? 'nothing'}${why}` };
  }
  let at = 0;
  while (at < sent.length && sent[at] === arrived[at]) at++;
  if (at === sent.length && arrived.length === sent.length) return null;
  const from = at < SHOWN ? 0 : Math.min(at, sent.length - 1, arrived.length - 1);
  const part = (bytes: Uint8Array) => hex(bytes.subarray(from, from + SHOWN));
  const place = from === 0 ? '' : `, from byte ${from}`;
  const lengths = sent.length === arrived.length ? '' : ` (${arrived.length} bytes of ${sent.length})`;
  return {
    kind: 'corrupts',
    what: `${what}${place}`,
    written: part(sent),
    arrived: `${part(arrived)}${lengths}`,
  };
}

function refusedBy(error: VirtiolabError): Outcome {
  return error instanceof VdpaError
    ? { kind: 'refused', where: error.operation, error: error.errno }
    : { kind: 'refused', where: 'the mediator', error: error.name };
}

/** What management takes for configuration, before there is a guest. */
function managed(world: TrialWorld, wanted: Uint8Array): Outcome | null {
  if (wanted.length === 0) return null;
  const sent = wanted;
  const arrived = world.mediated.parent.readConfig(0, wanted.length);
  return difference({ what: 'configuration, read by management', sent, arrived }, world);
}

/** Runs one workload. */
export async function tryOut(
  position: Position,
  guest: TrialGuest,
  device: TrialDevice,
  name: TrialName,
): Promise<Outcome> {
  const trial = trials[name]();
  let world: TrialWorld;
  try {
    world = trialWorld(trial.behaviour, guest, position, device);
  } catch (error) {
    if (error instanceof VdpaError) return refusedBy(error);
    throw error;
  }
  const { mediated } = world;
  if (position.managed === true) {
    const misread = managed(world, trial.config);
    if (misread !== null) return misread;
  }
  try {
    for await (const exchange of trial.run(world)) {
      const wrong = difference(exchange, world);
      if (wrong !== null) return mediated.refusal === null ? wrong : refusedBy(mediated.refusal);
    }
    return WORKS;
  } catch (error) {
    if (!(error instanceof VirtiolabError)) throw error;
    if (mediated.refusal !== null) return refusedBy(mediated.refusal);
    return { kind: 'refused', where: "the guest's driver", error: error.name };
  }
}

/** Every guest on every device by every position. @param progress is told of cells that are done. */
export async function vdpaMatrix(
  rows: readonly Position[] = positions,
  progress: (done: number, of: number) => void = () => {},
): Promise<readonly Cell[]> {
  const cells: Cell[] = [];
  const all = rows.length * trialDeviceNames.length * trialGuestNames.length;
  for (const position of rows)
    for (const device of trialDeviceNames)
      for (const guest of trialGuestNames) {
        const outcomes = {} as Record<TrialName, Outcome>;
        for (const name of trialNames) outcomes[name] = await tryOut(position, guest, device, name);
        cells.push({ position: position.name, guest, device, outcomes });
        progress(cells.length, all);
      }
  return cells;
}
