import { VirtiolabError } from '../core/index.ts';

/** The optional peer dependency that `virtiolab/testing` is made of cannot be loaded. `cause` is the system's error. */
export class FastCheckMissingError extends VirtiolabError {
  constructor(cause: unknown) {
    super(
      'virtiolab/testing needs the package fast-check, which cannot be loaded; run: npm install --save-dev fast-check@4',
    );
    this.cause = cause;
  }
}

/** What `load` gives, or an error that says what to install. @throws FastCheckMissingError */
export async function orMissing<T>(load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (error) {
    throw new FastCheckMissingError(error);
  }
}

/**
 * fast-check. An import that stands in the head of a module fails before any of its code runs, with words about a module
 * that the user never named; this one can be told about, in Node and in a browser alike.
 */
export const { default: fc } = await orMissing(() => import('fast-check'));
