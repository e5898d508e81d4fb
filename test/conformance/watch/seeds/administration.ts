import { setCommand } from '../../../../src/driver/index.ts';
import {
  Administration,
  adminStatus,
  BlockDevice,
  type Chain,
  type DevicePort,
  EntropyDevice,
  feature,
  MemoryStorage,
  NetworkDevice,
  networkFeature,
  unplugged,
} from '../../../../src/virtio/index.ts';
import { SLOT } from '../../../pci/support.ts';
import { commandBytes, little } from '../../../virtio/admin/support.ts';
import type { Lab } from '../support/lab.ts';
import { type Seed, seeds } from './seed.ts';

const SELF = 0;
const VIRTUAL = 1;
/** The queue after the entropy device's own. */
const QUEUE = 1;

const administered = (what: (lab: Lab) => void) => (lab: Lab) => {
  setCommand(lab.bus, SLOT, 4, 0);
  lab.toFeatures();
  lab.get('numQueues');
  lab.get('adminQueueIndex');
  lab.get('adminQueueNum');
  lab.setUp(0);
  lab.setUp(QUEUE);
  lab.status(15);
  what(lab);
};
const entropy = (rule: string, what: string, script: (lab: Lab) => void): Seed =>
  seeds(() => new EntropyDevice(), {
    bare: true,
    features: [feature.adminQueue],
    fn: { administration: new Administration(), transportFeatures: [] },
  })(rule, what, administered(script));

const send = (lab: Lab, command: Parameters<typeof commandBytes>[0], room = 16) =>
  void lab.post(QUEUE, [{ bytes: commandBytes(command) }, { length: room, write: true }]);
const list = (lab: Lab, opcodes = 3) => {
  send(lab, { opcode: 0, group: SELF });
  send(lab, { opcode: 1, group: SELF, data: little(opcodes, 8) });
};

/** It answers the first command with EAGAIN. */
class BusyAdministration extends Administration {
  #device!: DevicePort;
  #busy = true;

  override attach(device: DevicePort): void {
    super.attach(device);
    this.#device = device;
  }

  override handle(chain: Chain): void {
    if (!this.#busy) super.handle(chain);
    else {
      this.#busy = false;
      chain.write(0, Uint8Array.of(adminStatus.tryAgain, 0, 0, 0, 0, 0, 0, 0), 0, 8);
      this.#device.complete(chain, 8);
    }
  }
}

/** What a driver does that is told to try again, and is watched. */
export const busy = (script: (lab: Lab) => void): string[] =>
  seeds(() => new EntropyDevice(), {
    bare: true,
    features: [feature.adminQueue],
    fn: { administration: new BusyAdministration(), transportFeatures: [] },
  })('admin-not-tried-again', 'a query', administered(script)).run();
export const query = (lab: Lab) => send(lab, { opcode: 0, group: SELF });
export const use = (lab: Lab) => send(lab, { opcode: 1, group: SELF, data: little(3, 8) });

/** Administration queues, and what few devices offer. */
export const administrationSeeds: readonly Seed[] = [
  entropy('admin-no-readable', 'no command', (lab) => void lab.post(QUEUE, [{ length: 16, write: true }])),
  entropy(
    'admin-no-writable',
    'no room for an answer',
    (lab) => void lab.post(QUEUE, [{ bytes: commandBytes({ opcode: 0, group: SELF }) }]),
  ),
  entropy(
    'admin-readable-short',
    'half a command',
    (lab) => void lab.post(QUEUE, [{ bytes: new Uint8Array(16) }, { length: 16, write: true }]),
  ),
  entropy('admin-part-length', 'an odd length', (lab) => send(lab, { opcode: 0, group: SELF }, 9)),
  entropy('admin-reserved', 'reserved bytes', (lab) =>
    send(lab, { opcode: 0, group: SELF, reserved: new Array(12).fill(1) }),
  ),
  entropy('admin-group-unknown', 'a group of nobody', (lab) => send(lab, { opcode: 0, group: 9 })),
  entropy('admin-group-absent', 'virtual functions that there are not', (lab) =>
    send(lab, { opcode: 0, group: VIRTUAL }),
  ),
  entropy('admin-before-list', 'a command before LIST_USE', (lab) => send(lab, { opcode: 7, group: SELF })),
  entropy('admin-not-in-list', 'a command that is not in the list', (lab) => {
    list(lab);
    send(lab, { opcode: 7, group: SELF });
  }),
  entropy('admin-list-unoffered', 'a list of what there is not', (lab) => list(lab, 0x40000003)),
  entropy('admin-list-in-flight', 'LIST_USE while a command is in flight', (lab) => {
    setCommand(lab.machine, SLOT, 0, 4);
    send(lab, { opcode: 0, group: SELF });
    send(lab, { opcode: 1, group: SELF, data: little(3, 8) });
  }),
  {
    rule: 'admin-not-tried-again',
    what: 'another command in its place',
    run: () =>
      busy((lab) => {
        query(lab);
        use(lab);
      }),
  },
  entropy('admin-header-access', 'two registers at once', (lab) =>
    send(lab, { opcode: 2, group: VIRTUAL, member: 1, data: [12, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4] }),
  ),
  seeds(() => new EntropyDevice(), {
    bare: true,
    fn: { administration: new Administration(), transportFeatures: [] },
  })(
    'admin-queue-without-feature',
    'an administration queue without ADMIN_VQ',
    administered(() => {}),
  ),
  seeds(() => new EntropyDevice(), {
    queues: [0],
    features: [feature.adminQueue],
    fn: { administration: new Administration(), transportFeatures: [] },
  })('admin-queue-elsewhere', 'a queue behind all others', (lab) => {
    for (const name of ['numQueues', 'adminQueueIndex', 'adminQueueNum']) lab.get(name);
    lab.set('queueSelect', 9);
    lab.set('queueEnable', 1);
  }),
  seeds(() => new BlockDevice({ storage: new MemoryStorage(new Uint8Array(4096)) }), {
    features: [feature.ringIndirectDescriptors],
  })('split-many-buffers', 'more buffers than is reasonable', (lab) => {
    for (let i = 0; i < 1100; i++) lab.describe(0x280000, i, 0x290000, 1, 2 | (i < 1099 ? 1 : 0), i + 1);
    lab.post(0, [{ address: 0x280000, length: 16 * 1100, flags: 4 }]);
  }),
  seeds(() => new NetworkDevice({ link: unplugged }), { features: [networkFeature.hashReport] })(
    'network-hash-report-alone',
    'HASH_REPORT without CTRL_VQ',
    () => {},
  ),
];
