import type { Register } from '../../core/index.ts';
import { type0Header } from '../../pci/layout/index.ts';
import type { ConsoleDevice, VirtioFunction } from '../../virtio/index.ts';
import {
  CONSOLE_CONTROL_BYTES,
  commonConfig,
  consoleConfig,
  consoleControl,
  consoleEvent,
  consoleQueue,
  MODERN_DEVICE_ID_BASE,
} from '../../virtio/layout/index.ts';
import { type BusLies, type DeviceMutant, touches } from './mutant.ts';
import { beforeCompletion, configOffset, readsBackwards, swapped, writtenOf } from './tricks.ts';

/** Devices of entropy and 9P that are wrong. */
export const entropyMutants: readonly DeviceMutant[] = [
  {
    name: 'entropy-gives-nothing',
    breaks: ['RNG-03'],
    says: 'buffers come back empty',
    device: (fn) => beforeCompletion(fn, () => 0),
  },
  {
    name: 'entropy-promises-more',
    breaks: ['RNG-04'],
    says: 'the used length says more than was written',
    device: (fn) =>
      beforeCompletion(fn, (chain, length) => {
        const half = length >> 1;
        chain.write(half, new Uint8Array(length - half).fill(0xa5), 0, length - half);
      }),
  },
];

const config = 'config';

/** An id of configuration space reads as another. */
const idLie = (register: Register, lie: number) => (): BusLies => ({
  read: (access, value) =>
    touches(access, config, register) && access.width === register.width ? lie : value,
});

export const p9Mutants: readonly DeviceMutant[] = [
  {
    name: 'p9-with-another-modern-id',
    breaks: ['P9-01'],
    says: 'the device id is that of virtio type 10',
    type: 'p9',
    kind: 'modern',
    bus: idLie(type0Header.deviceId, MODERN_DEVICE_ID_BASE + 10),
  },
  {
    name: 'p9-with-another-subsystem-id',
    breaks: ['P9-02'],
    says: 'the subsystem id is not that of the type',
    type: 'p9',
    bus: idLie(type0Header.subsystemId, 10),
  },
];

/** Puts other values into messages of a kind that the device sends. */
const editMessages =
  (event: number, edit: (message: DataView) => void) =>
  (fn: VirtioFunction): void =>
    beforeCompletion(fn, (chain, length) => {
      if (chain.queue !== consoleQueue.controlReceive || length < CONSOLE_CONTROL_BYTES) return undefined;
      const bytes = writtenOf(fn, chain);
      const view = new DataView(bytes.buffer);
      if (view.getUint16(consoleControl.event.offset, true) !== event) return undefined;
      edit(view);
      chain.write(0, bytes, 0, bytes.length);
      return undefined;
    });

const setPort = (port: number) => (message: DataView) =>
  message.setUint32(consoleControl.port.offset, port, true);

export const consoleMutants: readonly DeviceMutant[] = [
  {
    name: 'console-breaks-at-emergency',
    breaks: ['CON-02'],
    says: 'an emergency write before the driver is there breaks the device',
    type: 'console',
    device: ({ device }, { behaviour }) =>
      (behaviour as ConsoleDevice).config.onWrite('emergencyWrite', () => device.statusRegister.fail()),
  },
  {
    name: 'console-deaf-to-emergency',
    breaks: ['CON-03'],
    says: 'emergency writes go nowhere',
    type: 'console',
    device: (_, { behaviour }) => (behaviour as ConsoleDevice).config.onWrite('emergencyWrite', () => {}),
  },
  {
    name: 'console-size-big-endian',
    breaks: ['LEG-CON-01'],
    says: 'the size is big-endian for legacy drivers',
    type: 'console',
    setting: 'legacy',
    bus: () => ({
      read: (access, value) => {
        const at = configOffset(access);
        return access.width === 2 && at >= 0 && at < consoleConfig.maxPorts.offset
          ? swapped(value, 2)
          : value;
      },
    }),
  },
  {
    name: 'console-reads-backwards',
    breaks: ['LEG-CON-02'],
    says: 'a little-endian legacy driver is taken for a big-endian one',
    type: 'console',
    setting: 'legacy',
    device: readsBackwards,
  },
  {
    name: 'console-adds-a-port-too-many',
    breaks: ['CON-06'],
    says: 'a port is added whose number is max_nr_ports',
    type: 'console',
    device(fn, { behaviour }) {
      const ports = (behaviour as ConsoleDevice).config.get('maxPorts');
      editMessages(consoleEvent.deviceAdd, setPort(ports))(fn);
    },
  },
  {
    name: 'console-removes-another-port',
    breaks: ['CON-07'],
    says: 'a port is removed that was never there',
    type: 'console',
    device: editMessages(consoleEvent.deviceRemove, setPort(3)),
  },
  {
    name: 'console-port-without-queues',
    breaks: ['CON-01'],
    says: 'a port is added whose queues are none',
    type: 'console',
    setting: 'modern',
    bus() {
      let selected = 0;
      return {
        write(access, value) {
          if (touches(access, 'common', commonConfig.queueSelect)) selected = value;
          return value;
        },
        read: (access, value) =>
          touches(access, 'common', commonConfig.queueSize) && selected > consoleQueue.controlTransmit
            ? 0
            : value,
      };
    },
  },
  {
    name: 'console-nominates-no-port',
    breaks: ['CON-05'],
    says: 'a port is nominated as console that was not added',
    type: 'console',
    device: editMessages(consoleEvent.consolePort, setPort(3)),
  },
];
