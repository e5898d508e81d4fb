export { evidenceLine } from './evidence-text.ts';
export { junitText, resultText } from './junit.ts';
export { pageText } from './page.ts';
export * from './reproduce.ts';
export * from './summary.ts';
