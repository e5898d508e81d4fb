import type { Campaign, CampaignResult } from '../device/index.ts';
import { evidenceLine } from './evidence-text.ts';
import { isFound } from './summary.ts';

/** Signs that no XML 1.0 document may have. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const FORBIDDEN = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ud800-\udfff\ufffe\uffff]/gu;

export const escapeXml = (text: string): string =>
  text.replace(FORBIDDEN, '\ufffd').replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);

/** What is told of a result beside its name. */
export function resultText({ clause, expected, seen, reason }: CampaignResult): string {
  const judged =
    expected === null ? '' : `${clause === null ? '' : `${clause}: `}expected ${expected}, saw ${seen}`;
  return [judged, reason ?? ''].filter((part) => part !== '').join('; ');
}

function testCase(result: CampaignResult): string {
  const { target, check, setting, outcome, evidence } = result;
  const open = `    <testcase classname="${escapeXml(target)}" name="${escapeXml(`${check} (${setting})`)}"`;
  const message = escapeXml(`${outcome}: ${resultText(result)}`);
  if (isFound(result)) {
    const trace = (evidence ?? []).map(evidenceLine).join('\n');
    return `${open}>\n      <failure message="${message}">${escapeXml(trace)}</failure>\n    </testcase>`;
  }
  if (outcome === 'SKIP' || outcome === 'XFAIL')
    return `${open}>\n      <skipped message="${message}"/>\n    </testcase>`;
  return outcome === 'PASS'
    ? `${open}/>`
    : `${open}>\n      <system-out>${message}</system-out>\n    </testcase>`;
}

/** The campaign as JUnit's XML, a suite for each target. */
export function junitText({ head, results }: Campaign): string {
  const suites = head.targets.map((target) => {
    const own = results.filter((result) => result.target === target);
    const failures = own.filter(isFound).length;
    const skipped = own.filter(({ outcome }) => outcome === 'SKIP' || outcome === 'XFAIL').length;
    return [
      `  <testsuite name="${escapeXml(target)}" tests="${own.length}" failures="${failures}" errors="0" skipped="${skipped}">`,
      ...own.map(testCase),
      '  </testsuite>',
    ].join('\n');
  });
  const failures = results.filter(isFound).length;
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="virtiolab conform" tests="${results.length}" failures="${failures}">`,
    ...suites,
    '</testsuites>',
    '',
  ].join('\n');
}
