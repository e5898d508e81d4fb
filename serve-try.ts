import { VfioUserServer } from '/work/wt-me/src/hosts/vfio-user/server.ts';
import { presentDevice } from '/work/wt-me/src/hosts/present/present.ts';
import { virtioFunction, EntropyDevice, BlockDevice, MemoryStorage } from '/work/wt-me/src/virtio/index.ts';
import { rmSync, readFileSync } from 'node:fs';
const server = await VfioUserServer.start();
const bytes = new Uint8Array(1<<20).map((_, i) => (i % 512 === 0 ? i >> 9 : 0));
bytes.set(readFileSync('/tmp/bs.bin'), 0);
const make: Record<string, () => any> = { block: () => new BlockDevice({ storage: new MemoryStorage(bytes) } as any), entropy: () => new EntropyDevice() };
for (const [name, b] of Object.entries(make)) for (const way of ['transitional','modern','mmr','io-bar']) {
  const socket = `/tmp/vs/${name}-${way}`;
  rmSync(socket, { force: true });
  server.serve({ socket, plug: (d) => {
    if (way === 'transitional' ) d.plug(virtioFunction(b(), { kind: way }).pci, 8);
    else presentDevice(d as any, b(), 8, { window: way as any });
    d.events = process.env.EV ? (e => { if (e.kind === 'finding') console.log(JSON.stringify(e)) }) : null;
  }, onEvent: (e) => console.log(JSON.stringify(e)) });
}
console.log('ready');
process.on('SIGTERM', () => void server.close());
