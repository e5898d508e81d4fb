import type { LabEvent } from '../../../src/core/index.ts';

/** Something that a driver or a device does wrong; it gives the events, those of before left out where they tell nothing. */
export interface Scenario {
  readonly name: string;
  run(): readonly LabEvent[];
}

/** What has events: a guest of the tests, or anything made around one. */
interface Watched {
  readonly events: LabEvent[];
}

export const scenario = (name: string, run: () => readonly LabEvent[]): Scenario => ({ name, run });

/** Only what happens in `body` counts. */
export function during(guest: Watched, body: () => void): readonly LabEvent[] {
  guest.events.length = 0;
  body();
  return guest.events;
}
