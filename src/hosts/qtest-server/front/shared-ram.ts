import { loadSystemCalls } from '../../qtest/system-calls.ts';

/** RAM that is a file, so that whoever else maps it sees the same bytes. @throws QemuUnavailableError */
export async function sharedRam(path: string, bytes: number): Promise<Uint8Array> {
  return (await loadSystemCalls()).mapFile(path, bytes);
}
