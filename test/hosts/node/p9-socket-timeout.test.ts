import { Socket } from 'node:net';
import { expect, it, vi } from 'vitest';
import { P9ConnectTimeoutError, P9Socket } from '../../../src/hosts/node/index.ts';

// A connection that is neither made nor refused, as to a machine that is switched off.
vi.mock('node:net', async (original) => ({
  ...(await original<typeof import('node:net')>()),
  connect: () => new Socket(),
}));

it('gives up a 9P server that does not take the connection in time', async () => {
  const address = { host: 'switched.off', port: 564 };
  const error = await new Promise((resolve) => {
    new P9Socket(address, { connectTimeoutMs: 5 }).connect({ data: () => {}, closed: resolve });
  });
  expect(error).toBeInstanceOf(P9ConnectTimeoutError);
  expect(error).toMatchObject({ address, milliseconds: 5 });
});
