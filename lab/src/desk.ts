import { signal } from '@preact/signals';
import type { DeskCalls, DeskNews } from '../desk-protocol.ts';
import { notice } from './state.ts';
import { WorkerClient } from './worker-client.ts';

/** How far a long file is read; null while none is. */
export const progress = signal<DeskNews | null>(null);

let client: WorkerClient<DeskCalls, DeskNews> | null = null;

function desk(): WorkerClient<DeskCalls, DeskNews> {
  const worker = new Worker(new URL('../desk/main.ts', import.meta.url), { type: 'module' });
  const failed = (message: string) => {
    client = null;
    notice(`Reading drafts and files failed: ${message}. The next try begins anew.`);
  };
  const onNews = (news: DeskNews) => {
    progress.value = news;
  };
  return new WorkerClient<DeskCalls, DeskNews>(worker, onNews, failed);
}

/** Asks the second worker, which is loaded when it is asked first. @throws Error with its words */
export function ask<Name extends keyof DeskCalls>(
  name: Name,
  given: DeskCalls[Name]['given'],
): Promise<DeskCalls[Name]['answer']> {
  client ??= desk();
  return client.call(name, given);
}
