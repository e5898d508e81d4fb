import { elfSection, type GuestArchitecture } from './elf.ts';
import { GuestImageError, ModuleMissingError } from './errors.ts';

/**
 * What the guest loads before it is snapshot, in an order that insmod accepts; dependencies are added from the
 * modules themselves. `crc32c_generic` and `crct10dif_generic` are asked for through the kernel's crypto interface,
 * which no dependency names: ext4 and scsi disks do not start without them.
 */
export const GUEST_MODULES: readonly string[] = [
  'virtio_pci',
  'virtio-rng',
  'virtio_blk',
  'virtio_net',
  'virtio_console',
  'virtio_balloon',
  'crct10dif_generic',
  'sd_mod',
  'virtio_scsi',
  '9pnet_virtio',
  '9p',
  'crc32c_generic',
  'ext4',
];

/** At hand in the guest and not loaded: the driver of v86's own disk, to be compared with ours, and that of sockets. */
export const SPARE_MODULES: readonly string[] = ['ata_piix', 'vmw_vsock_virtio_transport'];

/** Of the first list, what newer kernels have in themselves: those of other names (6.15 and later) depend on it as on anything. */
export const OLD_MODULES: readonly string[] = ['crct10dif_generic', 'crc32c_generic'];

/** At hand in a guest of QEMU's. */
export const GUEST_SPARES: readonly string[] = ['vmw_vsock_virtio_transport'];

/** Both lists, to tell a cached copy of another making. */
export const WANTED_MODULES = [...GUEST_MODULES, '|', ...SPARE_MODULES].join(' ');

/** The kernel treats `-` and `_` in module names alike. */
export const moduleName = (name: string): string => name.replaceAll('-', '_');

/** The `key=value` strings of a module's `.modinfo` section: every value of a key, in order. */
export function moduleInfo(
  path: string,
  bytes: Uint8Array,
  architecture: GuestArchitecture,
): ReadonlyMap<string, readonly string[]> {
  const section = elfSection(path, bytes, architecture, '.modinfo');
  if (section === undefined)
    throw new GuestImageError(path, 'an ELF file without .modinfo', 'a kernel module');
  const info = new Map<string, string[]>();
  for (const text of new TextDecoder('latin1').decode(section).split('\0')) {
    const equals = text.indexOf('=');
    if (equals < 0) continue;
    const key = text.slice(0, equals);
    info.set(key, [...(info.get(key) ?? []), text.slice(equals + 1)]);
  }
  return info;
}

/** A kernel's modules: what is built in, and how to read the others by their normalised name. */
export interface ModuleSource {
  readonly architecture: GuestArchitecture;
  readonly builtIn: ReadonlySet<string>;
  /** @returns the module's ELF bytes, or undefined where there is no such file. */
  read(name: string): Promise<Uint8Array | undefined>;
}

/** One module file, named as insmod and `lsmod` show it. */
export interface KernelModule {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/**
 * `wanted` with everything they depend on, dependencies first; of them, `optional` ones need not be there. A Debian kernel package carries no modules.dep (its
 * installation script makes one), so each module's own `depends=` is read.
 * @throws ModuleMissingError, GuestImageError
 */
export async function resolveModules(
  wanted: readonly string[],
  source: ModuleSource,
  optional: readonly string[] = [],
): Promise<KernelModule[]> {
  const ordered = new Map<string, KernelModule>();
  const visit = async (raw: string, neededBy: string): Promise<void> => {
    const name = moduleName(raw);
    if (ordered.has(name) || source.builtIn.has(name)) return;
    const bytes = await source.read(name);
    if (bytes === undefined) {
      if (optional.includes(raw)) return;
      throw new ModuleMissingError(name, neededBy);
    }
    const depends = moduleInfo(`${name}.ko`, bytes, source.architecture).get('depends')?.[0] ?? '';
    for (const dependency of depends.split(',')) if (dependency !== '') await visit(dependency, name);
    ordered.set(name, { name, bytes });
  };
  for (const name of wanted) await visit(name, 'the guest');
  return [...ordered.values()];
}
