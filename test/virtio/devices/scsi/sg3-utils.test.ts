import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { start } from './support.ts';

/*
 * What a disk says of itself, read by somebody else: the tools of sg3-utils, which decode files as well as devices. Where
 * they are not installed this is skipped.
 */
const missing = ['sg_inq', 'sg_vpd', 'sg_decode_sense', 'sg_luns'].filter((tool) => {
  try {
    execFileSync(tool, ['--version'], { stdio: 'ignore' });
    return false;
  } catch {
    return true;
  }
});
const note = missing.length === 0 ? '' : ` (skipped: no ${missing.join(', ')})`;

describe.skipIf(missing.length > 0)(`sg3-utils understand a disk${note}`, () => {
  let folder: string;

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'virtiolab-sg3-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const run = (tool: string, ...args: string[]) => execFileSync(tool, args, { encoding: 'utf8' });

  /** Runs a tool on what a command brought. */
  function decode(cdb: readonly number[], tool: string, ...args: string[]): string {
    const { scsi } = start();
    scsi.settle();
    const { data, residual } = scsi.do({ cdb, inBytes: 255 });
    const file = join(folder, 'data');
    writeFileSync(file, data.subarray(0, 255 - residual));
    return run(tool, '--raw', `--inhex=${file}`, ...args);
  }

  it('by its INQUIRY data', () => {
    const text = decode([0x12, 0, 0, 0, 255, 0], 'sg_inq');
    for (const part of [
      'PQual=0  PDT=0  RMB=0',
      'version=0x06  [SPC-4]',
      'HiSUP=1  Resp_data_format=2',
      'CmdQue=1',
      'length=36 (0x24)   Peripheral device type: disk',
      'Vendor identification: VIRTLAB',
      'Product identification: virtiolab disk',
      'Product revision level: 1',
    ])
      expect(text).toContain(part);
  });

  test.each([
    [
      0x00,
      [
        'Supported VPD pages',
        'Unit serial number',
        'Device identification',
        'Block limits',
        'Block device characteristics',
        'Logical block provisioning',
      ],
    ],
    [0x80, ['Unit serial number: number 7']],
    [
      0x83,
      [
        'Addressed logical unit',
        'designator type: T10 vendor identification,  code set: ASCII',
        'vendor id: VIRTLAB',
        'vendor specific: virtiolab disk  number 7',
      ],
    ],
    [
      0xb0,
      [
        'Write same non-zero (WSNZ): 1',
        'Maximum unmap LBA count: 4194304',
        'Maximum unmap block descriptor count: 255',
        'Optimal unmap granularity: 1',
        'Maximum write same length: 0xffff',
      ],
    ],
    [0xb1, ['Non-rotating medium']],
    [
      0xb2,
      [
        'Unmap command supported (LBPU): 1',
        'Write same (16) with unmap bit supported (LBPWS): 1',
        'Write same (10) with unmap bit supported (LBPWS10): 1',
        'Logical block provisioning read zeros (LBPRZ): 1',
        'Provisioning type: 2 (thin provisioned)',
      ],
    ],
  ])('by its page %d of vital product data', (page, parts) => {
    const text = decode([0x12, 1, page, 0, 255, 0], 'sg_vpd', `--page=${page}`);
    for (const part of parts) expect(text).toContain(part);
  });

  test.each([
    [
      'a field that is wrong',
      [0x12, 1, 0x99, 0, 255, 0],
      ['Illegal Request', 'Invalid field in cdb', 'byte 2'],
    ],
    [
      'a block too far',
      [0x28, 0, 0, 0, 0, 65, 0, 0, 0, 0],
      ['Illegal Request', 'Logical block address out of range'],
    ],
    ['no command', [0xff, 0, 0, 0, 0, 0], ['Illegal Request', 'Invalid command operation code']],
  ])('by its sense data: %s', (_, cdb, parts) => {
    const { scsi } = start();
    scsi.settle();
    const { sense, senseLength } = scsi.do({ cdb, inBytes: 255 });
    const file = join(folder, 'sense');
    writeFileSync(file, sense.subarray(0, senseLength));
    const text = run('sg_decode_sense', `--binary=${file}`);
    expect(text).toContain('Fixed format, current');
    for (const part of parts) expect(text).toContain(part);
  });

  test.each([
    ['52 34', 'Flat space addressing: lun=4660'],
    ['00 ff', 'Peripheral device addressing: lun=255'],
    ['c1 01', 'REPORT LUNS well known logical unit'],
  ])('by the address %s', (address, expected) => {
    expect(run('sg_luns', `--test=${address.replaceAll(' ', '')}`)).toContain(expected);
  });
});
