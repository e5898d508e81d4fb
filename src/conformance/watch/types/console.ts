import { consoleControl, consoleEvent, consoleFeature, consoleQueue } from '../../../virtio/layout/index.ts';
import type { FunctionModel } from '../model/function-model.ts';
import type { TypeFollower } from './follower.ts';

/** What a console's driver and device have told each other. */
export interface ConsoleNotes {
  /** The driver said that it is ready. */
  ready: boolean;
  /** Ports that the device made consoles of, and that the driver has not opened yet. */
  readonly unopened: Set<number>;
  /** Where buffers of the control queue are, by head. */
  readonly buffers: Map<number, number>;
}

export const consoleNotes = (fn: FunctionModel): ConsoleNotes => {
  fn.notes ??= { ready: false, unopened: new Set(), buffers: new Map() };
  return fn.notes as ConsoleNotes;
};

export const consoleFollower: TypeFollower = {
  chain({ fn, chain }, queue) {
    if (!fn.has(consoleFeature.multiport)) return;
    if (queue.index === consoleQueue.controlReceive)
      consoleNotes(fn).buffers.set(chain.head, chain.at(0, true));
    if (queue.index !== consoleQueue.controlTransmit) return;
    const event = chain.u16(consoleControl.event.offset);
    if (event === consoleEvent.deviceReady) consoleNotes(fn).ready = true;
    if (event === consoleEvent.portOpen && chain.u16(consoleControl.value.offset) === 1)
      consoleNotes(fn).unopened.delete(chain.u32(consoleControl.port.offset));
  },
  used({ fn, chain }, queue, head) {
    if (queue.index !== consoleQueue.controlReceive || !fn.has(consoleFeature.multiport)) return;
    const at = consoleNotes(fn).buffers.get(head) ?? -1;
    if (at < 0 || queue.ring === null) return;
    const { little } = queue.ring;
    if (chain.memory.u16(at + consoleControl.event.offset, little) === consoleEvent.consolePort)
      consoleNotes(fn).unopened.add(chain.memory.u32(at + consoleControl.port.offset, little));
  },
};
