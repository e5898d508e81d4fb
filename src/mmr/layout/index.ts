export * from './alternatives.ts';
export * from './capability.ts';
export * from './check-draft.ts';
export * from './draft.ts';
export * from './identity.ts';
export * from './mediated-parent.ts';
export * from './message-slot.ts';
export * from './work-queue.ts';
