import { formatFunctionAddress, isStateMap, type State, VirtiolabError } from '../../core/index.ts';

/** A state in which there is no function that could move. */
export class NoFunctionSavedError extends VirtiolabError {}

/** One function of a state, as {@link Movable.save} has it. */
export interface SavedFunctionState {
  /** Its address in the machine it was saved of; null where nobody says. */
  readonly address: string | null;
  readonly state: { readonly state: State; readonly host: State };
}

const isFunction = (state: State | undefined): boolean =>
  isStateMap(state) && isStateMap(state.parts) && state.config !== undefined;

/** It has a device, or something that leads to one. */
const isVirtio = (state: State): boolean =>
  isStateMap(state) &&
  isStateMap(state.parts) &&
  Object.keys(state.parts).some((name) => name === 'device' || name.startsWith('backend '));

/**
 * The functions in a state of a function, of a movable device, of a machine, or of a board with machines of hosts behind it.
 * @throws NoFunctionSavedError
 */
export function savedFunctions(state: State): readonly SavedFunctionState[] {
  if (isStateMap(state)) {
    if (isFunction(state)) return [{ address: null, state: { state, host: null } }];
    if (state.host !== undefined && isFunction(state.state))
      return [{ address: null, state: { state: state.state!, host: state.host } }];
    if (Array.isArray(state.functions)) {
      const parts = isStateMap(state.parts) ? state.parts : {};
      const found = (state.functions as readonly State[]).flatMap((slot) => {
        if (!isStateMap(slot) || typeof slot.address !== 'number' || !isVirtio(slot.state ?? null)) return [];
        const address = formatFunctionAddress(slot.address);
        return [{ address, state: { state: slot.state!, host: parts[`host of ${address}`] ?? null } }];
      });
      if (found.length > 0) return found;
    }
  }
  throw new NoFunctionSavedError('no virtio function is in that state');
}
