import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { UsageError } from './command.ts';
import type { DeviceDemo } from './demos/device-demo.ts';

const isDemo = (value: unknown): value is DeviceDemo => {
  const { type, sample, visit } = (value ?? {}) as Partial<DeviceDemo>;
  return typeof type?.name === 'string' && typeof sample === 'function' && typeof visit === 'function';
};

/**
 * Device types from outside: what a module exports that is a `DeviceDemo`.
 * @throws UsageError for a file that cannot be loaded or has none.
 */
export async function outsideTypes(file: string): Promise<readonly DeviceDemo[]> {
  const exported = await import(pathToFileURL(resolve(file)).href).catch((error: Error) => {
    throw new UsageError(`'${file}' cannot be loaded: ${error.message.split('\n')[0]}`);
  });
  const demos = Object.values(exported).filter(isDemo);
  if (demos.length === 0)
    throw new UsageError(`'${file}' has no device type; wants a module that exports a DeviceDemo`);
  return demos;
}
