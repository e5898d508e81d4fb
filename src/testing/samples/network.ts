import type { SentFrame } from '../../conformance/device/index.ts';
import { NetworkDevice, type NetworkLink, type NetworkPort } from '../../virtio/index.ts';
import type { SampleDevice } from './sample.ts';

export const SAMPLE_MTU = 1500;

export function network(): SampleDevice {
  let port: NetworkPort | null = null;
  let sent: SentFrame[] = [];
  const link: NetworkLink = {
    offloads: true,
    attach: (its) => {
      port = its;
    },
    transmit: (bytes, offset, length, offload) =>
      void sent.push({
        bytes: bytes.slice(offset, offset + length),
        offload: offload === null ? null : { ...offload },
      }),
  };
  const behaviour = new NetworkDevice({
    link,
    queuePairs: 2,
    mtu: SAMPLE_MTU,
    speed: { megabits: 10_000, duplex: 'full' },
  });
  return {
    behaviour,
    hands: {
      changeConfig: () => behaviour.setLink(!behaviour.linkUp),
      setLink: (up) => behaviour.setLink(up),
      announce: () => void behaviour.announce(),
      receiveFrame: (frame) => void port?.receive(frame, 0, frame.length, null),
      receiveUnfinished: (frame, offload) => void port?.receive(frame, 0, frame.length, offload),
      sentFrames: () => {
        const frames = sent;
        sent = [];
        return frames;
      },
    },
  };
}
