import { VirtiolabError } from '../../core/index.ts';
import { FrameQueue } from './frame-queue.ts';
import type { NetworkLink, NetworkPort, Offload } from './network-link.ts';
import { Segmenter } from './offload.ts';

/** A device was plugged into a socket that has one. */
export class SocketTakenError extends VirtiolabError {
  constructor() {
    super('a socket of a hub takes one device: wants another socket, see Hub.socket()');
  }
}

/** What a hub knows of those that are plugged into it. */
interface Member {
  here: boolean;
  deliver(bytes: Uint8Array, offset: number, length: number, offload: Offload | null): void;
}

/** A socket of a {@link Hub}: the link of one device. */
export interface HubSocket extends NetworkLink {
  /** Unplugs it: what is sent from now on neither arrives here nor leaves from here. */
  leave(): void;
}

/**
 * A repeater: every frame goes to all others, in the order in which they were plugged in. Offloads go along with a frame;
 * each device does in software what its driver did not agree to, and the hub does so for links that take none.
 */
export class Hub {
  /** Replaced when somebody comes or leaves, never changed: a frame may be on its way over it. */
  #members: readonly Member[] = [];
  readonly #segmenter = new Segmenter();
  readonly #queue = new FrameQueue<Member>((source, bytes, offset, length, offload) => {
    for (const member of this.#members)
      if (member !== source && member.here) member.deliver(bytes, offset, length, offload);
  });

  /** Frames that were dropped: too many were sent while others were being delivered. */
  get dropped(): number {
    return this.#queue.dropped;
  }

  /** A free socket, for a device. */
  socket(): HubSocket {
    let port: NetworkPort | null = null;
    const member: Member = {
      here: false,
      deliver: (bytes, offset, length, offload) => port!.receive(bytes, offset, length, offload),
    };
    return {
      offloads: true,
      attach: (device) => {
        if (port !== null) throw new SocketTakenError();
        port = device;
        this.#enter(member);
      },
      transmit: (bytes, offset, length, offload) => this.#send(member, bytes, offset, length, offload),
      leave: () => this.#leave(member),
    };
  }

  /**
   * Plugs in another link, such as a responder or a TAP device: frames of the hub go out on it, and what comes in from it
   * goes to all others.
   * @param macAddress what the link is told of who is plugged into it.
   * @returns a function that unplugs it.
   */
  join(link: NetworkLink, macAddress: Uint8Array = new Uint8Array(6)): () => void {
    const finished = (bytes: Uint8Array, offset: number, length: number) =>
      link.transmit(bytes, offset, length, null);
    const member: Member = {
      here: false,
      deliver: (bytes, offset, length, offload) => {
        if (offload === null || link.offloads) link.transmit(bytes, offset, length, offload);
        else this.#segmenter.finish(bytes, offset, length, offload, finished);
      },
    };
    link.attach({
      macAddress,
      receive: (bytes, offset, length, offload) => {
        this.#send(member, bytes, offset, length, offload);
        return member.here;
      },
    });
    this.#enter(member);
    return () => this.#leave(member);
  }

  #enter(member: Member): void {
    member.here = true;
    this.#members = [...this.#members, member];
  }

  #leave(member: Member): void {
    member.here = false;
    this.#members = this.#members.filter((each) => each !== member);
  }

  #send(member: Member, bytes: Uint8Array, offset: number, length: number, offload: Offload | null): void {
    if (member.here) this.#queue.send(member, bytes, offset, length, offload);
  }
}
