import type { Message } from './channel.ts';
import { ProtocolError } from './errors.ts';
import { getFields, structure } from './fields.ts';
import { VERSION_BYTES, VERSION_MAJOR, VERSION_MINOR, versionDefaults, versionPayload } from './layout.ts';

/** Descriptors that we take with one message. */
export const MOST_FDS = 16;

/** What two peers agree on. */
export interface Limits {
  /** That the other side takes. */
  readonly transferBytes: number;
  readonly writeMultiple: boolean;
}

/** What we can, by the names that the protocol has for it. */
const ours = {
  max_msg_fds: MOST_FDS,
  max_data_xfer_size: versionDefaults.maxTransferBytes,
  max_dma_maps: versionDefaults.maxDmaMaps,
  pgsizes: versionDefaults.pageSizes,
  write_multiple: true,
} as const;
type CapabilityName = keyof typeof ours;
type Capabilities = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Capabilities =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The JSON behind the version; an empty object where there is none. @throws ProtocolError */
function capabilitiesOf({ bytes, at, length }: Message): Capabilities {
  const data = bytes.subarray(at + VERSION_BYTES, at + length);
  if (data.length === 0) return {};
  if (data.at(-1) !== 0) throw new ProtocolError('version data without a zero byte at its end');
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(data.subarray(0, data.indexOf(0))));
  } catch {
    throw new ProtocolError('version data that are no JSON');
  }
  const found = isObject(parsed) ? (parsed['capabilities'] ?? {}) : null;
  if (!isObject(found)) throw new ProtocolError('version data that are no object with capabilities');
  for (const [name, own] of Object.entries(ours)) {
    const value = found[name];
    const right = typeof own === 'boolean' ? typeof value === 'boolean' : isCount(value);
    if (value !== undefined && !right)
      throw new ProtocolError(`capability ${name} of ${JSON.stringify(value)}`);
  }
  return found;
}

const isCount = (value: unknown) => typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;

const limitsOf = (capabilities: Capabilities): Limits => {
  const most = capabilities['max_data_xfer_size'] as number | undefined;
  return {
    transferBytes: Math.min(most ?? versionDefaults.maxTransferBytes, versionDefaults.maxTransferBytes),
    writeMultiple: capabilities['write_multiple'] === true,
  };
};

const encode = (capabilities: Capabilities): Uint8Array =>
  structure(
    versionPayload,
    { major: VERSION_MAJOR, minor: VERSION_MINOR },
    new TextEncoder().encode(`${JSON.stringify({ capabilities })}\0`),
  );

/**
 * The answer to a client's first message: of what it proposes, what we can; no longer than what it sent, since there are
 * clients that have no room for more. @throws ProtocolError where there is nothing that both know
 */
export function acceptVersion(message: Message): { readonly answer: Uint8Array; readonly limits: Limits } {
  if (message.length < VERSION_BYTES) throw new ProtocolError('a version without its numbers');
  const { major } = getFields(versionPayload, message.view, message.at);
  if (major !== VERSION_MAJOR) throw new ProtocolError(`version ${major}; wants ${VERSION_MAJOR}`);
  const proposed = capabilitiesOf(message);
  const limits = limitsOf(proposed);
  const names = (Object.keys(ours) as CapabilityName[]).filter((name) => proposed[name] !== undefined);
  const agreed = (name: CapabilityName) => {
    const [own, other] = [ours[name], proposed[name]];
    if (name === 'pgsizes') return own;
    return typeof own === 'number' ? Math.min(own, other as number) : own && other === true;
  };
  for (;;) {
    const answer = encode(Object.fromEntries(names.map((name) => [name, agreed(name)])));
    if (answer.length <= message.length) return { answer, limits };
    if (names.length === 0)
      return { answer: structure(versionPayload, { major: VERSION_MAJOR, minor: VERSION_MINOR }), limits };
    // The last are those that matter least.
    names.splice(1, 1);
    if (names.length === 1) names.length = 0;
  }
}

/** What a client proposes. */
export const proposal = (): Uint8Array => encode(ours);

/** What a server has agreed to. @throws ProtocolError */
export function readAgreed(message: Message): Limits {
  if (message.length < VERSION_BYTES) throw new ProtocolError('a version without its numbers');
  const { major, minor } = getFields(versionPayload, message.view, message.at);
  if (major !== VERSION_MAJOR || minor > VERSION_MINOR)
    throw new ProtocolError(`version ${major}.${minor}; wants ${VERSION_MAJOR}.${VERSION_MINOR}`);
  return limitsOf(capabilitiesOf(message));
}
