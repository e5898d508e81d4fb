/** What a name of a place says: which function, and which of its structures; `config` is configuration space. */
export interface NamedPlace {
  readonly fn: string;
  readonly structure: string;
  readonly virtual: boolean;
}

const IN_BAR = /^(?<fn>[0-9a-f:.]+) (?<vf>VF\d+ )?BAR\d (?<structure>.+)$/;
const IN_CONFIG = /^(?<fn>(?:[0-9a-f]{4}:)?[0-9a-f]{2}:[0-9a-f]{2}\.[0-7])(?: |$)/;

/** Reads the target of an access as buses and taps name it; null for one that names no function. */
export function placeNamed(space: 'config' | 'io' | 'memory', target: string): NamedPlace | null {
  if (space === 'config') {
    const fn = IN_CONFIG.exec(target)?.groups?.['fn'];
    return fn === undefined ? null : { fn, structure: 'config', virtual: false };
  }
  const found = IN_BAR.exec(target)?.groups;
  return found === undefined
    ? null
    : { fn: found['fn']!, structure: found['structure']!, virtual: found['vf'] !== undefined };
}

const ADDRESS = /^(?:([0-9a-f]{4}):)?([0-9a-f]{2}):([0-9a-f]{2})\.([0-7])$/;

/** The address that a name such as `00:04.0` stands for, or null. */
export function addressNamed(name: string): number | null {
  const parts = ADDRESS.exec(name);
  if (parts === null) return null;
  const [segment, bus, device, fn] = [parts[1] ?? '0', parts[2]!, parts[3]!, parts[4]!].map((part) =>
    Number.parseInt(part, 16),
  );
  return segment! * 65536 + bus! * 256 + device! * 8 + fn!;
}
