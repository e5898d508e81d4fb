export * from './attributes.ts';
export * from './errors.ts';
export * from './forms.ts';
export {
  type Bindings,
  fits,
  formatPattern,
  type Pattern,
  type Piece,
  parsePattern,
  type Span,
} from './pattern.ts';
