import { type Bus, functionAddress, type Width } from '../../core/index.ts';
import { type0Header } from '../../pci/layout/index.ts';

/** The board's south bridge, whose registers say which line each of its four wires reaches. */
export const SOUTH_BRIDGE = functionAddress(0, 1);
export const WIRE_REGISTERS = 0x60;
export const WIRES = 4;
/** Lines of the four wires, shared by all functions whose pin reaches that wire. */
const LINES = [11, 10, 9, 5] as const;
const DEVICES = 32;
const NO_FUNCTION = 0xffff;

/** The wire that pin 1..4 of a device reaches: each device is turned by one. */
export const wireOf = (device: number, pin: number) => (device + pin - 2) & 3;

/** What firmware does on this board, and on no other: wires lines, and tells functions which is theirs. */
export function routePins(bus: Bus): void {
  for (const [wire, line] of LINES.entries()) bus.configWrite(SOUTH_BRIDGE, WIRE_REGISTERS + wire, 1, line);
  const { vendorId, interruptPin, interruptLine } = type0Header;
  for (let device = 0; device < DEVICES; device++)
    for (let fn = 0; fn < 8; fn++) {
      const address = functionAddress(0, device, fn);
      if (bus.configRead(address, vendorId.offset, vendorId.width as Width) === NO_FUNCTION) {
        if (fn === 0) break;
        continue;
      }
      const pin = bus.configRead(address, interruptPin.offset, 1);
      if (pin >= 1 && pin <= 4)
        bus.configWrite(address, interruptLine.offset, 1, LINES[wireOf(device, pin)]!);
    }
}
