import type { Arbitrary } from 'fast-check';
import {
  BALLOON_PAGE_BYTES,
  type BalloonStatistic,
  balloonCommand,
  balloonQueue,
  balloonStatistic,
  COMMAND_ID_BYTES,
  PAGE_NUMBER_BYTES,
} from '../../virtio/layout/index.ts';
import { fc } from '../fast-check.ts';
import { atLeast } from '../options.ts';
import { printed } from '../printed.ts';
import { ChainWriter, type RequestChain, type RequestOccasion } from './chain.ts';

/** What a driver tells its balloon. */
export type BalloonRequest = { readonly type: 'balloon' } /** Numbers of pages of 4096 bytes. */ & (
  | { readonly kind: 'inflate' | 'deflate'; readonly pages: readonly number[] }
  | {
      readonly kind: 'statistics';
      readonly entries: readonly { readonly tag: BalloonStatistic; readonly value: number }[];
    }
  | { readonly kind: 'hint-command'; readonly command: number }
  /** Free pages, as buffers: how many pages each has. */
  | { readonly kind: 'hint' | 'report'; readonly pages: readonly number[] }
);

export interface BalloonRequestOptions {
  /** The first page that may be given away, and how many there are; by default 64 from 0x300000 on, which a lab has no use for. */
  readonly firstPage?: number;
  readonly pages?: number;
}

const FIRST_PAGE = 0x300000 / BALLOON_PAGE_BYTES;
const PAGES = 64;
/** A count of bytes or events. */
const MOST_VALUE = 2 ** 40;

const pageText = (page: number) => `0x${page.toString(16)}`;

/** `inflate page 0x300 0x301`, `statistics freeMemory 4096`, `hint command 2`, `report 1+2 pages`. */
export function formatBalloonRequest(request: BalloonRequest): string {
  switch (request.kind) {
    case 'inflate':
    case 'deflate':
      return `${request.kind} page ${request.pages.map(pageText).join(' ')}`;
    case 'statistics':
      return `statistics ${request.entries.map(({ tag, value }) => `${tag} ${value}`).join(', ')}`;
    case 'hint-command':
      return `hint command ${request.command}`;
    default:
      return `${request.kind} ${request.pages.join('+')} pages`;
  }
}

/** Requests of every kind; which of them a device takes is a matter of its features. */
export function balloonRequests(options: BalloonRequestOptions = {}): Arbitrary<BalloonRequest> {
  const { firstPage = FIRST_PAGE, pages = PAGES } = options;
  const type = 'balloon' as const;
  atLeast('firstPage', firstPage, 0);
  atLeast('pages', pages, 1);
  const list = fc.array(
    fc.nat(pages - 1).map((page) => firstPage + page),
    { minLength: 1, maxLength: 12 },
  );
  const entry = fc.record({
    tag: fc.constantFrom(...(Object.keys(balloonStatistic) as BalloonStatistic[])),
    value: fc.oneof(fc.nat(0xffff), fc.integer({ min: 0, max: MOST_VALUE })),
  });
  const runs = fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 3 });
  const any: Arbitrary<BalloonRequest> = fc.oneof(
    { weight: 3, arbitrary: list.map((each) => ({ type, kind: 'inflate' as const, pages: each })) },
    { weight: 3, arbitrary: list.map((each) => ({ type, kind: 'deflate' as const, pages: each })) },
    {
      weight: 2,
      arbitrary: fc
        .array(entry, { minLength: 1, maxLength: 10 })
        .map((entries) => ({ type, kind: 'statistics' as const, entries })),
    },
    {
      weight: 1,
      arbitrary: fc
        .constantFrom(balloonCommand.firstRound, balloonCommand.stop, balloonCommand.done)
        .map((command) => ({ type, kind: 'hint-command' as const, command })),
    },
    { weight: 1, arbitrary: runs.map((each) => ({ type, kind: 'hint' as const, pages: each })) },
    { weight: 1, arbitrary: runs.map((each) => ({ type, kind: 'report' as const, pages: each })) },
  );
  return any.map((request) => printed({ ...request }, formatBalloonRequest));
}

/** The request as a chain, queues numbered as the specification has them. */
export function balloonChain(request: BalloonRequest, occasion: RequestOccasion = {}): RequestChain {
  const writer = new ChainWriter(occasion);
  switch (request.kind) {
    case 'inflate':
    case 'deflate':
      for (const page of request.pages) writer.number('page', PAGE_NUMBER_BYTES, page);
      return writer.chain(balloonQueue[request.kind], []);
    case 'statistics':
      for (const { tag, value } of request.entries)
        writer.number('tag', 2, balloonStatistic[tag]).number('value', 8, value);
      return writer.chain(balloonQueue.statistics, []);
    case 'hint-command':
      writer.number('command', COMMAND_ID_BYTES, request.command);
      return writer.chain(balloonQueue.freePages, []);
    default: {
      const queue = request.kind === 'hint' ? balloonQueue.freePages : balloonQueue.reporting;
      return writer.chain(
        queue,
        request.pages.map((pages) => pages * BALLOON_PAGE_BYTES),
      );
    }
  }
}
