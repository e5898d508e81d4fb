import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type Campaign,
  CampaignError,
  type CampaignHead,
  type CampaignPart,
  type CampaignResult,
  readPart,
} from '../conformance/device/index.ts';
import {
  cReproduction,
  isFound,
  junitText,
  pageText,
  testReproduction,
} from '../conformance/report/index.ts';
import { CommandError, UsageError } from './command.ts';

const why = (error: unknown) => (error as Error).message;

export function writeText(what: string, file: string, text: string): void {
  try {
    writeFileSync(file, text);
  } catch (error) {
    throw new CommandError(`${what} ${file}: ${why(error)}`);
  }
}

/** @throws UsageError for what cannot be read, or is no part. */
export function partIn(file: string): CampaignPart {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new UsageError(`part ${file}: ${why(error)}`);
  }
  try {
    return readPart(file, text);
  } catch (error) {
    if (error instanceof CampaignError) throw new UsageError(error.message);
    throw error;
  }
}

/** A part of a campaign on its way into a file: each result is there as soon as it is known. */
export class PartFile {
  readonly #file: string | undefined;

  /** @param before what stands in the file already, to go on from. @throws CommandError */
  constructor(file: string | undefined, head: CampaignHead, before: readonly CampaignResult[]) {
    this.#file = file;
    if (file !== undefined)
      writeText('part', file, [head, ...before].map((each) => `${JSON.stringify(each)}\n`).join(''));
  }

  add(result: CampaignResult): void {
    if (this.#file === undefined) return;
    try {
      appendFileSync(this.#file, `${JSON.stringify(result)}\n`);
    } catch (error) {
      throw new CommandError(`part ${this.#file}: ${why(error)}`);
    }
  }
}

export interface ReportFiles {
  readonly junit?: string | undefined;
  readonly html?: string | undefined;
  readonly reproductions?: string | undefined;
}

/** Writes what was asked for. @throws CommandError */
export function writeReports(campaign: Campaign, { junit, html, reproductions }: ReportFiles): void {
  if (junit !== undefined) writeText('report', junit, junitText(campaign));
  if (html !== undefined) writeText('report', html, pageText(campaign));
  if (reproductions === undefined) return;
  try {
    mkdirSync(reproductions, { recursive: true });
  } catch (error) {
    throw new CommandError(`folder ${reproductions}: ${why(error)}`);
  }
  for (const result of campaign.results)
    if (isFound(result) && result.evidence !== null)
      for (const { name, text } of [cReproduction(result), testReproduction(result)])
        writeText('reproduction', join(reproductions, name), text);
}
