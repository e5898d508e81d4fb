/** A 32-bit x86 ELF file with one section `.modinfo`, as much of one as is read. */
export function moduleFile(info: Readonly<Record<string, string>>): Uint8Array {
  const text = Object.entries(info)
    .map(([key, value]) => `${key}=${value}\0`)
    .join('');
  const names = '\0.shstrtab\0.modinfo\0';
  const file = new Uint8Array(52 + text.length + names.length + 3 * 40);
  const view = new DataView(file.buffer);
  file.set([0x7f, 0x45, 0x4c, 0x46, 1, 1, 1]);
  view.setUint16(18, 3, true);
  const sections = 52 + text.length + names.length;
  view.setUint32(32, sections, true);
  view.setUint16(48, 3, true);
  view.setUint16(50, 1, true);
  file.set(new TextEncoder().encode(text + names), 52);
  const section = (index: number, name: number, at: number, length: number) => {
    view.setUint32(sections + 40 * index, name, true);
    view.setUint32(sections + 40 * index + 16, at, true);
    view.setUint32(sections + 40 * index + 20, length, true);
  };
  section(1, 1, 52 + text.length, names.length);
  section(2, 11, 52, text.length);
  return file;
}
