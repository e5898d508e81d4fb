import type { NetworkLink, P9Server } from '../../../virtio/index.ts';
import { type Chardev, makeChardev } from './chardevs.ts';
import type { QemuCommandLine } from './command-line.ts';
import { type Drive, openBlockNode, openDrive } from './drives.ts';
import { QemuOptionError } from './errors.ts';
import { makeFileSystem } from './file-systems.ts';
import { Links } from './links.ts';
import { Named } from './named.ts';

/** What stands behind devices, by id: what options other than `-device` made. */
export class Nodes {
  readonly drives = new Named<Drive>('drive');
  readonly chardevs = new Named<Chardev>('chardev');
  readonly links = new Named<NetworkLink>('netdev');
  readonly #links = new Links();
  readonly fileSystems = new Named<P9Server>('fsdev');

  /** @throws QemuOptionError, FileStorageError */
  static async of(line: QemuCommandLine): Promise<Nodes> {
    const nodes = new Nodes();
    for (const each of line.chardevs) nodes.chardevs.add(each.owner, each.text('id'), makeChardev(each));
    for (const each of line.netdevs) nodes.links.add(each.owner, each.text('id'), nodes.#links.make(each));
    for (const each of line.fsdevs) nodes.fileSystems.add(each.owner, each.text('id'), makeFileSystem(each));
    for (const each of line.drives) nodes.drives.add(each.owner, each.text('id'), await openDrive(each));
    for (const each of line.blockNodes)
      nodes.drives.add(each.owner, each.text('node-name'), await openBlockNode(each));
    for (const each of line.objects) checkObject(each.text('type'), each.owner);
    return nodes;
  }

  async close(): Promise<void> {
    this.#links.close();
    for (const chardev of this.chardevs.values()) await chardev.close();
    for (const drive of this.drives.values()) await drive.close();
  }
}

/** Objects that others name, and that make no difference here; RAM is looked for elsewhere. */
const OBJECTS: readonly string[] = [
  'iothread',
  'rng-builtin',
  'rng-random',
  'memory-backend-ram',
  'memory-backend-file',
];

function checkObject(type: string, owner: string): void {
  if (!OBJECTS.includes(type))
    throw new QemuOptionError(owner, `no such object here; there are ${OBJECTS.join(', ')}`);
}
