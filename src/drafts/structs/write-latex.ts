import { DeclarationWriter } from './declarations.ts';
import type { StructureDocument } from './model.ts';

const writer = new DeclarationWriter({
  bitsInBraces: true,
  length: (text) => text,
  attributes: '',
  open: '$\\ldots$',
});

/** Listings as the specification has them: one of names, if there are any, and one for each structure. */
export function structuresToLatex(document: StructureDocument): string {
  const names = [
    ...document.constants.map((constant) => writer.constant(constant)),
    ...document.enumerations.map((enumeration) => writer.enumeration(enumeration)),
  ].flat();
  const listings = [names, ...document.structures.map((structure) => writer.structure(structure))];
  return listings
    .filter((lines) => lines.length > 0)
    .map((lines) => `\\begin{lstlisting}\n${lines.join('\n')}\n\\end{lstlisting}\n`)
    .join('\n');
}
