import type { DeskCalls } from '../desk-protocol.ts';
import { notice } from './state.ts';
import { WorkerClient } from './worker-client.ts';

let client: WorkerClient<DeskCalls> | null = null;

function desk(): WorkerClient<DeskCalls> {
  const worker = new Worker(new URL('../desk/main.ts', import.meta.url), { type: 'module' });
  const failed = (message: string) => {
    client = null;
    notice(`Reading drafts and files failed: ${message}. The next try begins anew.`);
  };
  return new WorkerClient<DeskCalls>(worker, () => {}, failed);
}

/** Asks the second worker, which is loaded when it is asked first. @throws Error with its words */
export function ask<Name extends keyof DeskCalls>(
  name: Name,
  given: DeskCalls[Name]['given'],
): Promise<DeskCalls[Name]['answer']> {
  client ??= desk();
  return client.call(name, given);
}
