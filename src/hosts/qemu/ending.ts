import type { ChildProcess } from 'node:child_process';

/** Processes that end with this one. */
const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** Has a process end when this one does. @returns a function that ends it now. */
export function endsWithUs(child: ChildProcess): () => void {
  running.add(child);
  return () => {
    child.kill('SIGKILL');
    running.delete(child);
  };
}
