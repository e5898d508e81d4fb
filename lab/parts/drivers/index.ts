import type { Driven, OpenDriver } from './driven.ts';
import { balloon, console, entropy, network, p9, rtc, vsock } from './others.ts';
import { block, scsi } from './storage.ts';

export type { Driven, OpenDriver } from './driven.ts';

/** The table's drivers differ in type; each is only ever given what it opened itself. */
const row = <D extends OpenDriver>(driven: Driven<D>) => driven as unknown as Driven<OpenDriver>;

/** By the name of the sample device. */
export const drivenTypes: Readonly<Record<string, Driven<OpenDriver>>> = {
  block: row(block),
  network: row(network),
  console: row(console),
  entropy: row(entropy),
  balloon: row(balloon),
  scsi: row(scsi),
  p9: row(p9),
  rtc: row(rtc),
  vsock: row(vsock),
};
