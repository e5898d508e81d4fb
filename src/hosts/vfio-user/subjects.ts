import type { Setting, Subject, SubjectSource } from '../../conformance/device/index.ts';
import { VirtiolabError } from '../../core/index.ts';
import {
  findFunction,
  hasStructures,
  legacyAccess,
  ModernTransport,
  NoDeviceError,
  runFirmware,
} from '../../driver/index.ts';
import { draft2023, identify } from '../../mmr/index.ts';
import { feature, hasFeature } from '../../virtio/index.ts';
import { VfioUserClient, type VfioUserClientOptions, vfioUserTarget } from './client.ts';

/** What listens at a socket is no virtio function of a type that the suite knows. */
export class NotVirtioError extends VirtiolabError {}

/** RAM that the suite may use. */
const MEMORY = { start: 0x200000, end: 0x400000 } as const;
/** After so many pauses, most of them of a millisecond, a device counts as silent. */
const PAUSES = 1000;

const hex = (id: number) => id.toString(16).padStart(4, '0');

/** @throws NotVirtioError, and what connecting throws */
async function open(path: string, options: VfioUserClientOptions): Promise<Subject> {
  const client = await VfioUserClient.connect(path, options);
  try {
    const { bus, fn } = client;
    runFirmware(bus);
    const found = findFunction(bus, fn)!;
    const identity = identify(found.vendorId, found.deviceId, draft2023);
    if (identity === null)
      throw new NotVirtioError(
        `${client.name} is ${hex(found.vendorId)}:${hex(found.deviceId)}; wants a virtio function of a known type`,
      );
    const { ids, type } = identity;
    const modern = hasStructures(bus, found);
    const legacy = ids === 'mmr' || (ids === 'legacy' && hasLegacyBlock(client));
    const settings: Setting[] = [
      ...(legacy ? (['legacy'] as const) : []),
      ...(modern ? (['modern'] as const) : []),
      ...(modern && offersPacked(client) ? (['packed'] as const) : []),
    ];
    const draft = ids === 'mmr' ? { draft: draft2023 } : {};
    const target = vfioUserTarget(client);
    return { target, type, settings, ...draft, memory: MEMORY, hands: {}, patience: PAUSES };
  } catch (error) {
    client.close();
    throw error;
  }
}

function offersPacked({ bus, fn }: VfioUserClient): boolean {
  const transport = new ModernTransport(bus, findFunction(bus, fn)!);
  return hasFeature(transport.readFeatures(), feature.ringPacked);
}

function hasLegacyBlock({ bus, fn }: VfioUserClient): boolean {
  try {
    legacyAccess(bus, findFunction(bus, fn)!);
    return true;
  } catch (error) {
    if (error instanceof NoDeviceError) return false;
    throw error;
  }
}

/** A vfio-user device at a socket, whoever serves it. Opening throws what {@link VfioUserClient.connect} throws, and NotVirtioError. */
export const vfioUserSource = (path: string, options: VfioUserClientOptions = {}): SubjectSource => ({
  name: `vfio-user:${path}`,
  cheap: false,
  open: () => open(path, options),
});
