import { CampaignError, mergeParts } from '../conformance/device/index.ts';
import { isFound } from '../conformance/report/index.ts';
import { type Command, exitStatus, readOptions, UsageError } from './command.ts';
import { partIn, writeReports } from './conform-files.ts';
import { campaignJson, campaignLines } from './conform-view.ts';
import { lineWidth, print, printJson } from './output.ts';

const help = `Usage: virtiolab conform merge FILE... [--junit FILE] [--html FILE]
                              [--repro FOLDER] [--json]

Puts the parts of a campaign together, which \`conform --shard I/N --out FILE\`
wrote: in any order, some of them twice, or cut where a job was killed. What is
missing is said.

Exit status: 0, 1 when something was found or is missing, or 2 when called wrongly.

Example: eight parts, one report
  virtiolab conform merge part-*.jsonl --html report.html`;

async function run(args: readonly string[]): Promise<number> {
  const split = args.findIndex((arg) => arg.startsWith('-'));
  const files = split < 0 ? args : args.slice(0, split);
  const options = readOptions(split < 0 ? [] : args.slice(split), {
    junit: { type: 'string' },
    html: { type: 'string' },
    repro: { type: 'string' },
  });
  if (options.help === true) {
    print(help);
    return exitStatus.good;
  }
  if (files.length === 0) throw new UsageError("wants files, as in 'conform merge part-*.jsonl'");
  const parts = files.map(partIn);
  for (const { name, torn } of parts)
    if (torn) process.stderr.write(`virtiolab: ${name}: its last line is cut, and left out\n`);
  let campaign: ReturnType<typeof mergeParts>;
  try {
    campaign = mergeParts(parts);
  } catch (error) {
    if (error instanceof CampaignError) throw new UsageError(error.message);
    throw error;
  }
  writeReports(campaign, { junit: options.junit, html: options.html, reproductions: options.repro });
  if (options.json === true) printJson(campaignJson(campaign));
  else print(...campaignLines(campaign, lineWidth()));
  const { results, missing, contradictions } = campaign;
  return results.some(isFound) || missing.length + contradictions.length > 0
    ? exitStatus.failed
    : exitStatus.good;
}

export const merge: Command = { help, run };
