import { scsiCdb, scsiSense, startStopAction } from '../../layout/index.ts';
import type { ScsiCommand } from './command.ts';
import type { DiskUnit } from './disk.ts';
import { flushThen } from './transfers.ts';

/** START STOP UNIT. What is cached is stable before a disk stops; there is nothing to load or to eject. */
export function startStopUnit(disk: DiskUnit, command: ScsiCommand): void {
  const { action } = scsiCdb.startStop;
  const bits = command.cdb[action.offset]!;
  if ((bits & (startStopAction.powerCondition | startStopAction.loadEject)) !== 0) {
    command.check(scsiSense.invalidFieldInCdb, action.offset);
    return;
  }
  const started = (bits & startStopAction.start) !== 0;
  const end = (each: ScsiCommand, ok: boolean) => {
    if (!ok) {
      each.failed(scsiSense.writeError);
      return;
    }
    disk.started = started;
    each.good();
  };
  if (started || (bits & startStopAction.noFlush) !== 0) end(command, true);
  else flushThen(disk, command, end);
}
