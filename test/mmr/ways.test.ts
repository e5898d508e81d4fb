import { describe, expect, it } from 'vitest';
import { judgeConfig } from '../../src/conformance/config.ts';
import { ConfigImage, findFunction } from '../../src/driver/index.ts';
import {
  equalWayNames,
  isTranslated,
  NotPresentableError,
  ordinaryWayNames,
  presentLegacy,
  TranslatorError,
  translatedWayNames,
  wayNames,
  ways,
} from '../../src/mmr/index.ts';
import { imageOf } from '../conformance/support.ts';
import { clausesIn, configOf, SLOT, watch } from '../pci/support.ts';
import { configProbe, hostWith } from './support.ts';

describe('the table of ways', () => {
  it('has its names in one order', () => {
    expect(wayNames).toEqual([
      'io-bar',
      'mmr',
      'modern-shim',
      'native-mmr',
      'legacy-memory',
      'transitional-memory',
      'modern',
    ]);
    expect(translatedWayNames).toEqual(['io-bar', 'mmr', 'modern-shim']);
    expect(equalWayNames).toEqual(['io-bar', 'mmr']);
    expect(ordinaryWayNames).toEqual([
      'io-bar',
      'mmr',
      'modern-shim',
      'legacy-memory',
      'transitional-memory',
      'modern',
    ]);
  });

  it.each(translatedWayNames)(
    '%s: its function is presented so, asked for or where a guest cannot tell',
    (way) => {
      for (const options of ways[way].equal ? [{}, { way }] : [{ way }]) {
        const { backend } = presentLegacy(hostWith(ways[way].build(configProbe()).pci), SLOT, options);
        expect(backend.name).toBe(way);
      }
    },
  );

  const others = translatedWayNames.flatMap((way) =>
    translatedWayNames
      .filter((each) => ways[each].ids !== ways[way].ids)
      .map((other) => [way, other] as const),
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

  it.each(wayNames)('%s: its function breaks what is said of it, and says so itself', (name) => {
    const fn = ways[name].build(configProbe());
    const machine = hostWith(fn.pci);
    const events = watch(machine);
    configOf(machine).command(7);
    const { breaks } = ways[name];
    expect(clausesIn(events)).toEqual(breaks === null ? [] : [breaks]);
    const image = ConfigImage.of(imageOf(fn.pci, 256));
    expect(judgeConfig(image).findings.map(({ clause }) => clause)).toEqual(clausesIn(events));
  });

  it('translates no block that stands in the memory BAR of a legacy function', () => {
    for (const kind of ['legacy-memory', 'transitional-memory'] as const) {
      const host = hostWith(ways[kind].build(configProbe()).pci);
      expect(() => presentLegacy(host, SLOT)).toThrow(TranslatorError);
    }
  });
});
