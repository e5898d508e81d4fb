import { describe, expect, it, vi } from 'vitest';
import { formatExplanation } from '../../src/conformance/explain/index.ts';
import { OptionError, VirtiolabError } from '../../src/core/index.ts';
import { BlockDriver, EntropyDriver } from '../../src/driver/index.ts';
import { translatedWayNames } from '../../src/mmr/index.ts';
import { UnknownSubjectError } from '../../src/testing/devices.ts';
import { lab, NotWatchedError } from '../../src/testing/lab.ts';
import { lyingDevices, UnknownLieError } from '../../src/testing/lying-devices.ts';
import { kindsOf } from '../../src/testing/subjects.ts';

const pattern = Uint8Array.from({ length: 1024 }, (_, i) => (7 * i + (i >> 8)) & 0xff);

describe('lab', () => {
  it.each(kindsOf('block'))('is ready for a driver: block:%s', async (kind) => {
    const world = lab({ type: 'block', kind, watch: true });
    const driver = new BlockDriver(world.transport(), world.memory());
    await driver.write(3, pattern);
    expect(await driver.read(3, 2)).toEqual(pattern);
    driver.close();
    expect(world.findings().filter(({ level }) => level !== 'note')).toEqual([]);
    expect(world.trace().length).toBeGreaterThan(20);
  });

  it.each(translatedWayNames)('has a guest, a host and the translator by way of %s', async (way) => {
    const world = lab({ type: 'entropy', way });
    expect(world.machines!.guest).toBe(world.machine);
    expect(world.machines!.host).not.toBe(world.machine);
    expect(world.machines!.functions[0]!.fn).toBe(world.fn);
    const driver = new EntropyDriver(world.transport(), world.memory());
    expect((await driver.read(16)).length).toBe(16);
  });

  it('takes the setting that it is asked for', () => {
    const world = lab({ type: 'entropy', setting: 'packed' });
    world.transport().reset();
    expect(world.trace().at(-2)).toBe('write common deviceStatus 0x00  reset');
    expect(lab({ type: 'entropy' }).subject.settings[0]).toBe('legacy');
    expect(lab({ type: 'rtc' }).subject.settings).toEqual(['modern', 'packed']);
  });

  it('tells what happened and why nothing happens, and looking is not part of it', () => {
    const world = lab({ type: 'entropy', kind: 'legacy' });
    expect(world.trace()).toEqual([]);
    const { address } = world.found.bars[0]!;
    world.bus.ioWrite(address + 18, 1, 0);
    world.bus.ioWrite(address + 18, 1, 1);
    const lines = ['write legacy deviceStatus 0x00  reset', 'write legacy deviceStatus 0x01  acknowledge'];
    expect(world.trace()).toEqual(lines);
    expect(formatExplanation(world.explain())).toMatch(/why nothing happens\n {2}! bus mastering is off/);
    expect(world.trace()).toEqual(lines);
    world.bus.ioWrite(address + 18, 1, 3);
    expect(world.trace()).toEqual([...lines, 'write legacy deviceStatus 0x03  acknowledge driver']);
  });

  it('watches from the first access on, and goes on after it was asked', () => {
    const world = lab({ type: 'entropy', kind: 'legacy', watch: true });
    expect(world.findings()).toEqual([]);
    const { address } = world.found.bars[0]!;
    world.bus.ioWrite(address + 18, 1, 4);
    expect(world.findings().length).toBeGreaterThan(0);
  });

  it.each([
    [{ type: 'gpu' }, UnknownSubjectError, /unknown device type 'gpu'; types are network, block/],
    [{ type: 'block', kind: 'old' }, UnknownSubjectError, /unknown kind 'old' of block functions/],
    [{ type: 'block', way: 'sideways' }, UnknownSubjectError, /unknown kind 'via-sideways'/],
    [{ type: 'block', kind: 'legacy', setting: 'packed' }, UnknownSubjectError, /settings are legacy$/],
    [{ type: 'block', lie: 'white' }, UnknownLieError, /unknown lie 'white'; lies are used-length-wrong, /],
    [{ type: 'block', kind: 'legacy', way: 'mmr' }, OptionError, /kind is 'legacy'/],
  ])('refuses %j', (options, error, message) => {
    const make = () => lab(options as Parameters<typeof lab>[0]);
    expect(make).toThrow(error);
    expect(make).toThrow(message);
  });

  it('has no findings without a watch', () => {
    expect(() => lab({ type: 'block' }).findings()).toThrow(NotWatchedError);
  });
});

/** What became of a driver: what it read, or the error that it ended with. */
async function ending(run: () => Promise<Uint8Array>): Promise<Uint8Array | Error> {
  try {
    return await run();
  } catch (error) {
    return error as Error;
  }
}

const of = (end: Uint8Array | Error) => (end instanceof Error ? end.name : 'the data');

/** How a block and an entropy driver end: of a legacy device's used length only as much is believed as can be (LEG-USED-01). */
const endings: Readonly<Record<string, readonly [block: string, entropy: string]>> = {
  'used-length-wrong legacy': ['the data', 'the data'],
  'used-length-wrong': ['UnansweredError', 'UnansweredError'],
  'used-length-zero legacy': ['the data', 'DeviceFailedError'],
  'used-length-zero': ['UnansweredError', 'DeviceFailedError'],
  'used-id-unknown': ['RingBrokenError', 'RingBrokenError'],
  'used-twice': ['RingBrokenError', 'RingBrokenError'],
  'never-answers': ['NoAnswerError', 'NoAnswerError'],
  'answers-late': ['the data', 'the data'],
  'needs-reset-midway': ['DeviceFailedError', 'DeviceFailedError'],
  'resets-itself': ['NoAnswerError', 'NoAnswerError'],
  'interrupts-without-reason': ['the data', 'the data'],
  'never-interrupts': ['NoAnswerError', 'NoAnswerError'],
  'queue-absent': ['NoDeviceError', 'NoDeviceError'],
};

describe.each(lyingDevices.map(({ name }) => name))('drivers and a device that lies: %s', (lie) => {
  it.each(['legacy', 'modern', 'packed'] as const)(
    'end with an error or the right data, %s',
    async (setting) => {
      const block = await ending(async () => {
        const world = lab({ type: 'block', lie, setting });
        const driver = new BlockDriver(world.transport(), world.memory());
        for (let i = 0; i < 4; i++) await driver.write(2 * i, pattern);
        return driver.read(4, 2);
      });
      const entropy = await ending(async () => {
        const world = lab({ type: 'entropy', lie, setting });
        const driver = new EntropyDriver(world.transport(), world.memory());
        for (let i = 0; i < 4; i++) await driver.read(16);
        return driver.read(16);
      });
      for (const end of [block, entropy])
        if (end instanceof Error) expect(end).toBeInstanceOf(VirtiolabError);
      expect([of(block), of(entropy)]).toEqual(endings[`${lie} ${setting}`] ?? endings[lie]);
      if (!(block instanceof Error)) expect(block).toEqual(pattern);
      if (!(entropy instanceof Error)) expect(entropy.length).toBe(16);
    },
  );
});

describe('lies that a driver makes right', () => {
  /** Pauses of the driver, and interrupts that it got, in one read. */
  async function costs(lie?: string): Promise<{ pauses: number; interrupts: number }> {
    const world = lab({ type: 'entropy', ...(lie === undefined ? {} : { lie }) });
    const driver = new EntropyDriver(world.transport(), world.memory());
    const pause = vi.spyOn(world.subject.target.bus, 'pause');
    await driver.read(16);
    const interrupts = world.trace().filter((line) => /^(line|message) /.test(line)).length;
    return { pauses: pause.mock.calls.length, interrupts };
  }

  it('are told all the same', async () => {
    const honest = await costs();
    expect(honest.interrupts).toBe(1);
    expect((await costs('answers-late')).pauses).toBeGreaterThanOrEqual(8 + honest.pauses);
    expect((await costs('interrupts-without-reason')).interrupts).toBeGreaterThan(1);
  });
});
