/** What apt says where it cannot reach a mirror at all; a mirror that answers and lacks something is another thing. */
const COMPLAINTS = [
  /Temporary failure resolving '[^']*'/,
  /Could not resolve '[^']*'/,
  /Something wicked happened resolving '[^']*'[^\n]*/,
  /Could not connect to [^\n]*/,
  /Cannot initiate the connection to [^\n]*/,
  /Unable to connect to [^\n]*/,
  /Connection (?:failed|timed out|refused|reset by peer)[^\n]*/,
  /Network is unreachable/,
  /No route to host/,
] as const;

/** Finds out whether a tool complains of the network. @returns its words about that, on one line, or null. */
export function networkComplaint(complaint: string): string | null {
  for (const pattern of COMPLAINTS) {
    const found = pattern.exec(complaint);
    if (found !== null) return found[0].trim();
  }
  return null;
}
