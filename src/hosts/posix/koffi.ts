/** How one that cannot be had is told: what is missing, why, and what would be right. */
export type Unavailable = (missing: string, reason: string, wanted: string) => Error;

/** The package through which system calls are made that Node does not offer. @throws what `unavailable` makes */
export async function loadKoffi(unavailable: Unavailable) {
  const module = await import('koffi').catch((error: NodeJS.ErrnoException) => {
    // An optional peer dependency: whoever wants such calls installs it.
    const missing = error.code === 'ERR_MODULE_NOT_FOUND';
    const reason = missing ? 'is not installed' : `cannot be loaded (${error.message})`;
    throw unavailable('the package koffi', reason, 'npm install koffi@3');
  });
  return module.default;
}
