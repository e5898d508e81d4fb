import { describe, expect, it } from 'vitest';
import { clauses } from '../../../src/conformance/catalogue/index.ts';
import { explain, formatExplanation, reasonTable } from '../../../src/conformance/explain/index.ts';
import { getStuck, StuckCaseError, stuckCases, stuckSettings } from '../../../src/testing/stuck/index.ts';
import { kindsOf, openSubject, type SubjectKind } from '../../../src/testing/subjects.ts';

/** The kinds between which explain has to tell: each reads registers or memory in a way of its own. */
const kinds: readonly SubjectKind[] = ['transitional', 'modern', 'mmr', 'via-mmr', 'transitional-memory'];

/** Reasons that no function in this process can show: what they need is told by its test. */
const ELSEWHERE = ['chain-too-long', 'never-kicked'];

describe('explain names the reason', () => {
  const rows = stuckCases.flatMap((each) =>
    kinds.flatMap((kind) => {
      const type = each.types?.[0] ?? 'block';
      return kindsOf(type).includes(kind)
        ? stuckSettings(each, type, kind).map((setting) => [each.reason, type, kind, setting, each] as const)
        : [];
    }),
  );

  it.each(rows)('%s (%s %s, %s)', (reason, type, kind, setting, each) => {
    const { reasons } = getStuck(each, type, kind, setting).explain();
    const ids = reasons.map(({ id }) => id);
    if (each.later === true) expect(ids).toContain(reason);
    else expect(ids[0]).toBe(reason);
  });

  it.each([
    ['network', /frame of 60 bytes to ff:ff:ff:ff:ff:ff, type 0x88b5/],
    ['console', /3 bytes of output: "ok/],
    ['entropy', /16 random bytes/],
    ['balloon', /inflate 1 page, the first at 0x[0-9a-f]+000/],
    ['scsi', /testUnitReady to target 0, 108 bytes back/],
    ['p9', /Tversion, tag 65535/],
    ['rtc', /the next: config/],
    ['vsock', /reset from 3:0 to 2:0, 0 bytes/],
  ])('kick-missing of a %s device, and says what was asked for', (type, words) => {
    const each = stuckCases.find(({ reason }) => reason === 'kick-missing')!;
    const [first] = getStuck(each, type).explain().reasons;
    expect(first!.id).toBe('kick-missing');
    expect(first!.says).toMatch(words);
  });

  it('and every reason has a way to get into it', () => {
    const shown = new Set([...stuckCases.map(({ reason }) => reason), ...ELSEWHERE]);
    expect(reasonTable.map(({ id }) => id).filter((id) => !shown.has(id))).toEqual([]);
  });

  it('and cites clauses that there are', () => {
    for (const { clause } of reasonTable) if (clause !== null) expect(clauses.has(clause), clause).toBe(true);
  });

  it('and refuses a case that a type cannot be in', () => {
    const each = stuckCases.find(({ reason }) => reason === 'features-dependency')!;
    expect(() => getStuck(each, 'block')).toThrow(StuckCaseError);
  });
});

describe('looking at a function', () => {
  it('changes nothing that can be read afterwards', () => {
    for (const kind of kinds) {
      const { target, draft } = openSubject('network', kind);
      const accesses: string[] = [];
      const { bus } = target;
      const quiet = new Proxy(bus, {
        get(_, name) {
          const value = Reflect.get(bus, name, bus);
          if (typeof value !== 'function') return value;
          return (...args: number[]) => {
            const result = Reflect.apply(value, bus, args);
            if (String(name).endsWith('Write')) accesses.push(`${String(name)} ${args.join(' ')}`);
            return result;
          };
        },
      });
      const options = draft === undefined ? {} : { draft };
      const first = explain(quiet, target.fn, options);
      const second = explain(bus, target.fn, options);
      expect({ ...second, effects: [] }).toEqual({ ...first, effects: [] });
      // Selectors alone are written, each back to what it was: 0 here.
      expect(accesses.filter((each) => each.startsWith('config'))).toEqual([]);
      expect(accesses.at(-1)).toMatch(/ 0$/);
    }
  });

  it('leaves the interrupt pending', () => {
    const each = stuckCases.find(({ reason }) => reason === 'line-unserved')!;
    const stage = getStuck(each, 'block');
    expect(stage.explain().reasons[0]!.id).toBe('line-unserved');
    expect(stage.explain().reasons[0]!.id).toBe('line-unserved');
    expect(stage.bench.registers.isr()).toBe(1);
  });

  it('is told in a text that begins with the reasons', () => {
    const each = stuckCases.find(({ reason }) => reason === 'kick-missing')!;
    const [title, first, ...rest] = formatExplanation(
      getStuck(each, 'block', 'transitional', 'modern').explain(),
    ).split('\n');
    expect(title).toBe('00:04.0 virtio-blk, modern interface: why nothing happens');
    expect(first).toMatch(/^ {2}\? queue 0 \(requests 0\): 1 chain waits .*\[SPL-ANS-04\]$/);
    const seen = rest.join('\n');
    expect(seen).toMatch(/^ {2}status 0xf ACKNOWLEDGE DRIVER DRIVER_OK FEATURES_OK$/m);
    expect(seen).toMatch(/^ {4}split ring: available index 1, used index 0; the device wants kicks/m);
    expect(seen).toMatch(
      /^ {4}chain 0 \(at 0\): R 0x[0-9a-f]+\+16, W 0x[0-9a-f]+\+513 {2}read sector 0, 1 sector$/m,
    );
  });
});
