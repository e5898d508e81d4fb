import {
  BalloonDevice,
  balloonStatistic,
  ConsoleDevice,
  MemoryConsole,
  P9Device,
  P9MemoryServer,
} from '../../virtio/index.ts';
import type { SampleDevice } from './sample.ts';

export function console(): SampleDevice {
  const backend = new MemoryConsole();
  const size = { columns: 80, rows: 25 };
  const behaviour = new ConsoleDevice({
    ports: [
      { backend, size },
      { backend: new MemoryConsole(), name: 'second' },
    ],
    maxPorts: 4,
    offersSize: true,
  });
  let { rows } = size;
  return {
    behaviour,
    hands: {
      changeConfig: () => backend.resize({ columns: size.columns, rows: ++rows }),
      receiveText: (bytes) => void backend.send(bytes),
      sentText: () => backend.take(),
      resizeTerminal: (columns, rows) => backend.resize({ columns, rows }),
      plugPort: () => behaviour.addPort({ backend: new MemoryConsole(), name: 'sample' }).number,
      unplugPort: (port) => behaviour.removePort(port),
    },
  };
}

export function balloon(): SampleDevice {
  const behaviour = new BalloonDevice({
    statistics: true,
    deflateOnOutOfMemory: true,
    freePageHints: true,
    freePageReports: true,
    discard: true,
    mustTellHost: 'offered',
  });
  return {
    behaviour,
    hands: {
      changeConfig: () => behaviour.setTarget(behaviour.target + 1),
      setTarget: (pages) => behaviour.setTarget(pages),
      actualPages: () => behaviour.actual,
      askStatistics: () => void behaviour.requestStatistics(),
      statistics: () => {
        const tags: Readonly<Record<string, number>> = balloonStatistic;
        const said = Object.entries(behaviour.statistics);
        return new Map(said.map(([name, value]) => [tags[name] ?? Number(name), Number(value)]));
      },
      hinting: (step) => void behaviour.hints[step](),
      hintedPages: () =>
        behaviour.hints.pages
          .ranges()
          .flatMap(({ first, count }) => Array.from({ length: count }, (_, i) => first + i)),
    },
  };
}

export function p9(): SampleDevice {
  const server = new P9MemoryServer({ greeting: new TextEncoder().encode('hello\n') });
  return { behaviour: new P9Device({ server, mountTag: 'virtiolab' }), hands: {} };
}
