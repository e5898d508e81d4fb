import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { P9Socket } from '../../src/hosts/node/index.ts';
import {
  P9Device,
  P9MemoryServer,
  type P9Server,
  type P9ServerError,
  p9Messages,
  SeededEntropy,
} from '../../src/virtio/index.ts';
import { Diod, diodNote, hasDiod } from './diod.ts';
import { md5 } from './ext4.ts';
import { guestWays, Lab } from './lab.ts';
import { pieces, skipNote } from './support.ts';

const DEVICE = 5;
const BIG_BYTES = 1_500_001;
const ODD_NAMES = ['-dash', 'two words', 'grüße 世界', '$(reboot)', '.hidden', 'n'.repeat(200)];

function seeded(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  new SeededEntropy(9).fill(bytes);
  return bytes;
}

function fillExport(folder: string): Uint8Array {
  const big = seeded(BIG_BYTES);
  mkdirSync(join(folder, 'a/b/c'), { recursive: true });
  writeFileSync(join(folder, 'a/b/c/deep'), 'deep down\n');
  writeFileSync(join(folder, 'big'), big);
  writeFileSync(join(folder, 'empty'), '');
  symlinkSync('a/b/c/deep', join(folder, 'link'));
  mkdirSync(join(folder, 'odd'));
  for (const name of ODD_NAMES) writeFileSync(join(folder, 'odd', name), name);
  return big;
}

describe.skipIf(pieces === null)(`Linux's 9P client${skipNote}`, () => {
  let lab: Lab;
  let diod: Diod;
  let lost: P9ServerError[];

  beforeEach(async () => {
    lost = [];
    sent = [];
    lab = await Lab.start();
    if (hasDiod) diod = await Diod.prepare();
  });
  afterEach(async () => {
    await lab?.destroy();
    await diod?.destroy();
  });

  /** Types of the messages that the guest has sent. */
  let sent: number[];

  /** The server behind diod's socket, with an ear on what it is sent. */
  const server = (): P9Server => ({
    connect: (receiver) => {
      const connection = new P9Socket({ path: diod.socket }).connect(receiver);
      const send = (message: Uint8Array) => {
        sent.push(message[4]!);
        connection.send(message);
      };
      return { send, close: () => connection.close() };
    },
  });
  const device = () =>
    new P9Device({
      server: server(),
      mountTag: 'shared files',
      onServerLost: (error) => lost.push(error),
    });
  const mount = () =>
    `mount -t 9p -o trans=virtio,version=9p2000.L,aname=${diod.exported} "shared files" /mnt`;

  describe.skipIf(!hasDiod).each(guestWays)(
    `in front of diod, through $name${diodNote}`,
    ({ window, transportFeatures }) => {
      it('reads and writes the files of its host', async () => {
        const big = fillExport(diod.exported);
        await diod.start();
        lab.present(device(), DEVICE, window, undefined, transportFeatures);
        await lab.rescan();
        expect(await lab.sh('cat /sys/bus/virtio/devices/virtio0/mount_tag | tr "\\0" "."')).toMatch(
          /^shared files/,
        );
        await lab.sh(mount());
        expect(
          await lab.sh(
            'cat /mnt/link; dd if=/mnt/big bs=64k 2>/dev/null | md5sum; wc -c < /mnt/empty; readlink /mnt/link',
          ),
        ).toBe(`deep down\n${md5(big)}  -\n0\na/b/c/deep`);
        const found = ODD_NAMES.map((name) => Buffer.from(`./${name}\n`))
          .sort(Buffer.compare)
          .join('');
        const names = await lab.sh(
          'cd /mnt/odd; find . -type f | sort | md5sum; for f in * .h*; do [ "$(cat "./$f")" = "$f" ] || echo "$f"; done',
        );
        expect(names).toBe(`${md5(Buffer.from(found))}  -`);
        const sums = await lab.sh(
          [
            'cd /mnt; mkdir -p new/folder; seq 1 2000 > /tmp/n; cp /tmp/n new/folder/numbers; dd if=big of=new/copy bs=64k 2>/dev/null',
            'mv new/folder/numbers new/count; rmdir new/folder; ln -s count new/alias; rm empty',
            'truncate -s 100 new/copy; md5sum < new/alias; wc -c < new/copy',
            'cat nothing 2>&1; cat a 2>&1; cd /; umount /mnt',
          ].join('\n'),
        );
        const count = readFileSync(join(diod.exported, 'new/count'));
        expect(count.toString()).toMatch(/^1\n2\n.*\n2000\n$/s);
        expect(sums.split('\n').slice(0, 2)).toEqual([`${md5(count)}  -`, '100']);
        expect(sums).toMatch(/nothing': No such file/);
        expect(sums).toMatch(/Is a directory/);
        expect(readFileSync(join(diod.exported, 'new/copy'))).toEqual(Buffer.from(big.subarray(0, 100)));
        expect(readdirSync(diod.exported).sort()).toEqual(['a', 'big', 'link', 'new', 'odd']);
        expect([lab.findings, lost]).toEqual([[], []]);
      });
    },
  );

  it.skipIf(!hasDiod)(
    `flushes what nobody waits for, gets errors when its server is killed, and mounts again when it is back${diodNote}`,
    async () => {
      const big = fillExport(diod.exported);
      await diod.start();
      lab.present(device(), DEVICE, 'mmr');
      await lab.rescan();
      await lab.sh(mount());
      // Somebody loses patience with a server that does not answer: his request is flushed, and nothing else suffers.
      diod.pause();
      await lab.sh('(cat /mnt/big > /tmp/never 2>&1 & sleep 1; kill -9 $!)');
      await vi.waitFor(() => expect(sent).toContain(p9Messages.Tflush.type), { timeout: 20_000 });
      diod.goOn();
      expect(await lab.sh('cat /mnt/a/b/c/deep')).toMatch(/^deep down/);
      await lab.sh('(while cat /mnt/big > /dev/null; do :; done) > /tmp/loop 2>&1 &');
      await lab.sh('cat /mnt/a/b/c/deep');
      await diod.kill();
      expect(await lab.sh('wait; tail -n 1 /tmp/loop; cat /mnt/big 2>&1 | tail -n 1', 30_000)).toMatch(
        /error/i,
      );
      expect(lost).toHaveLength(1);
      expect(['closed', 'connection']).toContain(lost[0]!.reason);
      await lab.sh('umount -l /mnt');
      await diod.start();
      await lab.sh(mount());
      expect(await lab.sh('dd if=/mnt/big bs=64k 2>/dev/null | md5sum')).toBe(`${md5(big)}  -`);
      expect(lab.findings).toEqual([]);
    },
  );

  it('reads the tree of the server in memory', async () => {
    const bytes = seeded(100_000);
    const server = new P9MemoryServer({
      folder: { file: bytes },
      hello: new TextEncoder().encode('hello\n'),
    });
    lab.present(new P9Device({ server, mountTag: 'memory' }), DEVICE, 'io-bar');
    await lab.rescan();
    await lab.sh('mount -t 9p -o trans=virtio,version=9p2000.L memory /mnt');
    expect(await lab.sh('cd /mnt; find . | sort; cat hello; md5sum < folder/file; cd /')).toBe(
      `.\n./folder\n./folder/file\n./hello\nhello\n${md5(bytes)}  -`,
    );
    expect((await lab.guest.run('echo x > /mnt/hello')).output).toMatch(/Read-only|denied|not supported/);
    expect(lab.findings).toEqual([]);
  });
});
