import { type Bus, formatFunctionAddress } from '../core/index.ts';
import { type FoundBus, findBuses } from '../driver/index.ts';
import { hexText } from './text.ts';

/** Puts what may be several lines behind a text, and spaces before all but the first. */
const behind = (text: string, rest: string, lines: readonly string[]) =>
  lines.map((line, i) => (i === 0 ? text : rest) + line);

/** What stands side by side, each of several lines, drawn as branches of one stem. */
function branches(each: readonly (readonly string[])[]): string[] {
  const last = each.length - 1;
  return each.flatMap((lines, i) => (i === last ? behind('\\-', '  ', lines) : behind('+-', '| ', lines)));
}

/** A bus, as the pciutils draw it: one function goes on in the line, several are branches. */
function busLines({ functions, bridges }: FoundBus): string[] {
  const leads = new Map(bridges.map(({ fn, behind: bus }) => [fn.address, bus]));
  const each = functions.map(({ address, bridge }) => {
    const place = `${hexText((address >> 3) & 31, 2)}.${address & 7}`;
    const bus = leads.get(address);
    if (bus === undefined || bridge === null) return [place];
    const [first, last] = [hexText(bridge.secondaryBus, 2), hexText(bridge.subordinateBus, 2)];
    const text = `${place}-[${first === last ? first : `${first}-${last}`}]--`;
    return behind(text, ' '.repeat(text.length), busLines(bus));
  });
  if (each.length === 0) return [''];
  return each.length === 1 ? behind('--', '  ', each[0]!) : branches(each);
}

interface BusJson {
  readonly bus: string;
  readonly functions: readonly { readonly address: string; readonly behind: BusJson | null }[];
}

/** A bus as plain data. */
function busJson({ number, functions, bridges }: FoundBus): BusJson {
  const leads = new Map(bridges.map(({ fn, behind: bus }) => [fn.address, bus]));
  return {
    bus: hexText(number & 0xff, 2),
    functions: functions.map(({ address }) => {
      const bus = leads.get(address);
      return { address: formatFunctionAddress(address), behind: bus === undefined ? null : busJson(bus) };
    }),
  };
}

/** The tree of a machine's buses as plain data. */
export const treeJson = (bus: Bus): object => busJson(findBuses(bus));

/** The tree of a machine's buses in the format of `lspci -t`. */
export function treeLines(bus: Bus): string[] {
  const text = '-[0000:00]-';
  return behind(text, ' '.repeat(text.length), busLines(findBuses(bus)));
}
