import { functionAddress } from '../core/index.ts';
import { Bridge, type BridgeKind, type Machine, type Place } from '../pci/index.ts';

/** Functions of one device, and devices of one bus. */
const DEVICE_FUNCTIONS = 8;
const BUS_DEVICES = 32;

/** Plugs a bridge in. */
const plug = (machine: Machine, kind: BridgeKind, place: Place, slotNumber?: number): Bridge => {
  const bridge = new Bridge({ kind, ...(slotNumber === undefined ? {} : { slotNumber }) });
  machine.plug(bridge, place);
  return bridge;
};

/** The place of each function on a machine, one after another, whose bridges it plugs in on the way. */
type Layout = (machine: Machine) => Generator<Place>;

/** The functions of one device after another, each behind the port that `portFor` plugs in. */
function* devices(portFor: (nth: number) => Bridge): Generator<Place> {
  for (let nth = 0; ; nth++) {
    const behind = portFor(nth);
    for (let fn = 0; fn < DEVICE_FUNCTIONS; fn++) yield { behind, function: fn };
  }
}

/** Where the functions of a machine can stand, by the names that the command line takes. */
export const bridgeLayouts = {
  /** All on the root bus, in function 0 of each device; what is left stands beside the last of them. */
  none: function* () {
    for (let fn = 0; ; fn++)
      for (let nth = 1; nth < BUS_DEVICES; nth++)
        yield functionAddress(0, fn === 0 ? nth : BUS_DEVICES - nth, fn);
  },
  /** Devices of eight functions, each behind a root port. */
  ports: (machine) => devices((nth) => plug(machine, 'root-port', functionAddress(0, nth + 1), nth + 1)),
  /** The same behind the ports of a switch. */
  switch: function* (machine) {
    const root = plug(machine, 'root-port', functionAddress(0, 1));
    const behind = plug(machine, 'upstream-port', { behind: root });
    yield* devices((nth) => plug(machine, 'downstream-port', { behind, device: nth }, nth + 1));
  },
  /** On the buses of two PCI-to-PCI bridges, of which one is behind the other, in turn. */
  pci: function* (machine) {
    const outer = plug(machine, 'pci-to-pci', functionAddress(0, 1));
    const inner = plug(machine, 'pci-to-pci', { behind: outer });
    for (let device = 1; ; device++) for (const behind of [outer, inner]) yield { behind, device };
  },
} as const satisfies Record<string, Layout>;

export type BridgeLayout = keyof typeof bridgeLayouts;
export const layoutNames = Object.keys(bridgeLayouts) as readonly BridgeLayout[];
