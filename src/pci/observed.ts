import {
  type BoundEvent,
  type EventSink,
  type FunctionAddress,
  formatFunctionAddress,
  type Span,
  type Width,
} from '../core/index.ts';

const ENTER: BoundEvent = { kind: 'enter' };
const LEAVE: BoundEvent = { kind: 'leave' };

type Operation = 'read' | 'write';

/** Carries out an access between its bounds. */
export function bounded<T>(sink: EventSink, access: () => T): T {
  sink(ENTER);
  try {
    return access();
  } finally {
    sink(LEAVE);
  }
}

/** Tells of an access to configuration space, of a function of that name. */
export function tellConfig(
  sink: EventSink,
  operation: Operation,
  fn: FunctionAddress,
  name: string,
  offset: number,
  width: Width,
  value: number,
): void {
  const target = `${formatFunctionAddress(fn)} ${name}`;
  const place = { space: 'config', address: offset, target, offset } as const;
  sink({ kind: 'access', operation, width, value, posted: false, ...place });
}

/** Tells of an access to ports or memory, and who answers there. */
export function tellAccess(
  sink: EventSink,
  space: 'io' | 'memory',
  operation: Operation,
  address: number,
  width: Width,
  value: number,
  span: Span | undefined,
  posted = false,
): void {
  const target = span?.name ?? '';
  const offset = address - (span?.base ?? address);
  sink({ kind: 'access', space, operation, address, width, value, target, offset, posted });
}
