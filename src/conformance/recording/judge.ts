import type { AccessEvent } from '../../core/index.ts';
import type { ConfigImage } from '../../driver/index.ts';
import { configClauses } from '../config/clauses.ts';
import { judgeConfig } from '../config/judge.ts';
import type { Outcome } from '../device/index.ts';
import { type RegisterAccess, registerAccess } from './registers.ts';
import { queueKey, recordingRules, WindowState, type Wrong } from './rules.ts';

/** What a recording shows of a device, by one rule. */
export interface RecordingResult {
  /** The function, as `00:04.0`. */
  readonly fn: string;
  readonly check: string;
  readonly clauses: readonly string[];
  readonly says: string;
  readonly outcome: Extract<Outcome, 'PASS' | 'FAIL' | 'SKIP'>;
  readonly clause: string | null;
  readonly expected: string | null;
  readonly seen: string | null;
  readonly reason: string | null;
  /** The first access that shows it, from 1 on; null where there is none. */
  readonly access: number | null;
}

/** A function whose configuration space was listed. */
export interface ListedFunction {
  readonly fn: string;
  readonly image: ConfigImage;
}

const NOTHING = { clause: null, expected: null, seen: null, reason: null, access: null } as const;

/** Goes on from an access to what is known after it. */
function follow(access: RegisterAccess, state: WindowState): void {
  const { register, operation, value } = access;
  const { selected, written, shown } = state;
  if (operation === 'read') {
    if (register === 'deviceFeature') shown.set(queueKey(register, selected.deviceWord), value);
    else if (register === 'queueSize') shown.set(queueKey(register, selected.queue), value);
    else shown.set(register, value);
    return;
  }
  if (register === 'queueSelect') selected.queue = value;
  else if (register === 'deviceFeatureSelect') selected.deviceWord = value;
  else if (register === 'driverFeatureSelect') selected.driverWord = value;
  else if (register === 'driverFeature') written.set(queueKey(register, selected.driverWord), value);
  else if (register === 'queueSize' || register === 'queueEnable' || register === 'queueMsixVector')
    written.set(queueKey(register, selected.queue), value);
  else written.set(register, value);
  if (register !== 'deviceStatus') return;
  state.resetting = value === 0;
  if (value !== 0) return;
  state.begun = true;
  written.clear();
  shown.delete('deviceStatus');
}

/** What was found out by a rule on a function so far. */
interface Found {
  occasions: number;
  wrong: (Wrong & { readonly access: number }) | null;
}

function configResult({ fn, image }: ListedFunction): RecordingResult {
  const { findings } = judgeConfig(image);
  const first = findings.find(({ level }) => level.startsWith('MUST')) ?? findings[0];
  return {
    ...NOTHING,
    fn,
    check: 'recorded-configuration',
    clauses: configClauses,
    says: 'the configuration space is as its clauses ask for',
    outcome: first === undefined ? 'PASS' : 'FAIL',
    ...(first === undefined
      ? {}
      : {
          clause: first.clause,
          expected: 'a configuration space as the clause asks for',
          seen: `${first.message}, at 0x${first.offset.toString(16)}`,
        }),
  };
}

/**
 * Judges devices by what a recording shows of their registers, whoever drove them, and by a listing of their configuration
 * spaces. A rule for which there was no occasion is a SKIP. Never throws.
 * @param accesses as buses and taps tell them, with their places
 */
export function judgeRecording(
  accesses: Iterable<AccessEvent>,
  listed: readonly ListedFunction[] = [],
): RecordingResult[] {
  const windows = new Map<string, WindowState>();
  const found = new Map<string, Map<string, Found>>();
  for (const { fn } of listed) found.set(fn, new Map());
  let number = 0;
  for (const event of accesses) {
    const access = registerAccess(event, ++number);
    if (access === null) continue;
    const key = `${access.fn} ${access.window}`;
    const state = windows.get(key) ?? new WindowState();
    windows.set(key, state);
    const own = found.get(access.fn) ?? new Map<string, Found>();
    found.set(access.fn, own);
    for (const rule of recordingRules) {
      const verdict = rule.judge(access, state);
      if (verdict === null) continue;
      const so = own.get(rule.id) ?? { occasions: 0, wrong: null };
      own.set(rule.id, so);
      so.occasions++;
      if (verdict !== 'kept') so.wrong ??= { ...verdict, access: access.number };
    }
    follow(access, state);
  }
  const results = listed.map(configResult);
  for (const [fn, own] of found)
    for (const { id, clauses, says } of recordingRules) {
      const so = own.get(id);
      const base = { ...NOTHING, fn, check: id, clauses, says };
      if (so === undefined)
        results.push({ ...base, outcome: 'SKIP', reason: 'the recording shows no occasion' });
      else if (so.wrong === null) results.push({ ...base, outcome: 'PASS' });
      else results.push({ ...base, outcome: 'FAIL', ...so.wrong });
    }
  return results;
}
