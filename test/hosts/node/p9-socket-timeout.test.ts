import net, { Socket } from 'node:net';
import { expect, it, vi } from 'vitest';
import { P9ConnectTimeoutError, P9Socket } from '../../../src/hosts/node/index.ts';

it('gives up a 9P server that does not take the connection in time', async () => {
  // A connection that is neither made nor refused, as to a machine that is switched off.
  vi.spyOn(net, 'connect').mockImplementation(() => new Socket());
  const address = { host: 'switched.off', port: 564 };
  const error = await new Promise((resolve) => {
    new P9Socket(address, { connectTimeoutMs: 5 }).connect({ data: () => {}, closed: resolve });
  });
  vi.restoreAllMocks();
  expect(error).toBeInstanceOf(P9ConnectTimeoutError);
  expect(error).toMatchObject({ address, milliseconds: 5 });
});
