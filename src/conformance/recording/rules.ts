import { deviceStatus, feature, NO_VECTOR } from '../../virtio/layout/index.ts';
import type { RegisterAccess } from './registers.ts';

/** What a recording shows of one window of one function. */
export class WindowState {
  /** Written last; null before, and while it is not known. */
  readonly written = new Map<string, number>();
  /** Read last, by register and whatever selects among several. */
  readonly shown = new Map<string, number>();
  selected = {
    queue: null as number | null,
    deviceWord: null as number | null,
    driverWord: null as number | null,
  };
  /** Status was written 0, and nothing else since. */
  resetting = false;
  /** A reset was seen: what the device shows from then on begins anew. */
  begun = false;
}

/** What an access shows to be wrong. */
export interface Wrong {
  readonly clause: string;
  readonly expected: string;
  readonly seen: string;
}

/** Something that registers of a device have to show, whoever drives it. */
export interface RecordingRule {
  /** Unique among checks, too. */
  readonly id: string;
  readonly clauses: readonly string[];
  readonly says: string;
  /** Null where the access is no occasion; `kept`, or what is wrong. The state is that before the access. */
  judge(access: RegisterAccess, state: WindowState): Wrong | 'kept' | null;
}

const hex = (value: number) => `0x${value.toString(16)}`;

const same = (clause: string, what: string, seen: number, wanted: number): Wrong | 'kept' =>
  seen === wanted ? 'kept' : { clause, expected: `${what} = ${hex(wanted)}`, seen: hex(seen) };

const reads = (access: RegisterAccess, register: string, window?: RegisterAccess['window']): boolean =>
  access.operation === 'read' && access.register === register && (window ?? access.window) === access.window;

/** Names of a value that a selector chooses. */
export const queueKey = (register: string, queue: number | null) => `${register} ${queue}`;

const vectorRegisters = ['queueMsixVector', 'configMsixVector'] as const;
const vectorKey = (register: string, { selected }: WindowState) =>
  register === 'queueMsixVector' ? queueKey(register, selected.queue) : register;

/** All rules. What is not known accuses nobody: a recording may begin in the middle. */
export const recordingRules: readonly RecordingRule[] = [
  {
    id: 'recorded-reset',
    clauses: ['BF-RST-01'],
    says: 'after a reset the status reads 0 before the driver goes on',
    judge(access, { resetting, shown }) {
      if (
        !resetting ||
        access.register !== 'deviceStatus' ||
        access.operation !== 'write' ||
        access.value === 0
      )
        return null;
      const last = shown.get('deviceStatus');
      return last === undefined ? null : same('BF-RST-01', 'device status after a reset', last, 0);
    },
  },
  {
    id: 'recorded-status',
    clauses: ['PCI-COM-07', 'LEG-LAY-06'],
    says: 'the status reads as it was written, but for features that are refused and a reset that is asked for',
    judge(access, { written, resetting }) {
      const wrote = written.get('deviceStatus');
      if (!reads(access, 'deviceStatus') || wrote === undefined || resetting) return null;
      const { featuresOk, needsReset, driverOk, suspend } = deviceStatus;
      const free = featuresOk | needsReset | driverOk | suspend;
      const clause = access.window === 'legacy' ? 'LEG-LAY-06' : 'PCI-COM-07';
      const kept = same(clause, 'device status', access.value & ~free, wrote & ~free);
      return kept !== 'kept' || (access.value & ~wrote & (featuresOk | driverOk)) === 0
        ? kept
        : same(clause, 'device status', access.value, wrote);
    },
  },
  {
    id: 'recorded-features',
    clauses: ['BF-FEAT-13'],
    says: 'the same features are offered each time',
    judge(access, { shown, selected }) {
      const legacy = reads(access, 'deviceFeatures', 'legacy');
      if (!legacy && (!reads(access, 'deviceFeature', 'common') || selected.deviceWord === null)) return null;
      const before = shown.get(legacy ? 'deviceFeatures' : queueKey('deviceFeature', selected.deviceWord));
      return before === undefined ? null : same('BF-FEAT-13', 'features offered', access.value, before);
    },
  },
  {
    id: 'recorded-version-1',
    clauses: ['RF-14'],
    says: 'VERSION_1 is offered by the interface of virtio 1.x',
    judge(access, { selected }) {
      if (!reads(access, 'deviceFeature', 'common') || selected.deviceWord !== feature.version1 >> 5)
        return null;
      const offered = (access.value & (1 << (feature.version1 & 31))) !== 0;
      return offered ? 'kept' : { clause: 'RF-14', expected: 'VERSION_1 in word 1', seen: hex(access.value) };
    },
  },
  {
    id: 'recorded-driver-features',
    clauses: ['PCI-COM-04'],
    says: 'features that the driver wrote read back, where they are offered',
    judge(access, { written, shown, selected }) {
      if (!reads(access, 'driverFeature', 'common') || selected.driverWord === null) return null;
      const wrote = written.get(queueKey('driverFeature', selected.driverWord));
      const offered = shown.get(queueKey('deviceFeature', selected.driverWord));
      if (wrote === undefined || offered === undefined) return null;
      return same(
        'PCI-COM-04',
        'driver_feature, of what is offered',
        access.value & offered,
        wrote & offered,
      );
    },
  },
  {
    id: 'recorded-queue-size',
    clauses: ['PCI-COM-14', 'LEG-VQ-03'],
    says: 'the size of a queue is the same each time, until the driver writes another',
    judge(access, { shown, selected, written }) {
      if (!reads(access, 'queueSize') || selected.queue === null) return null;
      const key = queueKey('queueSize', selected.queue);
      const wanted = access.window === 'legacy' ? shown.get(key) : (written.get(key) ?? shown.get(key));
      const clause = access.window === 'legacy' ? 'LEG-VQ-03' : 'PCI-COM-14';
      return wanted === undefined
        ? null
        : same(clause, `size of queue ${selected.queue}`, access.value, wanted);
    },
  },
  {
    id: 'recorded-queue-enable',
    clauses: ['PCI-COM-08'],
    says: 'after a reset no queue is enabled',
    judge(access, { begun, selected, written }) {
      if (!begun || !reads(access, 'queueEnable', 'common') || selected.queue === null) return null;
      if (written.has(queueKey('queueEnable', selected.queue))) return null;
      return same('PCI-COM-08', `queue_enable of queue ${selected.queue} after a reset`, access.value, 0);
    },
  },
  {
    id: 'recorded-vectors',
    clauses: ['PCI-MSIX-06', 'PCI-MSIX-07'],
    says: 'a vector reads as it was written, or 0xffff; and 0xffff after a reset',
    judge(access, state) {
      if (!vectorRegisters.some((register) => reads(access, register))) return null;
      if (access.register === 'queueMsixVector' && state.selected.queue === null) return null;
      const wrote = state.written.get(vectorKey(access.register, state));
      if (wrote === undefined)
        return state.begun
          ? same('PCI-MSIX-07', `${access.register} after a reset`, access.value, NO_VECTOR)
          : null;
      return access.value === NO_VECTOR ? 'kept' : same('PCI-MSIX-06', access.register, access.value, wrote);
    },
  },
];
