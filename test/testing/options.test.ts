import { describe, expect, it } from 'vitest';
import { OptionError } from '../../src/core/index.ts';
import {
  allBlockRequests,
  balloonRequests,
  blockRequests,
  brokenDraftDocuments,
  consoleControlMessages,
  consoleRequests,
  draftDocuments,
  entropyRequests,
  hostileTables,
  lifeCycleCommands,
  networkCommands,
  networkRequests,
  p9Requests,
  scsiCommandRequests,
} from '../../src/testing/index.ts';

const rings = { size: 8, ring: 'packed', buffers: [0x1000], table: 0x2000 } as const;

describe('options that nothing can be drawn with', () => {
  it.each<[string, () => unknown, RegExp]>([
    ['a disk without sectors', () => blockRequests(0, 8), /^capacity .*0.*a whole number of 1 at least/],
    ['requests of no sectors', () => allBlockRequests(64, 0), /^most .*0/],
    ['half a byte', () => entropyRequests(0.5), /^most .*0\.5/],
    ['no port', () => consoleRequests({ ports: 0 }), /^ports .*0/],
    ['no port for messages', () => consoleControlMessages({ ports: 0 }), /^ports .*0/],
    ['no page', () => balloonRequests({ pages: 0 }), /^pages .*0/],
    ['a page before all', () => balloonRequests({ firstPage: -1 }), /^firstPage .*-1/],
    ['no queue pair', () => networkRequests({ pairs: 0 }), /^pairs .*0/],
    ['commands for no queue pair', () => networkCommands(0), /^pairs .*0/],
    ['no unit', () => scsiCommandRequests({ units: [] }), /^units .*one at least/],
    ['no message', () => p9Requests({ messages: [] }), /^messages .*one at least of Tstatfs/],
    ['a reply', () => p9Requests({ messages: ['Rread' as 'Tread'] }), /^messages .*Rread/],
    [
      'a loop in a packed ring',
      () => hostileTables(rings, ['chain-with-loop']),
      /^kinds .*chain-with-loop.*list-without-end/,
    ],
    ['a queue of nothing', () => hostileTables({ ...rings, size: 0 }), /^size .*0/],
    ['no buffer', () => hostileTables({ ...rings, buffers: [] }), /^buffers .*one at least/],
    ['no draft', () => draftDocuments([]), /^kinds .*registers, legacy-block/],
    [
      'a break that there is not',
      () => brokenDraftDocuments(['spelling']),
      /^breaks .*spelling.*field-overlap/,
    ],
    ['no part of life', () => lifeCycleCommands([]), /^parts .*status, negotiation/],
  ])('are refused: %s', (_, draw, message) => {
    expect(draw).toThrow(OptionError);
    expect(draw).toThrow(message);
  });
});
