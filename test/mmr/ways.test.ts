import { describe, expect, it } from 'vitest';
import { judgeConfig } from '../../src/conformance/config.ts';
import { functionAddress } from '../../src/core/index.ts';
import { ConfigImage, DmaMemory, findFunction } from '../../src/driver/index.ts';
import {
  AlreadyPresentedError,
  equalWayNames,
  isTranslated,
  isVirtual,
  NotPresentableError,
  type OwnedFunction,
  OwnedFunctionError,
  ordinaryWayNames,
  ownWayNames,
  presentLegacy,
  type TranslatedFunction,
  TranslatorError,
  translatedWayNames,
  twoMachines,
  type VirtualWayName,
  type WayName,
  wayNames,
  ways,
} from '../../src/mmr/index.ts';
import { virtioFunction } from '../../src/virtio/index.ts';
import { imageOf } from '../conformance/support.ts';
import { clausesIn, configOf, SLOT, watch } from '../pci/support.ts';
import { configProbe, hostWith } from './support.ts';

describe('the table of ways', () => {
  it('has its names in one order', () => {
    expect(wayNames).toEqual([
      'io-bar',
      'memory-bar',
      'mmr',
      'mmr-virtual',
      'admin',
      'modern-shim',
      'native-mmr',
      'legacy-memory',
      'transitional-memory',
      'modern',
    ]);
    expect(translatedWayNames).toEqual([
      'io-bar',
      'memory-bar',
      'mmr',
      'mmr-virtual',
      'admin',
      'modern-shim',
    ]);
    expect(ownWayNames).toEqual(['io-bar', 'memory-bar', 'mmr', 'modern-shim']);
    expect(equalWayNames).toEqual(['io-bar', 'memory-bar', 'mmr', 'mmr-virtual', 'admin']);
    expect(ordinaryWayNames).toEqual([
      'io-bar',
      'memory-bar',
      'mmr',
      'mmr-virtual',
      'admin',
      'modern-shim',
      'legacy-memory',
      'transitional-memory',
      'modern',
    ]);
  });

  it.each(ownWayNames)('%s: its function is presented so, asked for or where a guest cannot tell', (way) => {
    for (const options of ways[way].equal ? [{}, { way }] : [{ way }]) {
      const { backend } = presentLegacy(hostWith(ways[way].build(configProbe()).pci), SLOT, options);
      expect(backend.name).toBe(way);
    }
  });

  it.each(wayNames.filter(isVirtual))(
    '%s: a guest is given the virtual function, its owner is driven',
    (way) => {
      const { guest, host, functions } = twoMachines(ways[way].build(configProbe()), { way });
      const [{ fn, hosted, presented, hostAddress }] = functions as [TranslatedFunction];
      expect([presented.backend.name, hostAddress, fn.device.behaviour.type.name]).toEqual([
        way === 'admin' ? way : 'mmr',
        functionAddress(0, 4, 1),
        'block',
      ]);
      const { owner } = hosted.made as OwnedFunction;
      expect([owner.device.status, owner.pci.virtualFunctions!.count]).toEqual([15, 1]);
      const [bar] = findFunction(guest, functionAddress(0, 4))!.bars;
      guest.ioWrite(bar!.address + 18, 1, 7);
      expect([guest.ioRead(bar!.address + 18, 1), fn.device.status]).toEqual([7, 7]);
      expect(hosted.adminCommands > 0).toBe(way === 'admin');
      expect(() => hosted.present({ way })).toThrow(AlreadyPresentedError);
      expect(host.functions.get(functionAddress(0, 4))).toBe(owner.pci);
    },
  );

  it("is reached by its owner's commands where these are given, and by nothing else then", () => {
    const { host, functions } = twoMachines(ways.admin.build(configProbe()), { way: 'admin' });
    const [{ hosted, guestAddress, presented }] = functions as [TranslatedFunction];
    expect(guestAddress).toBe(functionAddress(0, 4));
    presented.backend.release();
    const { member } = (hosted.made as OwnedFunction).enabled!;
    const wrong = () => presentLegacy(host, hosted.found, { member: member!, way: 'modern-shim' });
    expect(wrong).toThrow(NotPresentableError);
    expect(presentLegacy(host, hosted.found, { member: member! }).backend.name).toBe('admin');
    const without = () => presentLegacy(host, hosted.found, { way: 'admin' });
    expect(without).toThrow(NotPresentableError);
    expect(without).toThrow("not one for the way 'admin' without the commands of its owner");
  });

  it('is built and enabled once', () => {
    const made = ways.admin.build(configProbe());
    expect(() => made.fn).toThrow(OwnedFunctionError);
    const { host, functions } = twoMachines(made, { way: 'admin' });
    const { domain } = functions[0]!;
    expect(() => made.enable(host, domain, new DmaMemory(host.ram, 0))).toThrow(OwnedFunctionError);
    expect(made.fn).toBe(functions[0]!.fn);
  });

  const others = ownWayNames.flatMap((way) =>
    ownWayNames.filter((each) => ways[each].ids !== ways[way].ids).map((other) => [way, other] as const),
  );
  it.each(others)('%s: the function of %s is refused, and left to who wants it so', (way, other) => {
    const host = hostWith(ways[other].build(configProbe()).pci);
    const wrong = () => presentLegacy(host, SLOT, { way });
    expect(wrong).toThrow(NotPresentableError);
    expect(wrong).toThrow(`not one for the way '${way}'`);
    const { backend } = presentLegacy(host, SLOT, ways[other].equal ? {} : { way: other });
    expect(backend.name).toBe(other);
  });

  it.each(wayNames.filter((name) => !isTranslated(name)))('%s: a driver has its function', (name) => {
    const fn = ways[name].build(configProbe());
    const machine = hostWith(fn.pci);
    const way = ways[name as Exclude<typeof name, (typeof translatedWayNames)[number]>];
    const transport = way.transport(machine, findFunction(machine, SLOT)!);
    transport.setStatus(3);
    const interface_ = name === 'native-mmr' ? name : way.modern ? 'modern' : 'legacy';
    expect([transport.name, transport.modern, fn.device.status]).toEqual([interface_, way.modern, 3]);
  });

  it.each(wayNames.filter((name) => !isVirtual(name)))(
    '%s: its function breaks what is said of it, and says so itself',
    (name) => {
      const fn = ways[name as Exclude<WayName, VirtualWayName>].build(configProbe());
      const machine = hostWith(fn.pci);
      const events = watch(machine);
      configOf(machine).command(7);
      const { breaks } = ways[name];
      expect(clausesIn(events)).toEqual(breaks === null ? [] : [breaks]);
      const image = ConfigImage.of(imageOf(fn.pci, 256));
      expect(judgeConfig(image).findings.map(({ clause }) => clause)).toEqual(clausesIn(events));
    },
  );

  it('takes a legacy function by the kind of its BAR0, and has the other way refused', () => {
    const kinds = {
      legacy: 'io-bar',
      transitional: 'io-bar',
      'legacy-memory': 'memory-bar',
      'transitional-memory': 'memory-bar',
    } as const;
    for (const [kind, way] of Object.entries(kinds)) {
      const host = hostWith(virtioFunction(configProbe(), { kind: kind as keyof typeof kinds }).pci);
      const { backend, pci } = presentLegacy(host, SLOT);
      expect([
        kind,
        backend.name,
        pci.bars.map(({ index, kind, lengthBytes }) => [index, kind, lengthBytes])[0],
      ]).toEqual([kind, way, [0, 'io', way === 'io-bar' ? 32 : 128]]);
      backend.release();
      const other = way === 'io-bar' ? 'memory-bar' : 'io-bar';
      expect(() => presentLegacy(host, SLOT, { way: other })).toThrow(TranslatorError);
    }
  });
});
