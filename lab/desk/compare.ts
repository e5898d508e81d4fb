import { compareWays, countNames, phaseNames, type WorkloadName, workloadNames } from 'virtiolab/compare';
import { OptionError } from 'virtiolab/core';
import type { ComparedView } from '../desk-protocol.ts';

export const comparable: readonly string[] = workloadNames;

const isWorkload = (name: string): name is WorkloadName => workloadNames.some((each) => each === name);

/** Every way, driven and counted. @throws OptionError */
export async function comparedView(device: string, vfs: number): Promise<ComparedView> {
  if (!isWorkload(device)) throw new OptionError('device', device, `one of ${workloadNames.join(', ')}`);
  const { request, bytes, ways } = await compareWays({ device, vfs });
  return {
    ...{ request, bytes, vfs, names: countNames },
    ways: ways.map(({ way, counts, modelledNs, resourcesOfAll }) => ({
      way,
      phases: Object.fromEntries(
        phaseNames.map((phase) => [phase, { counts: counts[phase], ns: modelledNs[phase] }]),
      ),
      resources: { ...resourcesOfAll },
    })),
  };
}
