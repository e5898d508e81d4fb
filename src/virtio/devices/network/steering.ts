import type { State, Stateful } from '../../../core/index.ts';
import { FrameHeaders, get16, get32, ipv4, ipv6, udp } from '../../backends/ethernet.ts';
import { FLOW_BITS, flowSteeringState } from './state.ts';

/** Multiplicative hashing, as elsewhere. */
const HASH_MULTIPLIER = 0x9e3779b1;

function sumOfWords(bytes: Uint8Array, at: number, count: number): number {
  let sum = 0;
  for (let i = 0; i < count; i++) sum = (sum + get32(bytes, at + 4 * i)) | 0;
  return sum;
}

/**
 * Automatic receive steering: a flow is received on the pair that last sent some of it, and one of which nothing was sent
 * on a pair that only its hash decides (NET-CVQ-18).
 */
export class FlowSteering implements Stateful {
  /** By hash: the pair, counted from 1; 0 where nothing was sent. */
  readonly #pairs = new Uint16Array(1 << FLOW_BITS);
  readonly #headers = new FrameHeaders();

  /**
   * The same for both directions of a flow: sums of what stands for either end. Without TCP or UDP the ends are those of
   * Ethernet. The first ports of both headers lie alike.
   */
  #hash(bytes: Uint8Array, at: number, length: number): number {
    const headers = this.#headers;
    let sum = 0;
    if (headers.find(bytes, at, length)) {
      const { network, transport, version, protocol } = headers;
      sum =
        version === 4
          ? sumOfWords(bytes, network + ipv4.source, 2)
          : sumOfWords(bytes, network + ipv6.source, 8);
      sum += get16(bytes, transport + udp.sourcePort) + get16(bytes, transport + udp.destinationPort);
      sum += protocol;
    } else for (let i = 0; i < 6; i++) sum += get16(bytes, at + 2 * i);
    return Math.imul(sum, HASH_MULTIPLIER) >>> (32 - FLOW_BITS);
  }

  sent(bytes: Uint8Array, at: number, length: number, pair: number): void {
    this.#pairs[this.#hash(bytes, at, length)] = pair + 1;
  }

  /** The pair, below `pairs`, on which a frame is to be received. */
  choose(bytes: Uint8Array, at: number, length: number, pairs: number): number {
    const hash = this.#hash(bytes, at, length);
    const known = this.#pairs[hash]!;
    return known > 0 && known <= pairs ? known - 1 : (hash * pairs) >> FLOW_BITS;
  }

  reset(): void {
    this.#pairs.fill(0);
  }

  save() {
    return flowSteeringState.save({ pairs: [...this.#pairs] });
  }

  load(state: State): void {
    this.#pairs.set(flowSteeringState.parse(state).pairs);
  }
}
