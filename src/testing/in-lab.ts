import { VirtiolabError } from '../core/index.ts';
import { type Lab, type LabOptions, lab } from './lab.ts';

/** A case in a lab failed. The message is what went wrong, what happened last, and why nothing happens; `cause` is the error. */
export class LabCaseError extends VirtiolabError {
  constructor(cause: unknown, world: Lab) {
    const what = cause instanceof Error ? cause.message : String(cause);
    super(`${what}\n\n${world.story()}`);
    this.cause = cause;
  }
}

/**
 * Runs one case in a lab of its own, and takes a driver that the watch found something wrong with for no failure.
 * @throws LabCaseError where `body` throws, or returns false
 */
export async function inLab<T>(options: LabOptions, body: (world: Lab) => T | Promise<T>): Promise<T> {
  const world = lab(options);
  let result: T;
  try {
    result = await body(world);
  } catch (error) {
    throw new LabCaseError(error, world);
  }
  if (result === false) throw new LabCaseError(new VirtiolabError('the case does not hold'), world);
  return result;
}
