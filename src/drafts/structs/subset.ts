import { StructureLayout } from './layout.ts';
import type { Group, Structure, StructureDocument } from './model.ts';

/** Names in expressions. */
const NAME = /[A-Za-z_]\w*/g;

/** The structures of some names, with those that they hold and the constants and enumerations that their lengths are of. */
export function subsetOf(document: StructureDocument, names: readonly string[]): StructureDocument {
  const layout = new StructureLayout(document);
  const wanted = new Set(names);
  const texts: string[] = [];
  const owners = new Map<string, Structure>();
  const own = (group: Group, owner: Structure): void => {
    if (group.tag !== '' && !owners.has(group.tag)) owners.set(group.tag, owner);
    for (const { type } of group.fields) if (type.kind === 'group') own(type.group, owner);
  };
  for (const structure of document.structures) own(structure, structure);
  // A set that grows while it is walked is walked to its end.
  for (const name of wanted) {
    const structure = owners.get(name);
    if (structure === undefined) continue;
    wanted.add(structure.tag);
    for (const { field } of layout.fields(structure)) {
      if (field.type.kind === 'reference') wanted.add(field.type.tag);
      texts.push(...field.counts.map(({ text }) => text));
    }
  }
  const used = new Set(texts.flatMap((text) => text.match(NAME) ?? []));
  const byName = new Map(document.constants.map((each) => [each.name, each]));
  for (const name of used) for (const more of byName.get(name)?.text.match(NAME) ?? []) used.add(more);
  return {
    constants: document.constants.filter(({ name }) => used.has(name)),
    enumerations: document.enumerations.filter(({ members }) => members.some(({ name }) => used.has(name))),
    structures: document.structures.filter(({ tag }) => wanted.has(tag)),
  };
}
