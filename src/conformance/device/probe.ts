import type { Register, RegisterMap, Width } from '../../core/index.ts';
import { capabilityId, messageControl, msixCapability } from '../../pci/layout/index.ts';
import {
  commonConfig,
  consoleFeature,
  deviceStatus,
  FEATURE_WORDS,
  type FeatureWords,
  feature,
  featureWords,
  hasFeature,
  legacyHeader,
  networkFeature,
} from '../../virtio/layout/index.ts';
import { Bench } from './bench.ts';

/*
 * What checks do with registers beneath any driver, by whichever interface.
 */

const { acknowledge, driver, featuresOk } = deviceStatus;

/** The status register of the interface that is spoken. */
export const statusOf = ({ modern }: Bench): Register =>
  modern ? commonConfig.deviceStatus : legacyHeader.deviceStatus;

/** The registers of the selected queue that both interfaces have. */
export const queueRegisters = ({ modern }: Bench) => (modern ? commonConfig : legacyHeader);

/** Resets the device and waits until its status says so. @throws Silence */
export async function reset(bench: Bench, clause: string): Promise<void> {
  bench.put(statusOf(bench), 0);
  await bench.until(clause, 'status 0', () => bench.get(statusOf(bench)) === 0);
}

/** Resets the device and sets status up to DRIVER. @throws NoAnswerError */
export function greet(bench: Bench): void {
  bench.transport.reset();
  bench.put(statusOf(bench), acknowledge);
  bench.put(statusOf(bench), acknowledge | driver);
}

/** What the device offers, as its registers show it. */
export function offeredWords(bench: Bench): Uint32Array {
  const words = new Uint32Array(FEATURE_WORDS);
  if (!bench.modern) words[0] = bench.get(legacyHeader.deviceFeatures);
  else
    for (let word = 0; word < FEATURE_WORDS; word++) {
      bench.put(commonConfig.deviceFeatureSelect, word);
      words[word] = bench.get(commonConfig.deviceFeature);
    }
  return words;
}

/** Writes what the driver accepts. */
export function acceptWords(bench: Bench, words: FeatureWords): void {
  if (!bench.modern) bench.put(legacyHeader.driverFeatures, words[0]!);
  else
    for (let word = 0; word < FEATURE_WORDS; word++) {
      bench.put(commonConfig.driverFeatureSelect, word);
      bench.put(commonConfig.driverFeature, words[word]!);
    }
}

/** Negotiates, from the reset on. @returns whether FEATURES_OK stands. */
export function negotiate(bench: Bench, bits: Iterable<number>): boolean {
  greet(bench);
  acceptWords(bench, featureWords(bits));
  bench.put(statusOf(bench), acknowledge | driver | featuresOk);
  return (bench.get(statusOf(bench)) & featuresOk) !== 0;
}

/** Features without which a device may decline to work (RF-15, RF-17, RF-19), as far as they are offered. */
export const basicFeatures = (offered: FeatureWords): number[] =>
  [feature.version1, feature.accessPlatform, feature.orderPlatform].filter((bit) => hasFeature(offered, bit));

/** Features by which a field that {@link Hands.changeConfig} changes is there, of types that have such. */
const changing: Readonly<Record<string, readonly number[]>> = {
  network: [networkFeature.status],
  console: [consoleFeature.size],
};

/** What a driver accepts that wants to hear of changes of the configuration. Ends the check where it is not offered. */
export function changingFeatures(bench: Bench): readonly number[] {
  const bits = changing[bench.type.name] ?? [];
  for (const bit of bits) bench.needs(bit, `feature ${bit}, by which the field is there,`);
  return bits;
}

export function selectQueue(bench: Bench, queue: number): void {
  bench.put(queueRegisters(bench).queueSelect, queue);
}

/** Size of a queue, which is selected; 0 for none. */
export function queueSize(bench: Bench, queue: number): number {
  selectQueue(bench, queue);
  return bench.get(queueRegisters(bench).queueSize);
}

/** Most queues that a check looks at. */
const MANY = 64;

/** Numbers of the queues that there are, up to some. */
export function queueNumbers(bench: Bench): number[] {
  const count = bench.modern ? Math.min(bench.get(commonConfig.numQueues), MANY) : MANY;
  return Array.from({ length: count }, (_, queue) => queue).filter((queue) => queueSize(bench, queue) !== 0);
}

/** A part of a configuration field that is read at once. */
export interface ConfigPart {
  readonly name: string;
  readonly offset: number;
  readonly width: Width;
}

/** Configuration fields of the type in their own widths; 64 bits in halves. */
export function configParts(map: RegisterMap): ConfigPart[] {
  const parts: ConfigPart[] = [];
  for (const [name, { offset, width, count }] of Object.entries(map))
    for (let at = offset; at < offset + width * count; at += Math.min(width, 4))
      parts.push({ name, offset: at, width: Math.min(width, 4) as Width });
  return parts;
}

/** The parts that lie in what the function shows of its configuration. Ends the check where there are none. */
export function shownParts(bench: Bench): ConfigPart[] {
  const bytes = bench.registers.configBytes ?? 0;
  const parts = configParts(bench.type.config).filter(({ offset, width }) => offset + width <= bytes);
  if (parts.length === 0) bench.skip('the device has no configuration');
  return parts;
}

export const readParts = (bench: Bench, parts: readonly ConfigPart[]): number[] =>
  parts.map(({ offset, width }) => bench.config(offset, width));

/** The same function by the modern interface. Ends the check where it has none. */
export function modernBench(bench: Bench): Bench {
  if (!bench.subject.settings.includes('modern')) bench.skip('the function has no other interface');
  return new Bench(bench.subject, 'modern', bench.bus);
}

/** Where the function has its MSI-X capability. Ends the check where it has none. */
export function msixAt(bench: Bench): number {
  const found = bench.found.capabilities.find(({ id }) => id === capabilityId.msix);
  return found?.offset ?? bench.skip('the function has no MSI-X');
}

/** Message control of MSI-X. */
export function messageControlOf({ bus, found }: Bench, at: number): number {
  const { offset, width } = msixCapability.messageControl;
  return bus.configRead(found.address, at + offset, width as Width);
}

/** MSI-X is on. */
export function usesMessages(bench: Bench): boolean {
  const found = bench.found.capabilities.find(({ id }) => id === capabilityId.msix);
  return found !== undefined && (messageControlOf(bench, found.offset) & messageControl.enable) !== 0;
}

/** Switches MSI-X on or off, past any driver. */
export function enableMsix({ bus, found }: Bench, at: number, on: boolean): void {
  const { offset, width } = msixCapability.messageControl;
  bus.configWrite(found.address, at + offset, width as Width, on ? messageControl.enable : 0);
}
