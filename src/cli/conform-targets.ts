import type { SubjectSource } from '../conformance/device/index.ts';
import { VirtiolabError } from '../core/index.ts';
import { qemuSource, qemuSubjectNames } from '../hosts/qtest/index.ts';
import { vfioUserSource } from '../hosts/vfio-user/index.ts';
import { sampleNames } from '../testing/devices.ts';
import { kindsOf, ourSource } from '../testing/subjects.ts';
import { UsageError } from './command.ts';

const QEMU = 'qemu';
const VFIO_USER = 'vfio-user:';
const ALL = 'all';

/** Functions of ours: of one type or all, of one kind or all. */
function ours([type, kind]: readonly string[]): SubjectSource[] {
  const types = type === ALL ? sampleNames : [type!];
  return types.flatMap((each) => {
    if (kind !== undefined) return ourSource(each, kind);
    // Says which types there are.
    if (!sampleNames.includes(each)) return ourSource(each, '');
    return kindsOf(each).map((name) => ourSource(each, name));
  });
}

function qemus([type, kind]: readonly string[], program: string | undefined): SubjectSource[] {
  const fits = qemuSubjectNames.filter(
    ([its, of]) => (type === undefined || type === its) && (kind === undefined || kind === of),
  );
  // Says which there are.
  if (fits.length === 0) return [qemuSource(type ?? '', kind ?? 'transitional', program)];
  return fits.map(([its, of]) => qemuSource(its, of, program));
}

/**
 * What a name on the command line stands for: `TYPE[:KIND]`, `all`, `qemu[:TYPE[:KIND]]`, `vfio-user:SOCKET`. @param program a QEMU.
 * @throws UsageError
 */
export function sourcesOf(name: string, program?: string): SubjectSource[] {
  if (name.startsWith(VFIO_USER) && name !== VFIO_USER) return [vfioUserSource(name.slice(VFIO_USER.length))];
  const parts = name.split(':');
  if (parts.length > (parts[0] === QEMU ? 3 : 2) || parts.includes(''))
    throw new UsageError(
      `target '${name}': wants TYPE[:KIND], ${ALL}, ${QEMU}[:TYPE[:KIND]] or ${VFIO_USER}SOCKET`,
    );
  try {
    return parts[0] === QEMU ? qemus(parts.slice(1), program) : ours(parts);
  } catch (error) {
    if (error instanceof VirtiolabError) throw new UsageError(`target '${name}': ${error.message}`);
    throw error;
  }
}
