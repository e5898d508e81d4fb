import { flag, group, list, record, shape, u32, u53, upTo } from '../../core/index.ts';
import { MOST_GUEST_PAGES, PASID_MASK } from '../layout/index.ts';
import { engineState } from './work-engine.ts';

/** A work queue: its registers, the tables that its guest bound, and work under way. */
export const workQueueState = record(
  'work-queue',
  1,
  {
    shape,
    settings: group({ mode: u32, threshold: u32, pasid: u32 }),
    command: group({ subject: u32, table: u53, tablePages: u32, page: u32, result: u32 }),
    enabled: flag,
    draining: flag,
    bound: list(group({ pasid: upTo(PASID_MASK), table: u53, pages: upTo(MOST_GUEST_PAGES) })),
    engine: engineState,
  },
  {
    relate({ bound, engine }, expect) {
      const known = new Set<number>();
      for (const [i, { pasid }] of bound.entries()) {
        expect(!known.has(pasid), `bound[${i}].pasid`, pasid, 'one that is bound once');
        known.add(pasid);
      }
      const ids = new Set(engine.requests.map(({ id }) => id));
      for (const [i, { waits }] of engine.jobs.entries())
        expect(waits === 0 || ids.has(waits), `engine.jobs[${i}].waits`, waits, 'a page request that waits');
    },
  },
);
