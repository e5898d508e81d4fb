/** An x86 ELF file with one section `.modinfo`, as much of one as is read. */
export function moduleFile(info: Readonly<Record<string, string>>, bits: 32 | 64 = 32): Uint8Array {
  const text = Object.entries(info)
    .map(([key, value]) => `${key}=${value}\0`)
    .join('');
  const names = '\0.shstrtab\0.modinfo\0';
  const [header, entry] = bits === 32 ? [52, 40] : [64, 64];
  const file = new Uint8Array(header + text.length + names.length + 3 * entry);
  const view = new DataView(file.buffer);
  file.set([0x7f, 0x45, 0x4c, 0x46, bits / 32, 1, 1]);
  view.setUint16(18, bits === 32 ? 3 : 62, true);
  const sections = header + text.length + names.length;
  view.setUint32(bits === 32 ? 32 : 40, sections, true);
  view.setUint16(header - 4, 3, true);
  view.setUint16(header - 2, 1, true);
  file.set(new TextEncoder().encode(text + names), header);
  const section = (index: number, name: number, at: number, length: number) => {
    view.setUint32(sections + entry * index, name, true);
    view.setUint32(sections + entry * index + (bits === 32 ? 16 : 24), at, true);
    view.setUint32(sections + entry * index + (bits === 32 ? 20 : 32), length, true);
  };
  section(1, 1, header + text.length, names.length);
  section(2, 11, header, text.length);
  return file;
}
