import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { functionAddress } from '../../src/core/index.ts';
import { mediatedFiles } from '../../src/mmr/index.ts';
import { P9Device, P9MemoryServer } from '../../src/virtio/index.ts';
import { blockType, ParentLab, uuidOf } from '../mmr/mediated/support.ts';
import { Lab, pciFolder } from './lab.ts';
import { pieces, skipNote } from './support.ts';

const [FILES, SLICE] = [5, 6];
const TYPE = '/mnt/mdev_supported_types/virtiolab-block-1';

describe.skipIf(pieces === null)(`Linux with the files of a parent${skipNote}`, () => {
  let lab: Lab;
  let host: ParentLab;

  beforeEach(async () => {
    lab = await Lab.start();
    host = new ParentLab({ queues: 4, types: [blockType(1)] });
  });
  afterEach(() => lab?.destroy());

  it('makes slices with its shell, uses one with its own driver, and takes it away', async () => {
    const server = new P9MemoryServer(mediatedFiles(host.parent));
    lab.present(new P9Device({ server, mountTag: 'parent' }), FILES, 'mmr');
    await lab.rescan();
    await lab.sh('mount -t 9p -o trans=virtio,version=9p2000.L parent /mnt');
    expect(await lab.sh(`cd ${TYPE}; ls -1; cat name device_api available_instances`)).toBe(
      [
        ...['available_instances', 'create', 'description', 'device_api', 'devices', 'name'],
        ...['disk with 1 queues', 'vfio-pci', '2'],
      ].join('\n'),
    );
    const [uuid, other] = [uuidOf(0x41), uuidOf(0x42)];
    await lab.sh(`echo ${uuid} > ${TYPE}/create`);
    expect(
      await lab.sh(
        `cat ${TYPE}/available_instances; ls -1 /mnt ${TYPE}/devices; readlink /mnt/${uuid}/mdev_type`,
      ),
    ).toBe(
      `1\n/mnt:\n${uuid}\nmdev_supported_types\n\n${TYPE}/devices:\n${uuid}\n../mdev_supported_types/virtiolab-block-1`,
    );
    const refusals = [
      `echo ${uuid} > ${TYPE}/create`,
      `echo nonsense > ${TYPE}/create`,
      `echo ünffffff-0000-4000-8000-000000000001 > ${TYPE}/create`,
      `echo 5 > ${TYPE}/available_instances`,
      `cat ${TYPE}/create`,
      `echo ${other} > ${TYPE}/create && echo ${uuidOf(0x43)} > ${TYPE}/create`,
      `echo nonsense > /mnt/${uuid}/remove`,
    ];
    expect(await lab.sh(refusals.map((each) => `(${each}) 2>&1 | sed 's/.*: //'`).join('; '))).toBe(
      [
        ...['File exists', 'Invalid argument', 'Invalid argument', 'Permission denied', 'Permission denied'],
        ...['No space left on device', 'Invalid argument'],
      ].join('\n'),
    );
    host.parent.attach(uuid, lab.board, functionAddress(0, SLICE));
    await lab.rescan();
    const disk = await lab.sh(`basename ${pciFolder(SLICE)}/virtio*/block/*`);
    expect(
      await lab.sh(`dd if=/dev/${disk} bs=512 count=1 2>/dev/null | hexdump -ve '1/1 "%c"' | cut -c 1-4`),
    ).toBe('AAAA');
    expect(host.parent.slice(uuid).counts.delivered).toBeGreaterThan(0);
    await lab.sh(`echo 1 > ${pciFolder(SLICE)}/remove; echo 1 > /mnt/${uuid}/remove`);
    expect(await lab.sh(`cat ${TYPE}/available_instances; ls -1 /mnt`)).toBe(
      `1\n${other}\nmdev_supported_types`,
    );
    // The guest knows the file still, and its parent does not.
    host.parent.removeType('virtiolab-block-1');
    expect(await lab.sh(`(cat ${TYPE}/name 2>&1 || true) | sed 's/.*: //'`)).toBe('No such device');
    expect(lab.findings).toEqual([]);
  });
});
