import {
  anyState,
  bytes,
  expectAt,
  expectParts,
  flag,
  manifestOf,
  map,
  optional,
  record,
  type State,
  shape,
  type ValueOf,
} from '../core/index.ts';
import type { PciFunction } from './function.ts';
import { MULTI_FUNCTION, messageControl, msixCapability, status, type0Header } from './layout/index.ts';
import { msixState } from './msix.ts';
import { functionShape } from './shape.ts';

/** `parts` are what stands behind the BARs: each says of itself what it likes. */
export const functionState = record('pci-function', 1, {
  shape,
  /** Configuration space as software sees it. */
  config: bytes(),
  msix: optional(msixState),
  /** The level that the device wants on the interrupt pin. */
  pinLevel: flag,
  parts: map(anyState),
});

export type SavedFunction = ValueOf<typeof functionState>;

/** Bits of configuration space that are neither built in nor written: of the neighbours, and of the interrupt. */
export const LIVE_BITS: ReadonlyMap<number, number> = new Map([
  [type0Header.headerType.offset, MULTI_FUNCTION],
  [type0Header.status.offset, status.interrupt],
]);

export const functionManifest = (fn: PciFunction): State => ({
  ...functionState.manifest(),
  made: functionShape(fn),
  parts: Object.fromEntries(Array.from(fn.parts, ([name, part]) => [name, manifestOf(part)])),
});

/**
 * @param msix where its MSI-X capability stands in configuration space; 0 without one.
 * @throws StateMismatchError for a state that the function cannot have.
 */
export function checkFunction(fn: PciFunction, state: State, path: string, msix: number): SavedFunction {
  const saved = functionState.parse(state, path, functionShape(fn));
  const { config, pinLevel, parts } = saved;
  fn.config.check(config, `${path}.config`);
  const word = (at: number) => config[at]! | (config[at + 1]! << 8);
  const enabled =
    msix !== 0 && (word(msix + msixCapability.messageControl.offset) & messageControl.enable) !== 0;
  const asks = pinLevel && config[type0Header.interruptPin.offset] !== 0 && !enabled;
  const told = (word(type0Header.status.offset) & status.interrupt) !== 0;
  expectAt(`${path}.config`)(
    told === asks,
    `[${type0Header.status.offset}]`,
    told,
    `an interrupt status of ${asks}, as the pin has`,
  );
  const table = fn.msix === null ? 'none' : 'a table';
  expectAt(path)((saved.msix === null) === (fn.msix === null), 'msix', saved.msix, table);
  if (saved.msix !== null) fn.msix!.check(saved.msix, `${path}.msix`);
  expectParts(`${path}.parts`, parts, fn.parts);
  for (const [name, part] of fn.parts)
    if (part === fn.virtualFunctions)
      fn.virtualFunctions.check(parts[name]!, `${path}.parts.${name}`, config);
    else part.check?.(parts[name]!, `${path}.parts.${name}`);
  fn.device?.check?.(saved, path);
  return saved;
}
