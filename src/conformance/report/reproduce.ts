import { configPorts } from '../../pci/layout/index.ts';
import { clauses } from '../catalogue/index.ts';
import type { CampaignResult, Evidence } from '../device/index.ts';
import { evidenceLine } from './evidence-text.ts';

/** A finding as files that others can run: how they are called, and their text. */
export interface Reproduction {
  readonly name: string;
  readonly text: string;
}

/** What is said of a finding at the head of its files, a line each. */
function headLines({
  target,
  check,
  setting,
  outcome,
  clause,
  expected,
  seen,
  reason,
}: CampaignResult): string[] {
  const row = clause === null ? undefined : clauses.get(clause);
  return [
    `virtiolab conform: ${outcome} of ${check} (${setting}) on ${target}`,
    ...(row === undefined ? [] : [`${row.id}, ${row.level}: ${row.says}`, row.address]),
    ...(expected === null ? [] : [`expected: ${expected}`, `seen: ${seen}`]),
    ...(reason === null ? [] : [reason]),
  ].map((line) => line.replace(/\s+/g, ' ').replaceAll('*/', '* /'));
}

const fileName = ({ target, check, setting }: CampaignResult): string =>
  `${target}-${check}-${setting}`.replace(/[^a-zA-Z0-9-]+/g, '-');

const hex = (value: number) => `0x${value.toString(16)}`;

const C_HELPERS = `#include <stdint.h>
#include <stdio.h>
#include <string.h>

/*
 * How accesses are made: by default as a program does it that runs without an operating system and has the machine for
 * itself, RAM mapped where it is. Define REPRO_BUS and these functions for another place.
 */
#ifndef REPRO_BUS
static inline void out8(uint16_t p, uint8_t v) { __asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(p)); }
static inline void out16(uint16_t p, uint16_t v) { __asm__ volatile("outw %0, %1" : : "a"(v), "Nd"(p)); }
static inline void out32(uint16_t p, uint32_t v) { __asm__ volatile("outl %0, %1" : : "a"(v), "Nd"(p)); }
static inline uint8_t in8(uint16_t p) { uint8_t v; __asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(p)); return v; }
static inline uint16_t in16(uint16_t p) { uint16_t v; __asm__ volatile("inw %1, %0" : "=a"(v) : "Nd"(p)); return v; }
static inline uint32_t in32(uint16_t p) { uint32_t v; __asm__ volatile("inl %1, %0" : "=a"(v) : "Nd"(p)); return v; }

static inline uint32_t io_read(uint32_t p, int w) { return w == 1 ? in8((uint16_t)p) : w == 2 ? in16((uint16_t)p) : in32((uint16_t)p); }
static inline void io_write(uint32_t p, int w, uint32_t v) { if (w == 1) out8((uint16_t)p, (uint8_t)v); else if (w == 2) out16((uint16_t)p, (uint16_t)v); else out32((uint16_t)p, v); }
static inline uint32_t memory_read(uint64_t a, int w) {
  volatile void *p = (volatile void *)(uintptr_t)a;
  return w == 1 ? *(volatile uint8_t *)p : w == 2 ? *(volatile uint16_t *)p : *(volatile uint32_t *)p;
}
static inline void memory_write(uint64_t a, int w, uint32_t v) {
  volatile void *p = (volatile void *)(uintptr_t)a;
  if (w == 1) *(volatile uint8_t *)p = (uint8_t)v; else if (w == 2) *(volatile uint16_t *)p = (uint16_t)v; else *(volatile uint32_t *)p = v;
}
static inline void config_select(uint32_t fn, uint32_t o) { out32(${hex(configPorts.address)}, ${hex(configPorts.enable)}u | (fn << 8) | (o & 0xfc)); }
static inline uint32_t config_read(uint32_t fn, uint32_t o, int w) { config_select(fn, o); return io_read(${hex(configPorts.data)} + (o & 3), w); }
static inline void config_write(uint32_t fn, uint32_t o, int w, uint32_t v) { config_select(fn, o); io_write(${hex(configPorts.data)} + (o & 3), w, v); }
static inline void ram(uint64_t a, const char *bytes, unsigned n) { memcpy((void *)(uintptr_t)a, bytes, n); }
static inline void pause_for(unsigned times) { for (volatile unsigned i = 0; i < times * 100000u; i++) { } }
#endif

static inline void expect(int step, const char *what, uint32_t got, uint32_t recorded) {
  if (got != recorded) printf("step %d: %s reads 0x%x, was 0x%x when this was recorded\\n", step, what, (unsigned)got, (unsigned)recorded);
}
`;

const cText = (text: string) =>
  `"${text.replace(/["\\]/g, (sign) => `\\${sign}`).replace(/[^\x20-\x7e]/g, '?')}"`;

/** Bytes as adjacent string literals, each escape by itself. */
const cBytes = (bytes: string) => `"${bytes.replace(/../g, (pair) => `\\x${pair}`)}"`;

function cLine(evidence: Evidence, step: number): string {
  switch (evidence.kind) {
    case 'access': {
      const { space, operation, address, width, value, fn, decoded } = evidence;
      const place = space === 'config' ? `${hex(fn ?? 0)}, ${hex(address)}` : hex(address);
      const name = `${decoded.place} ${decoded.register}`;
      return operation === 'write'
        ? `  ${space}_write(${place}, ${width}, ${hex(value)}); /* ${name.replaceAll('*/', '* /')} ${decoded.meaning.replaceAll('*/', '* /')} */`
        : `  expect(${step}, ${cText(name)}, ${space}_read(${place}, ${width}), ${hex(value)});`;
    }
    case 'ram':
      return `  ram(${hex(evidence.address)}, ${cBytes(evidence.bytes)}, ${evidence.bytes.length / 2});`;
    case 'pause':
      return `  pause_for(${evidence.times});`;
    default:
      return `  /* ${evidenceLine(evidence)} */`;
  }
}

/**
 * The accesses of a finding as a C file with one function, `reproduce`: each read is held against what was read when it was
 * recorded. Addresses are those that firmware gave the function then.
 */
export function cReproduction(result: CampaignResult): Reproduction {
  const steps = (result.evidence ?? []).map((each, i) => cLine(each, i + 1));
  const text = [
    '/*',
    ...headLines(result).map((line) => ` * ${line}`),
    ' */',
    C_HELPERS,
    'void reproduce(void) {',
    ...steps,
    '}',
    '',
  ].join('\n');
  return { name: `${fileName(result)}.c`, text };
}

const quoted = (text: string) => JSON.stringify(text).replaceAll("'", "\\'").replace(/^"|"$/g, "'");

/** How a test opens the target: ours, or a QEMU's. */
function opening(target: string): { readonly imports: string; readonly source: string } {
  const parts = target.split(':');
  return parts[0] === 'qemu'
    ? {
        imports: "import { qemuSource } from 'virtiolab/qtest';",
        source: `qemuSource(${quoted(parts[1]!)}, ${quoted(parts[2]!)})`,
      }
    : {
        imports: "import { ourSource } from 'virtiolab/testing';",
        source: `ourSource(${quoted(parts[0]!)}, ${quoted(parts[1]!)})`,
      };
}

/**
 * A finding as a test for vitest: it makes the same accesses again and prints where the device answers otherwise than when
 * they were recorded, then makes the check, and fails for as long as the device does.
 */
export function testReproduction(result: CampaignResult): Reproduction {
  const { imports, source } = opening(result.target);
  const steps = (result.evidence ?? []).map((each) => {
    if (each.kind === 'access') {
      const { space, operation, address, width, value, fn } = each;
      const comment = `${each.decoded.place} ${each.decoded.register} ${each.decoded.meaning}`.trim();
      return `  ['${operation}', '${space}', ${fn ?? 0}, ${hex(address)}, ${width}, ${hex(value)}], // ${comment}`;
    }
    if (each.kind === 'ram') return `  ['ram', ${hex(each.address)}, '${each.bytes}'],`;
    return each.kind === 'pause' ? `  ['pause', ${each.times}],` : `  // ${evidenceLine(each)}`;
  });
  const text = `${headLines(result)
    .map((line) => `// ${line}`)
    .join('\n')}
import { checks, replay, runCheck, type Step } from 'virtiolab/conformance';
${imports}
import { expect, it } from 'vitest';

const steps: readonly Step[] = [
${steps.join('\n')}
];

it(${quoted(`${result.check} (${result.setting}) on ${result.target}`)}, async () => {
  const source = ${source};
  const recorded = await source.open();
  for (const { step, name, read, was } of replay(recorded.target.bus, steps))
    console.log(\`step \${step}: \${name} reads 0x\${read.toString(16)}, was 0x\${was.toString(16)}\`);
  recorded.target.close();
  const subject = await source.open();
  const check = checks.find(({ id }) => id === ${quoted(result.check)})!;
  const { outcome, clause, expected, seen } = await runCheck(subject, check, ${quoted(result.setting)});
  subject.target.close();
  expect({ outcome, clause, expected, seen }).toMatchObject({ outcome: 'PASS' });
});
`;
  return { name: `${fileName(result)}.test.ts`, text };
}
