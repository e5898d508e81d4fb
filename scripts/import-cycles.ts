export interface Edge {
  readonly to: string;
  readonly line: number;
}

export interface Cycle extends Edge {
  /** The file whose import closes the cycle. */
  readonly file: string;
  /** The way round, first file repeated at the end. */
  readonly path: readonly string[];
}

/** One report per import that leads back to a file it was reached from (depth first, in the order of the graph). */
export function findCycles(graph: ReadonlyMap<string, readonly Edge[]>): Cycle[] {
  const cycles: Cycle[] = [];
  const done = new Set<string>();
  const trail: string[] = [];

  const visit = (file: string): void => {
    trail.push(file);
    for (const { to, line } of graph.get(file) ?? []) {
      const back = trail.indexOf(to);
      if (back !== -1) cycles.push({ file, line, to, path: [...trail.slice(back), to] });
      else if (!done.has(to)) visit(to);
    }
    trail.pop();
    done.add(file);
  };

  for (const file of graph.keys()) if (!done.has(file)) visit(file);
  return cycles;
}
