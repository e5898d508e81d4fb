import { formatBuffers } from './chain.ts';
import type { Explanation } from './explain.ts';
import { queueName } from './reason.ts';
import type { ExplainedChain, ExplainedQueue } from './situation.ts';
import { hex, statusWords, vectorWords } from './words.ts';

const signs = { stops: '!', may: '?', idle: '-' } as const;

const place = (address: number | null) => (address === null ? '?' : hex(address));

function chainLines({ slot, head, buffers, request, fault }: ExplainedChain): string[] {
  const what = fault === null ? request : `BROKEN: ${fault.says}`;
  return [`    chain ${head} (at ${slot}): ${formatBuffers(buffers)}${what === '' ? '' : `  ${what}`}`];
}

function queueLines(queue: ExplainedQueue): string[] {
  const { size, enabled, resetting, descriptors, driver, device, vector, ring, fault, kicks } = queue;
  const state =
    resetting === true ? 'being reset' : enabled === null ? '' : enabled ? 'enabled' : 'not set up';
  const where =
    enabled === true || descriptors ? `at ${place(descriptors)}, ${place(driver)}, ${place(device)}` : '';
  const parts = [
    `size ${size ?? '?'}`,
    state,
    where,
    vector === null ? '' : vectorWords(vector),
    kicks === null ? '' : `kicked ${kicks} times`,
  ];
  const lines = [`  ${queueName(queue)}: ${parts.filter((part) => part !== '').join(', ')}`];
  if (fault !== null) lines.push(`    ${fault.says}`);
  if (ring === null) return lines;
  lines.push(`    ${ring.layout} ring: ${ring.position}; ${ring.events}`);
  lines.push(...ring.waiting.flatMap(chainLines));
  const more = ring.waitingCount - ring.waiting.length;
  if (more > 0) lines.push(`    and ${more} more`);
  return lines;
}

function msixLines({ msix, configVector }: Explanation): string[] {
  if (msix === null) return ['  no MSI-X'];
  const { enabled, functionMask, vectors } = msix;
  const named = (vectors ?? []).flatMap(({ masked, address, pending }, i) => {
    const words = [masked ? 'masked' : '', address === 0 ? 'not aimed' : '', pending ? 'pending' : ''];
    const said = words.filter((word) => word !== '');
    return said.length === 0 || !enabled ? [] : [`vector ${i} ${said.join(' and ')}`];
  });
  const parts = [
    `MSI-X ${enabled ? 'on' : 'off'}`,
    functionMask ? 'function mask set' : '',
    enabled && configVector !== null ? `configuration ${vectorWords(configVector)}` : '',
    ...named,
  ];
  return [`  ${parts.filter((part) => part !== '').join(', ')}`];
}

/** The reasons alone, a line each: `!` for what stops the device, `?` for what may be missing, `-` for what is as it should be. */
export const reasonLines = ({ reasons }: Explanation): string[] =>
  reasons.length === 0
    ? ['  nothing that keeps the device from working was found']
    : reasons.map(
        ({ kind, says, clause }) => `  ${signs[kind]} ${says}${clause === null ? '' : ` [${clause}]`}`,
      );

/** An explanation as text of several lines: why nothing happens, then what was seen. */
export function formatExplanation(explanation: Explanation): string {
  const { status, offered, accepted, queues, effects, unseen } = explanation;
  const device = explanation.device ?? 'no known virtio device';
  const by = explanation.interface === null ? '' : `, ${explanation.interface} interface`;
  const list = (names: readonly string[] | null) =>
    names === null ? 'not read' : names.length === 0 ? 'none' : names.join(' ');
  const lines = [`${explanation.function} ${device}${by}: why nothing happens`, ...reasonLines(explanation)];
  lines.push('what was seen:');
  lines.push(`  status ${status === null ? 'not read' : `${hex(status)} ${statusWords(status)}`}`);
  lines.push(`  offered: ${list(offered)}`, `  accepted: ${list(accepted)}`);
  lines.push(...msixLines(explanation), ...queues.flatMap(queueLines));
  if (effects.length > 0) lines.push('what looking did:', ...effects.map((each) => `  ${each}`));
  if (unseen.length > 0) lines.push('what was not looked at:', ...unseen.map((each) => `  ${each}`));
  return lines.join('\n');
}
