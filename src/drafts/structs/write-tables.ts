import type { StructureDocument } from './model.ts';
import { type StructureRow, structureTables } from './table-rows.ts';

const HEADINGS = ['Offset', 'Bytes', 'Type', 'Name', ''] as const;
const cells = ({ place, bytes, type, name, comment }: StructureRow) => [place, bytes, type, name, comment];

/** An underscore within a word means nothing to Markdown. */
const markdown = (text: string) => text.replace(/[\\`*|<>[\]]|(?<![A-Za-z\d])_|_(?![A-Za-z\d])/g, '\\$&');
const code = (text: string) => (text === '' ? '' : `\`${text.replace(/\|/g, '\\|').replace(/`/g, "'")}\``);

/** A heading and a table in Markdown for each structure. */
export function structuresToMarkdown(document: StructureDocument): string {
  const line = (all: readonly string[]) => `| ${all.join(' | ')} |`;
  return structureTables(document)
    .map(({ title, comment, rows }) =>
      [
        `### ${markdown(title)}`,
        '',
        ...(comment === '' ? [] : [markdown(comment), '']),
        line(HEADINGS),
        line(['--:', '--:', '---', '---', '---']),
        ...rows.map((row) => {
          const name = `${'&emsp;'.repeat(row.depth)}${code(row.name)}`;
          return line([markdown(row.place), row.bytes, code(row.type), name, markdown(row.comment)]);
        }),
        '',
      ].join('\n'),
    )
    .join('\n');
}

/** What TeX takes for its own. */
const TEX: Readonly<Record<string, string>> = {
  '\\': '\\textbackslash{}',
  '~': '\\textasciitilde{}',
  '^': '\\textasciicircum{}',
  '<': '\\textless{}',
  '>': '\\textgreater{}',
};
const tex = (text: string) => text.replace(/[\\~^<>_#&%${}]/g, (sign) => TEX[sign] ?? `\\${sign}`);

/** A table in LaTeX for each structure, in the way of the specification's own. */
export function structuresToLatexTable(document: StructureDocument): string {
  const line = (all: readonly string[]) => `${all.join(' & ')} \\\\`;
  return structureTables(document)
    .map(({ title, comment, rows }) =>
      [
        `% ${comment === '' ? title : `${title}: ${comment}`}`,
        '\\begin{longtable}{|r|r|l|l|p{0.4\\textwidth}|}',
        `\\caption{${tex(title)}} \\\\`,
        '\\hline',
        line(HEADINGS),
        '\\hline',
        '\\hline',
        ...rows.flatMap((row) => {
          const [place, bytes, type, name, words] = cells(row).map(tex);
          const shown = name === '' ? '' : `\\field{${name}}`;
          return [line([place!, bytes!, type!, `${'\\quad '.repeat(row.depth)}${shown}`, words!]), '\\hline'];
        }),
        '\\end{longtable}',
        '',
      ].join('\n'),
    )
    .join('\n');
}
