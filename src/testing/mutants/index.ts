import { type Check, conform, type Result } from '../../conformance/device/index.ts';
import { ourSource } from '../subjects.ts';
import { adminCommandMutants } from './admin-commands.ts';
import { adminLegacyMutants } from './admin-legacy.ts';
import { adminPartsMutants } from './admin-parts.ts';
import { chainMutants } from './chains.ts';
import { commonConfigMutants } from './common-config.ts';
import { configWindowMutants } from './config-window.ts';
import { configurationMutants } from './configuration.ts';
import { configurationSpaceMutants } from './configuration-space.ts';
import { eventMutants } from './events.ts';
import { featureMutants } from './features.ts';
import { hostileRingMutants } from './hostile-rings.ts';
import { interruptPinMutants } from './interrupt-pin.ts';
import { legacyBlockMutants } from './legacy-block.ts';
import type { DeviceMutant } from './mutant.ts';
import { notifyMutants } from './notify.ts';
import { packedMutants } from './packed.ts';
import { queueResetMutants } from './queue-reset.ts';
import { regionMutants } from './regions.ts';
import { statusMutants } from './status.ts';
import { suspendMutants } from './suspend.ts';
import { typeMutants } from './types.ts';
import { vectorMutants } from './vectors.ts';

export { type BusLies, type DeviceMutant, type Lies, type MutantAccess, touches } from './mutant.ts';

/** Devices that are wrong in one small way each. */
export const deviceMutants: readonly DeviceMutant[] = [
  ...configurationSpaceMutants,
  ...regionMutants,
  ...statusMutants,
  ...featureMutants,
  ...commonConfigMutants,
  ...configurationMutants,
  ...queueResetMutants,
  ...notifyMutants,
  ...interruptPinMutants,
  ...vectorMutants,
  ...configWindowMutants,
  ...legacyBlockMutants,
  ...suspendMutants,
  ...chainMutants,
  ...eventMutants,
  ...packedMutants,
  ...hostileRingMutants,
  ...adminCommandMutants,
  ...adminLegacyMutants,
  ...adminPartsMutants,
  ...typeMutants,
];

/** What the suite, or part of it, says of a mutant where it finds something. */
export async function findingsOf(mutant: DeviceMutant, checks: readonly Check[]): Promise<Result[]> {
  const { type = 'entropy', kind = 'transitional', setting } = mutant;
  const fits = ({ settings }: Check) => setting === undefined || (settings?.includes(setting) ?? true);
  const list = checks
    .filter(fits)
    .map((check) => (setting === undefined ? check : { ...check, settings: [setting] }));
  const found: Result[] = [];
  for await (const result of conform(ourSource(type, kind, mutant), { checks: list, witness: false }))
    if (result.outcome === 'FAIL' || (result.outcome === 'WEDGED' && result.recovers === false))
      found.push(result);
  return found;
}

/** Checks that could see a mutant: they are about a clause that it breaks. */
export const suspects = ({ breaks }: DeviceMutant, checks: readonly Check[]): Check[] =>
  checks.filter(({ clauses }) => clauses.some((clause) => breaks.includes(clause)));
