/** Everything that goes through a DataView, which is how rings are read and written. */
const methods = ['getUint16', 'getUint32', 'setUint16', 'setUint32'] as const;

/**
 * Runs `body` and counts its accesses through any DataView. A loop without end thereby ends, in an error.
 * @throws when there are more than `most`.
 */
export function withinAccesses(most: number, body: () => void): void {
  let count = 0;
  const before = methods.map((name) => [name, DataView.prototype[name]] as const);
  for (const [name, original] of before)
    Object.defineProperty(DataView.prototype, name, {
      configurable: true,
      writable: true,
      value: function (this: DataView, ...rest: never[]) {
        if (++count > most) throw new Error(`more than ${most} accesses to a ring`);
        return (original as (...all: never[]) => unknown).apply(this, rest);
      },
    });
  try {
    body();
  } finally {
    for (const [name, original] of before)
      Object.defineProperty(DataView.prototype, name, {
        configurable: true,
        writable: true,
        value: original,
      });
  }
}
