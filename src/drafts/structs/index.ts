export * from './from-json.ts';
export * from './json.ts';
export * from './layout.ts';
export * from './model.ts';
export * from './problems.ts';
export * from './read.ts';
export * from './write-c.ts';
export * from './write-latex.ts';
