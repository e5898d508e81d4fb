import fc, { type Arbitrary } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UnknownSubjectError } from '../../src/testing/devices.ts';
import {
  allBlockRequests,
  balloonRequests,
  consoleControlMessages,
  type DeviceRequest,
  deviceRequests,
  entropyRequests,
  formatRequest,
  type HostileRequest,
  hostileRequests,
  networkCommands,
  networkFrames,
  networkOffloads,
  networkRequests,
  p9Requests,
  type RequestOccasion,
  type RequestType,
  requestChain,
  requestTypes,
  scsiCommandRequests,
  scsiNotificationRequests,
  scsiTaskManagementRequests,
} from '../../src/testing/requests/index.ts';
import { networkReceiveMode, p9Messages, scsiCommands, taskManagement } from '../../src/virtio/index.ts';
import { shrunk } from './shrunk.ts';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

/** Queue, bytes of the readable buffers, lengths of the writable ones. */
function chain(request: DeviceRequest | HostileRequest, occasion?: RequestOccasion) {
  const { queue, buffers } = requestChain(request, occasion);
  return [queue, ...buffers.map(({ content, length, writable }) => (writable ? length : hex(content)))];
}

const legacyBig = { modern: false, littleEndian: false };

describe('requests of every type', () => {
  it.each(requestTypes)('of %s print in words', (type) => {
    for (const each of fc.sample(deviceRequests(type) as Arbitrary<DeviceRequest>, {
      numRuns: 300,
      seed: 2,
    })) {
      expect(fc.stringify(each)).toBe(formatRequest(each));
      expect(fc.stringify(each)).toMatch(/^[A-Za-z][^{}]+$/);
      expect(requestChain(each).buffers.length).toBeGreaterThan(0);
    }
  });

  it('are refused for a type that there are none of', () => {
    for (const type of ['gpu', 'toString']) {
      const draw = () => deviceRequests(type as RequestType);
      expect(draw).toThrow(UnknownSubjectError);
      expect(draw).toThrow(
        `unknown device type '${type}'; types whose requests are drawn are network, block, console, entropy, balloon, scsi, p9`,
      );
      expect(() => hostileRequests(type as RequestType)).toThrow(UnknownSubjectError);
    }
  });

  it('are of every kind that the tables have', () => {
    const drawn = (arbitrary: Arbitrary<unknown>) =>
      fc.sample(arbitrary, { numRuns: 3000, seed: 3 }) as never[];
    const all = <T>(list: readonly T[]) => [...new Set(list)].sort();
    expect(all(drawn(scsiCommandRequests()).map(({ command }) => command))).toEqual(
      Object.keys(scsiCommands).sort(),
    );
    expect(all(drawn(scsiTaskManagementRequests()).map((each) => each['function']))).toEqual(
      Object.keys(taskManagement).sort(),
    );
    expect(all(drawn(p9Requests()).map(({ kind }) => kind))).toEqual(
      Object.keys(p9Messages)
        .filter((name) => name.startsWith('T'))
        .sort(),
    );
    expect(all(drawn(networkCommands()).flatMap(({ mode = null }) => (mode === null ? [] : [mode])))).toEqual(
      Object.keys(networkReceiveMode).sort(),
    );
    expect(all(drawn(allBlockRequests()).map(({ kind }) => kind))).toEqual([
      'discard',
      'flush',
      'get-id',
      'get-lifetime',
      'read',
      'secure-erase',
      'write',
      'write-zeroes',
    ]);
    expect(all(drawn(balloonRequests()).map(({ kind }) => kind))).toEqual([
      'deflate',
      'hint',
      'hint-command',
      'inflate',
      'report',
      'statistics',
    ]);
  });
});

describe('offloads', () => {
  it('print in words', () => {
    const words = fc.sample(networkOffloads, { numRuns: 100, seed: 1 }).map((each) => fc.stringify(each));
    for (const each of words)
      expect(each).toMatch(/^(null|checksum offloaded|segments of \d+ bytes offloaded)$/);
    expect(new Set(words).size).toBeGreaterThan(3);
  });
});

describe('requests shrink to the smallest that fails, lengths too', () => {
  it.each<[string, Arbitrary<never>, (value: never) => boolean, string | RegExp]>([
    [
      'entropy',
      entropyRequests() as never,
      ({ buffers }: { buffers: number[] }) => buffers.length < 2 || buffers[1]! < 3,
      'fill 1+3 bytes',
    ],
    [
      'frames',
      networkFrames() as never,
      ({ length }: { length: number }) => length < 61,
      'frame to ff:ff:ff:ff:ff:ff, experimental, 61 bytes behind its headers',
    ],
    [
      'network',
      networkRequests() as never,
      ({ kind, offload }: { kind: string; offload: { does: string } | null }) =>
        kind !== 'send' || offload?.does !== 'segment',
      'send frame to ff:ff:ff:ff:ff:ff, tcp4, 0 bytes behind its headers; segments of 1 bytes offloaded; queue pair 0',
    ],
    [
      'commands',
      networkCommands() as never,
      ({ does, multicast = [] }: { does: string; multicast?: string[] }) =>
        does !== 'mac-table' || multicast.length < 1,
      'MAC table none; ff:ff:ff:ff:ff:ff',
    ],
    [
      'console messages',
      consoleControlMessages() as never,
      ({ value }: { value: number }) => value < 1,
      'control deviceReady of port 0: 1',
    ],
    [
      'console output',
      deviceRequests('console') as never,
      ({ kind, bytes }: { kind: string; bytes: Uint8Array }) => kind !== 'output' || bytes.length < 3,
      'output of port 0: 00 00 00',
    ],
    [
      'balloon',
      balloonRequests() as never,
      ({ kind, pages }: { kind: string; pages: number[] }) => kind !== 'inflate' || pages.length < 2,
      'inflate page 0x300 0x300',
    ],
    [
      'SCSI',
      scsiCommandRequests() as never,
      ({ command, fields }: { command: string; fields: { blocks: number } }) =>
        command !== 'read10' || fields.blocks < 4,
      'read10 lba 0 blocks 4; target 0 LUN 0, id 1',
    ],
    [
      'tasks',
      scsiTaskManagementRequests() as never,
      ({ id }: { id: number }) => id < 2,
      'abortTask of id 2; target 0 LUN 0',
    ],
    [
      'notifications',
      scsiNotificationRequests() as never,
      ({ events }: { events: number }) => events < 5,
      'query events 0x6; target 0 LUN 0',
    ],
    [
      '9P',
      p9Requests() as never,
      ({ kind, fields }: { kind: string; fields: { data: Uint8Array } }) =>
        kind !== 'Twrite' || fields.data.length < 2,
      'Twrite fid 0, offset 0, data 2 bytes; tag 0, room for 11 bytes',
    ],
    [
      'hostile ones',
      hostileRequests('block') as never,
      ({ faults }: { faults: { fault: string; bytes: number }[] }) =>
        !faults.some(({ fault, bytes }) => fault === 'truncated' && bytes > 2),
      /^(read|write|get-lifetime|flush|get-id)[^,]*, but truncated to 3 bytes$/,
    ],
  ])('%s', (_, arbitrary, holds, text) => {
    const printed = shrunk(arbitrary, holds);
    if (typeof text === 'string') expect(printed).toBe(text);
    else expect(printed).toMatch(text);
  });
});

describe('requests as chains', () => {
  it('of block devices', () => {
    const read = { type: 'block', kind: 'read', sector: 3, sectors: 2 } as const;
    expect(chain(read)).toEqual([0, '00000000000000000300000000000000', 1024, 1]);
    expect(chain(read, legacyBig)).toEqual([0, '00000000000000000000000000000003', 1024, 1]);
    const ranges = [{ sector: 1, sectors: 2 }];
    const zeroes = { type: 'block', kind: 'write-zeroes', ranges, unmap: true } as const;
    expect(chain(zeroes, legacyBig)).toEqual([
      0,
      '0000000d000000000000000000000000',
      '01000000000000000200000001000000',
      1,
    ]);
    expect(chain({ type: 'block', kind: 'get-id' })).toEqual([0, '08000000000000000000000000000000', 20, 1]);
  });

  it('of network devices', () => {
    const frame = { to: '01:00:5e:00:00:01', vlan: 5, payload: 'tcp4', length: 2 } as const;
    const offload = { does: 'segment', segmentBytes: 1460 } as const;
    const send = { type: 'network', kind: 'send', pair: 1, frame, offload } as const;
    const [queue, header, bytes] = chain(send);
    // Flags 1, TCP over IPv4, 58 bytes of headers, segments of 1460, a checksum from 38 on, at 16 from there.
    expect([queue, header]).toEqual([3, '01013a00b405260010000000']);
    expect(chain(send, { modern: false })[1]).toBe('01013a00b40526001000');
    expect(chain(send, legacyBig)[1]).toBe('0101003a05b400260010');
    expect(bytes).toMatch(/^01005e000001020909090909810000050800450000/);
    expect((bytes as string).length).toBe(2 * 60);
    const control = (command: never) => chain({ type: 'network', kind: 'control', queue: 4, command });
    expect(control({ does: 'vlan-add', id: 5 } as never)).toEqual([4, '0200', '0500', 1]);
    expect(control({ does: 'mode', mode: 'allMulticast', on: true } as never)).toEqual([4, '0001', '01', 1]);
    const table = { does: 'mac-table', unicast: ['02:01:01:01:01:01'], multicast: [] } as never;
    expect(control(table)).toEqual([4, '0100', '01000000020101010101', '00000000', 1]);
    expect(control({ does: 'guest-offloads', features: [1, 54] } as never)).toEqual([
      4,
      '0500',
      '0200000000004000',
      1,
    ]);
  });

  it('of console, entropy and balloon devices', () => {
    const open = { type: 'console', kind: 'control', event: 'portOpen', port: 1, value: 1 } as const;
    expect(chain(open)).toEqual([3, '0100000006000100']);
    expect(chain(open, legacyBig)).toEqual([3, '0000000100060001']);
    const bytes = Uint8Array.of(0x68, 0x69);
    expect(chain({ type: 'console', kind: 'output', port: 1, bytes })).toEqual([5, '6869']);
    expect(chain({ type: 'console', kind: 'input', port: 0, buffers: [4, 1] })).toEqual([0, 4, 1]);
    expect(chain({ type: 'entropy', kind: 'fill', buffers: [16, 1] })).toEqual([0, 16, 1]);
    const pages = [0x300, 0x301];
    expect(chain({ type: 'balloon', kind: 'deflate', pages })).toEqual([1, '0003000001030000']);
    const entries = [{ tag: 'freeMemory', value: 2 ** 33 }] as const;
    expect(chain({ type: 'balloon', kind: 'statistics', entries })).toEqual([2, '04000000000002000000']);
    expect(chain({ type: 'balloon', kind: 'report', pages: [1, 2] })).toEqual([4, 4096, 8192]);
  });

  it('of SCSI hosts', () => {
    const to = { target: 2, lun: 3 };
    const command = {
      type: 'scsi',
      kind: 'command',
      to,
      id: 7,
      attribute: 'head',
      command: 'read10',
    } as const;
    expect(chain({ ...command, fields: { lba: 5, blocks: 2 } })).toEqual([
      2,
      `0102000300000000${'0700000000000000'}020000${'28000000000500000200'}${'00'.repeat(22)}`,
      108,
      1024,
    ]);
    const fields = { length: 24 };
    expect(chain({ ...command, command: 'unmap', fields })[2]).toBe(
      '0016001000000000000000000000000000000001 00000000'.replaceAll(' ', ''),
    );
    const task = { type: 'scsi', kind: 'task-management', to, id: 7, function: 'logicalUnitReset' } as const;
    expect(chain(task, legacyBig)).toEqual([0, '00000000000000050102000300000000' + '0000000000000007', 1]);
    const query = { type: 'scsi', kind: 'notification', to, asks: 'query', events: 6 } as const;
    expect(chain(query)).toEqual([0, '01000000' + '0102000300000000' + '06000000', 5]);
  });

  it('of 9P devices, little-endian for every guest', () => {
    const fields = { fid: 1, offset: 2n, count: 3 };
    const read = { type: 'p9', kind: 'Tread', tag: 5, fields, room: 64 } as const;
    expect(chain(read, legacyBig)).toEqual([
      0,
      '17000000' + '74' + '0500' + '01000000' + '0200000000000000' + '03000000',
      64,
    ]);
  });

  it('with what is wrong with them', () => {
    const request = { type: 'block', kind: 'write', sector: 0, sectors: 1, seed: 0 } as const;
    const spoilt = (...faults: HostileRequest['faults']) =>
      requestChain({ kind: 'hostile', request, faults });
    const lengths = (...faults: HostileRequest['faults']) =>
      spoilt(...faults).buffers.map(({ length, writable }) => `${writable ? 'W' : 'R'} ${length}`);
    expect(lengths({ fault: 'truncated', bytes: 20 })).toEqual(['R 16', 'R 4', 'W 1']);
    expect(lengths({ fault: 'truncated', bytes: 0 })).toEqual(['W 1']);
    expect(lengths({ fault: 'extended', bytes: 3 })).toEqual(['R 16', 'R 512', 'R 3', 'W 1']);
    expect(lengths({ fault: 'room', bytes: 0 })).toEqual(['R 16', 'R 512']);
    expect(lengths({ fault: 'room', bytes: 5 })).toEqual(['R 16', 'R 512', 'W 1', 'W 4']);
    expect(lengths({ fault: 'order' })).toEqual(['W 1', 'R 16', 'R 512']);
    expect(lengths({ fault: 'direction', which: 1 })).toEqual(['R 16', 'W 512', 'W 1']);
    expect(lengths({ fault: 'claim', which: 4, bytes: 0xffffffff })).toEqual(['R 16', 'R 4294967295', 'W 1']);
    expect(spoilt({ fault: 'queue', queue: 3 }).queue).toBe(3);
    const header = (...faults: HostileRequest['faults']) => hex(spoilt(...faults).buffers[0]!.content);
    expect(header({ fault: 'field', which: 1, value: 0xabcd })).toBe('01000000cdab00000000000000000000');
    expect(header({ fault: 'byte', at: 2, value: 9 })).toBe('01000900000000000000000000000000');
    expect(
      header({ fault: 'claim', which: 0, bytes: 0xffffffff }, { fault: 'field', which: 0, value: 3 }),
    ).toBe('03000000000000000000000000000000');
  });
});

describe('hostile requests', () => {
  it.each(requestTypes)('of %s are of every kind, and none is as good as new', (type) => {
    const drawn = fc.sample(hostileRequests(type), { numRuns: 2000, seed: 4 });
    const kinds = new Set(drawn.flatMap(({ faults }) => faults.map(({ fault }) => fault)));
    expect([...kinds].sort()).toEqual([
      'byte',
      'claim',
      'direction',
      'extended',
      'field',
      'order',
      'queue',
      'room',
      'truncated',
    ]);
    for (const each of drawn) {
      expect(chain(each)).not.toEqual([]);
      expect(fc.stringify(each)).toMatch(/^[A-Za-z][^{}]*, but [^{}]+$/);
      const good = requestChain(each.request);
      const bad = requestChain(each);
      expect([bad.queue, bad.buffers]).not.toEqual([good.queue, good.buffers]);
    }
  });

  it('are made of other requests, too', () => {
    const units = [{ target: 3, lun: 0 }];
    for (const each of fc.sample(hostileRequests(scsiCommandRequests({ units })), 50))
      expect(fc.stringify(each)).toContain('target 3 LUN 0');
  });
});
