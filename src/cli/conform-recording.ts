import type { Campaign, CampaignResult } from '../conformance/device/index.ts';
import { judgeRecording } from '../conformance/recording/index.ts';
import { isFound } from '../conformance/report/index.ts';
import { formatFunctionAddress } from '../core/index.ts';
import { DumpedFunctions, eventOf, placesOf, readDump, readTrace } from '../trace/index.ts';
import { exitStatus } from './command.ts';
import { type ReportFiles, writeReports } from './conform-files.ts';
import { campaignJson, campaignLines } from './conform-view.ts';
import { lineWidth, print, printJson } from './output.ts';
import { taking } from './trace-files.ts';

export const RECORDING = 'recording:';

/** The file that a target names; null for another target. */
export const recordingIn = (name: string): string | null =>
  name.startsWith(RECORDING) ? name.slice(RECORDING.length) : null;

/**
 * Judges devices by a trace of somebody's accesses. @param dump a file with what `lspci -xxxx` printed on that machine.
 * @returns the exit status. @throws UsageError for files that are none
 */
export function conformRecording(
  file: string,
  dump: string | undefined,
  files: ReportFiles,
  json: boolean,
): number {
  const { accesses } = taking(file, readTrace);
  const listing =
    dump === undefined ? null : taking(dump, (text) => ({ text, functions: new DumpedFunctions(text) }));
  const places =
    listing === null
      ? []
      : placesOf(
          listing.functions,
          listing.functions.functions.map(({ address }) => address),
        );
  const listed =
    listing === null
      ? []
      : readDump(listing.text)
          .filter(({ segment }) => segment === 0)
          .map(({ address, image }) => ({ fn: formatFunctionAddress(address), image }));
  const judged = judgeRecording(
    accesses.map((access) => eventOf(access, places)),
    listed,
  );
  const results = judged.map(
    ({ fn, access, reason, ...result }, item): CampaignResult => ({
      item,
      target: `${RECORDING}${file} ${fn}`,
      setting: 'recorded',
      recovers: null,
      evidence: null,
      ...result,
      reason: access === null ? reason : `access ${access}, line ${accesses[access - 1]!.line} of the file`,
    }),
  );
  const targets = [...new Set(results.map(({ target }) => target))];
  const campaign: Campaign = {
    head: {
      campaign: 'virtiolab conform',
      version: 1,
      suite: 'recording',
      targets,
      items: results.length,
      seed: 0,
      runs: 0,
    },
    results,
    missing: [],
    contradictions: [],
  };
  writeReports(campaign, files);
  if (json) printJson(campaignJson(campaign));
  else print(...campaignLines(campaign, lineWidth()));
  return results.some(isFound) ? exitStatus.failed : exitStatus.good;
}
