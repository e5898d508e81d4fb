import {
  BalloonDriver,
  ConsoleDriver,
  EntropyDriver,
  NetworkDriver,
  P9Client,
  P9Driver,
  RtcDriver,
  VsockDriver,
} from 'virtiolab/driver';
import { bytesText, type Driven, whole, words } from './driven.ts';

const toBytes = (text: string | number | undefined) => new TextEncoder().encode(String(text));
const toText = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

/** A broadcast frame of an unassigned type, from an address of nobody's. */
function frame(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  bytes.fill(0xff, 0, 6);
  bytes.set([0x02, 0, 0, 0, 0, 1, 0x88, 0xb5], 6);
  return bytes;
}

const frameBytes = whole('Bytes', 60, 60, 1514);

export const network: Driven<NetworkDriver & { received?: number }> = {
  open: (transport, memory, { ringFeatures }) => {
    const driver: NetworkDriver & { received?: number } = new NetworkDriver(transport, memory, {
      ringFeatures,
      buffers: 8,
      onFrame: () => {
        driver.received = (driver.received ?? 0) + 1;
      },
    });
    return driver;
  },
  moves: {
    send: {
      label: 'Send a frame',
      by: 'driver',
      fields: [frameBytes],
      run: async (driver, [length], { hands }) => {
        await driver.send(frame(Number(length)));
        const sent = (await hands.sentFrames?.()) ?? [];
        return sent.map(({ bytes }) => `a frame of ${bytes.length} bytes left the device`).join('; ');
      },
    },
    receive: {
      label: 'A frame arrives',
      by: 'outside',
      fields: [frameBytes],
      run: async (driver, [length], { hands }) => {
        const before = driver.received ?? 0;
        await hands.receiveFrame?.(frame(Number(length)));
        return `the driver got ${(driver.received ?? 0) - before} frames`;
      },
    },
    unplug: {
      label: 'Unplug the cable',
      by: 'outside',
      fields: [],
      run: async (_, __, { hands }) => {
        await hands.setLink?.(false);
        return 'the link is down';
      },
    },
    plug: {
      label: 'Plug it in',
      by: 'outside',
      fields: [],
      run: async (_, __, { hands }) => {
        await hands.setLink?.(true);
        return 'the link is up';
      },
    },
  },
};

interface OpenConsole {
  readonly driver: ConsoleDriver;
  readonly heard: string[];
  close(): void;
}

export const console: Driven<OpenConsole> = {
  open: (transport, memory) => {
    const driver = new ConsoleDriver(transport, memory);
    const heard: string[] = [];
    for (const port of driver.ports.values()) port.onData = (bytes) => void heard.push(toText(bytes));
    return { driver, heard, close: () => driver.close() };
  },
  moves: {
    send: {
      label: 'Write',
      by: 'driver',
      fields: [words('Text', 'hello')],
      run: async ({ driver }, [text], { hands }) => {
        await driver.ports.get(0)!.write(toBytes(text));
        return `outside: ${toText((await hands.sentText?.()) ?? new Uint8Array())}`;
      },
    },
    type: {
      label: 'Somebody types',
      by: 'outside',
      fields: [words('Text', 'ls')],
      run: async ({ heard }, [text], { hands }) => {
        heard.length = 0;
        await hands.receiveText?.(toBytes(text));
        return `the driver got: ${heard.join('')}`;
      },
    },
  },
};

export const entropy: Driven<EntropyDriver> = {
  open: (transport, memory, { ringFeatures }) => new EntropyDriver(transport, memory, { ringFeatures }),
  rings: ({ driver }) => driver,
  moves: {
    read: {
      label: 'Read',
      by: 'driver',
      fields: [whole('Bytes', 32, 1, 4096)],
      run: async (driver, [length]) => bytesText(await driver.read(Number(length))),
    },
  },
};

export const balloon: Driven<BalloonDriver> = {
  open: (transport, memory, { ringFeatures }) => new BalloonDriver(transport, memory, { ringFeatures }),
  moves: {
    target: {
      label: 'Ask for pages',
      by: 'outside',
      fields: [whole('Pages', 8, 0, 64)],
      run: async (driver, [pages], { hands }) => {
        await hands.setTarget?.(Number(pages));
        await driver.settled();
        return `${driver.balloon.length} pages are in the balloon`;
      },
    },
  },
};

interface OpenP9 {
  readonly client: P9Client;
  close(): void;
}

export const p9: Driven<OpenP9> = {
  open: async (transport, memory, { ringFeatures }) => {
    const driver = new P9Driver(transport, memory, { ringFeatures });
    const client = new P9Client(driver);
    await client.mount();
    return { client, close: () => driver.close() };
  },
  moves: {
    list: {
      label: 'List the files',
      by: 'driver',
      fields: [],
      run: async ({ client }) => (await client.list([])).map(({ name }) => name).join(' '),
    },
    read: {
      label: 'Read a file',
      by: 'driver',
      fields: [words('Name', 'greeting')],
      run: async ({ client }, [name]) => toText(await client.read([String(name)])),
    },
  },
};

export const rtc: Driven<RtcDriver> = {
  open: (transport, memory, { ringFeatures }) => new RtcDriver(transport, memory, { ringFeatures }),
  moves: {
    read: {
      label: 'Read the clock',
      by: 'driver',
      fields: [whole('Clock', 0, 0, 15)],
      run: async (driver, [clock]) => `${await driver.read(Number(clock))} ns`,
    },
  },
};

export const vsock: Driven<VsockDriver> = {
  open: (transport, memory) => new VsockDriver(transport, memory),
  moves: {
    connect: {
      label: 'Connect',
      by: 'driver',
      fields: [whole('Port', 1234, 0, 0xffff)],
      run: async (driver, [port]) => {
        await driver.connect(Number(port));
        return 'connected';
      },
    },
  },
};
