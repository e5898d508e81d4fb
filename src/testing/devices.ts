import { VirtiolabError } from '../core/index.ts';
import { EntropyDevice, RtcDevice, SeededEntropy, VsockDevice } from '../virtio/index.ts';
import { network } from './samples/network.ts';
import { balloon, console, p9 } from './samples/others.ts';
import type { SampleDevice } from './samples/sample.ts';
import { block, readOnlyBlock, scsi } from './samples/storage.ts';

export type { SampleDevice } from './samples/sample.ts';

const samples: Readonly<Record<string, () => SampleDevice>> = {
  network,
  block,
  'block-readonly': readOnlyBlock,
  console,
  entropy: () => ({ behaviour: new EntropyDevice({ source: new SeededEntropy(0x1234567) }), hands: {} }),
  balloon,
  scsi,
  p9,
  rtc: () => ({ behaviour: new RtcDevice(), hands: {} }),
  vsock: () => ({ behaviour: new VsockDevice(), hands: {} }),
};

/** Names of the samples: at least one of each type, under its name; others say what is special about them. */
export const sampleNames: readonly string[] = Object.keys(samples);

/** No subject has that name. */
export class UnknownSubjectError extends VirtiolabError {}

/**
 * A device of a type, with something behind it. @param name one of {@link sampleNames}.
 * @throws UnknownSubjectError, which lists the names
 */
export function sampleDevice(name: string): SampleDevice {
  if (!Object.hasOwn(samples, name))
    throw new UnknownSubjectError(`unknown device type '${name}'; types are ${sampleNames.join(', ')}`);
  return samples[name]!();
}
