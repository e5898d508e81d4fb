import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { answer, QemuFront } from '../../../src/hosts/qtest-server/index.ts';
import { LineClient } from './line-client.ts';

const folder = mkdtempSync(join(tmpdir(), 'virtiolab-front-'));
const monitor = join(folder, 'monitor');
const disk = join(folder, 'disk');
writeFileSync(disk, new Uint8Array(64 * 512));
let front: QemuFront | null = null;
afterEach(async () => {
  await front?.close();
  front = null;
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const words = (line: string) => line.split(' ').map((word) => word.replace('FOLDER', folder));
const start = async (line: string) => (front = await QemuFront.start(words(line)));

/** The ids at a place of bus 0. */
function idsOf({ machine }: QemuFront, device: number): string {
  answer(machine, `outl 0xcf8 ${0x80000000 + (device << 11)}`);
  return answer(machine, 'inl 0xcfc').slice(3);
}

const QMP = '-qmp unix:FOLDER/monitor,server=on,wait=off';

/** A client of the monitor that has agreed. */
async function agreed(): Promise<{
  ask(request: object): Promise<Record<string, unknown>>;
  events: unknown[];
  client: LineClient;
}> {
  const client = await LineClient.connect(monitor);
  const events: unknown[] = [];
  const read = async () => {
    for (;;) {
      const value = JSON.parse((await client.line())!) as Record<string, unknown>;
      if (!('event' in value)) return value;
      events.push(value['event'], value['data']);
    }
  };
  expect(await read()).toMatchObject({ QMP: { version: { package: 'virtiolab' }, capabilities: [] } });
  const ask = (request: object) => {
    client.socket.write(JSON.stringify(request));
    return read();
  };
  expect(await ask({ execute: 'qmp_capabilities' })).toEqual({ return: {} });
  return { ask, events, client };
}

const error = (desc: string, kind = 'GenericError') => ({ error: { class: kind, desc } });

describe("QEMU's options", () => {
  it('make devices where they say, of the kind they say', async () => {
    const made = await start(
      '-machine pc-i440fx-7.2,accel=qtest -nodefaults -display none -m 64M ' +
        '-drive if=none,id=d,file=FOLDER/disk,format=raw,snapshot=on -device virtio-blk-pci,id=b,drive=d,addr=04.0 ' +
        '-device virtio-blk-pci,drive=d,addr=1f,disable-modern=on -device virtio-rng-pci-non-transitional ' +
        '-netdev hubport,id=n,hubid=0 -device virtio-net-pci,netdev=n,mac=52:54:00:00:00:07,disable-legacy=on,addr=0x6 ' +
        '-device virtio-serial-pci,id=s -device virtconsole,bus=s.0 -device virtserialport,bus=s.0,nr=3,name=x ' +
        '-device virtio-scsi-pci,id=h -device scsi-hd,drive=d -device scsi-hd,drive=d,lun=5 ' +
        '-fsdev synth,id=f -device virtio-9p-pci,fsdev=f,mount_tag=t -device virtio-balloon-pci -device vhost-vsock-pci,guest-cid=9,disable-legacy=on',
    );
    expect(Array.from({ length: 12 }, (_, device) => idsOf(made, device))).toEqual([
      ...['0x81b36', '0x70008086', '0x10441af4', '0x10031af4', '0x10011af4', '0x10041af4', '0x10411af4'],
      ...['0x10091af4', '0x10021af4', '0x10531af4', '0xffffffff', '0xffffffff'],
    ]);
    expect(idsOf(made, 0x1f)).toBe('0x10011af4');
  });

  it.each([
    ['-cdrom x', '-cdrom: not understood here; options are M, S, accel'],
    ['x', 'x: is no option'],
    ['-device', '-device: wants a value after it'],
    ['-machine q35', "-machine: no machine 'q35' here; there are pc, none"],
    ['-machine pc,size=3', "-machine pc: no property 'size' here; there are accel"],
    ['-machine pc,memory-backend=m', 'memory-backend=m: there is no such object'],
    ['-m 1B', '-m: 1B: wants 1M to 3G'],
    ['-m 4G', '-m: 4G: wants 1M to 3G'],
    ['-object egg,id=1', '-object egg: no such object here'],
    ['-device e1000', '-device e1000: no such device here; there are virtio-blk-pci,'],
    ['-device virtio-rng-pci,colour=red', "-device virtio-rng-pci: no property 'colour' here; there are"],
    ['-device virtio-rng-pci,addr=20', 'addr=20: wants 00.0 to 1f.7'],
    ['-device virtio-rng-pci,addr=5.1', 'function 0'],
    ['-device virtio-rng-pci,addr=1', '00:01.0'],
    ['-device virtio-rng-pci,packed=perhaps', 'packed=perhaps: wants on or off'],
    ['-device virtio-rng-pci,disable-legacy=on,disable-modern=on', 'neither legacy nor modern'],
    ['-device vhost-vsock-pci', 'vsock'],
    ['-device virtio-rng-pci,bus=pcie.0', 'bus=pcie.0: wants pci.0'],
    ['-device virtio-blk-pci', '-device virtio-blk-pci: wants drive='],
    ['-device virtio-blk-pci,drive=d', 'drive=d: wants a drive; there are none'],
    ['-device virtio-net-pci,mac=1:2', 'mac=1:2: wants six bytes'],
    ['-device virtio-net-pci,netdev=n', 'netdev=n: wants a netdev; there are none'],
    ['-device virtio-scsi-pci,num_queues=0', 'num_queues=0: wants a whole number of 1..64'],
    ['-device virtconsole', '-device virtconsole: wants a virtio-serial-pci before it'],
    ['-device scsi-hd,drive=d', 'wants a virtio-scsi-pci before it'],
    ['-device virtio-serial-pci,id=s -device virtserialport,nr=99', 'port 99'],
    ['-device virtio-rng-pci,id=a -device virtio-rng-pci,id=a', "there is a device 'a' already"],
    ['-drive if=none,file=FOLDER/disk', '-drive FOLDER/disk: wants id='],
    ['-drive id=d,file=FOLDER/disk,format=qcow2', 'format=qcow2: wants raw'],
    ['-drive id=d,if=ide,file=FOLDER/disk', 'if=ide: wants none'],
    ['-drive id=d,file=FOLDER/none', 'no such file'],
    ['-drive id=d,file=null-co:// -drive id=d,file=null-co://', "there is a drive 'd' already"],
    ['-blockdev driver=qcow2,node-name=d', 'driver=qcow2: wants file or null-co'],
    ['-netdev tap,id=t', 'type=tap: wants hubport, socket or user'],
    ['-netdev socket,id=s', 'wants fd=, or udp= and localaddr='],
    ['-netdev socket,id=s,udp=1,localaddr=127.0.0.1:1', 'udp=1: wants ADDRESS:PORT'],
    ['-chardev stdio,id=c', 'backend=stdio: wants null, file or socket'],
    ['-fsdev local,id=f,path=FOLDER', 'wants readonly=on'],
    ['-fsdev local,id=f,path=FOLDER/none,readonly=on', 'cannot be read (ENOENT)'],
    ['-qtest tcp:1', '-qtest: tcp:1: wants unix:PATH or pipe:PATH'],
    ['-qtest unix:FOLDER/none', 'cannot be connected to (ENOENT)'],
    ['-qtest pipe:FOLDER/none', 'none.in cannot be opened (ENOENT)'],
    ['-mon c', 'chardev=c: wants a chardev; there are none'],
    ['-chardev null,id=c -mon c,mode=control', 'wants a socket'],
  ])('%j is refused by name', async (line, reason) => {
    await expect(start(line)).rejects.toThrow(reason.replace('FOLDER', folder));
  });
});

describe('the monitor', () => {
  it('answers what test programs ask', async () => {
    await start(`-machine none ${QMP}`);
    const { ask, events } = await agreed();
    expect(await ask({ execute: 'query-status', id: 7 })).toEqual({
      return: { status: 'running', running: true, singlestep: false },
      id: 7,
    });
    const machines = (await ask({ execute: 'query-machines' }))['return'] as { name: string }[];
    expect(machines.map(({ name }) => name)).toEqual(['pc', 'none']);
    const types = (await ask({ execute: 'qom-list-types', arguments: { implements: 'device' } }))['return'];
    expect(types).toContainEqual({ name: 'virtio-blk-pci', parent: 'device' });
    expect((await ask({ execute: 'query-commands' }))['return']).toContainEqual({ name: 'device_add' });
    for (const execute of ['stop', 'stop', 'cont', 'system_reset'])
      expect(await ask({ execute })).toEqual({ return: {} });
    expect(events).toEqual([
      ...['STOP', undefined, 'RESUME', undefined],
      ...['RESET', { guest: false, reason: 'host-qmp-system-reset' }],
    ]);
    expect(await ask({ execute: 'quit' })).toEqual({ return: {} });
    expect(await front!.ended).toBe('quit');
  });

  it('says what is wrong, and goes on', async () => {
    await start(QMP);
    const early = await LineClient.connect(monitor);
    await early.line();
    expect(JSON.parse((await early.ask('{"execute": "query-status"}'))!)).toEqual(
      error(
        "Expecting capabilities negotiation with 'qmp_capabilities' before command 'query-status'",
        'CommandNotFound',
      ),
    );
    early.close();
    const { ask } = await agreed();
    expect(await ask({ execute: 'dance', id: 'x' })).toEqual({
      ...error('The command dance has not been found', 'CommandNotFound'),
      id: 'x',
    });
    expect(await ask({ execute: 'toString' })).toMatchObject({ error: { class: 'CommandNotFound' } });
    expect(await ask({ run: 1 })).toEqual(error("QMP input lacks member 'execute'"));
    expect(await ask({ execute: 'stop', arguments: [1] })).toMatchObject({
      error: { class: 'GenericError' },
    });
    expect(
      await ask({ execute: 'device_add', arguments: { driver: 'virtio-rng-pci', x: {} } }),
    ).toMatchObject({
      error: { desc: "Invalid parameter type for 'x', expected: string, number or boolean" },
    });
    expect(await ask({ execute: 'device_add', arguments: {} })).toEqual(
      error("Parameter 'driver' is missing"),
    );
    expect(await ask({ execute: 'device_del', arguments: { id: 'no' } })).toEqual(
      error("device_del: Device 'no' not found"),
    );
    expect(await ask({ execute: 'block_resize', arguments: { device: 'd', size: 1 } })).toEqual(
      error("Cannot find device='d'"),
    );
    expect(await ask({ execute: 'balloon', arguments: { value: 1 } })).toMatchObject({
      error: { class: 'DeviceNotActive' },
    });
  });

  it('is not kept up by garbage, nor by clients that leave', async () => {
    await start(QMP);
    const { client } = await agreed();
    client.socket.write('\0\xff nonsense\n{"execute"');
    expect(JSON.parse((await client.line())!)).toEqual(error('JSON parse error, expecting an object'));
    client.close();
    const endless = await LineClient.connect(monitor);
    const gone = new Promise<void>((resolve) => endless.socket.once('close', () => resolve()));
    endless.socket.write(`{"a": "${'x'.repeat(3 << 20)}`);
    await gone;
    const { ask } = await agreed();
    expect(await ask({ execute: 'stop' })).toEqual({ return: {} });
  });

  it('plugs devices in, and takes them out when their driver lets them go', async () => {
    const made = await start(QMP);
    const { ask, events } = await agreed();
    const add = (args: object) => ask({ execute: 'device_add', arguments: args });
    const remove = (id: string) => ask({ execute: 'device_del', arguments: { id } });
    expect(await add({ driver: 'virtio-rng-pci', id: 'r', addr: '06.0', packed: true })).toEqual({
      return: {},
    });
    expect(idsOf(made, 6)).toBe('0x10051af4');
    expect(await add({ driver: 'virtio-rng-pci', addr: '06.0' })).toMatchObject({ error: {} });
    expect(await remove('r')).toEqual({ return: {} });
    expect([idsOf(made, 6), events]).toEqual(['0x10051af4', []]);
    answer(made.machine, 'outl 0xae08 0xffffffbf');
    expect(idsOf(made, 6)).toBe('0x10051af4');
    answer(made.machine, 'outl 0xae08 0x40');
    expect(idsOf(made, 6)).toBe('0xffffffff');
    expect(await add({ driver: 'virtio-serial-pci', id: 's', addr: '7' })).toEqual({ return: {} });
    expect(await add({ driver: 'virtserialport', id: 'p' })).toEqual({ return: {} });
    expect(await remove('p')).toEqual({ return: {} });
    await remove('s');
    await ask({ execute: 'system_reset' });
    expect(idsOf(made, 7)).toBe('0xffffffff');
    await ask({ execute: 'query-status' });
    expect(events).toEqual([
      ...['DEVICE_DELETED', { device: 'r', path: '/machine/peripheral/r' }],
      ...['DEVICE_DELETED', { device: 'p', path: '/machine/peripheral/p' }],
      ...['DEVICE_DELETED', { device: 's', path: '/machine/peripheral/s' }],
      ...['RESET', { guest: false, reason: 'host-qmp-system-reset' }],
    ]);
  });

  it('tells of a reset by the guest', async () => {
    const made = await start(QMP);
    const { ask, events } = await agreed();
    answer(made.machine, 'outb 0xcf9 6');
    await ask({ execute: 'query-status' });
    expect(events).toEqual(['RESET', { guest: true, reason: 'guest-reset' }]);
  });

  it('resizes drives, and inflates the balloon', async () => {
    const made = await start(
      `-m 64 -drive id=d,file=FOLDER/disk -drive id=n,file=null-co:// -device virtio-balloon-pci,id=b -device virtio-blk-pci,drive=d ${QMP}`,
    );
    const { ask } = await agreed();
    const resize = (device: string, size: number) =>
      ask({ execute: 'block_resize', arguments: { device, size } });
    expect(await resize('d', 512)).toEqual({ return: {} });
    expect(made.machine.nodes.drives.get('d')!.storage.length).toBe(512);
    expect(await resize('d', 64 * 512)).toEqual({ return: {} });
    expect(await resize('d', 65 * 512)).toMatchObject({
      error: { desc: expect.stringContaining('32768 at most') },
    });
    expect(await resize('n', 2 ** 31)).toEqual({ return: {} });
    expect(await resize('n', 100)).toMatchObject({ error: {} });
    expect(await ask({ execute: 'balloon', arguments: { value: 62 << 20 } })).toEqual({ return: {} });
    expect([...made.machine.hosts].find(({ balloon }) => balloon)!.balloon!.target).toBe(512);
  });
});

describe('the monitor for people', () => {
  const PROMPT = '(qemu) ';

  it('knows what the other one knows, in its own form', async () => {
    const wire = createSocket('udp4');
    await new Promise<void>((resolve) => wire.bind(0, '127.0.0.1', () => resolve()));
    const made = await start(
      `-m 64 -netdev socket,id=w,udp=127.0.0.1:${wire.address().port},localaddr=127.0.0.1:0 ` +
        '-device virtio-net-pci,id=nic,netdev=w,mac=52:54:00:00:00:07 -device virtio-balloon-pci -device virtio-scsi-pci ' +
        '-chardev socket,id=m,path=FOLDER/monitor,server=on,wait=off -mon m',
    );
    const client = await LineClient.connect(monitor);
    let heard = '';
    client.socket.on('data', (text) => (heard += text));
    const ask = async (line: string) => {
      client.socket.write(`${line}\r\n`);
      while (!heard.endsWith(PROMPT)) await once(client.socket, 'data');
      const said = heard.slice(0, -PROMPT.length);
      heard = '';
      return said.trim();
    };
    while (heard !== PROMPT) await once(client.socket, 'data');
    heard = '';
    expect(await ask('balloon 62')).toBe('');
    expect(made.machine.host('#0')!.balloon!.target).toBe(512);
    expect(await ask('info balloon')).toBe('balloon: actual=64');
    expect(await ask('set_link nic off')).toBe('');
    expect(made.machine.host('nic')!.network!.linkUp).toBe(false);
    expect(await ask('set_link egg on')).toBe("Error: Device 'egg' not found");
    expect(await ask('drive_add 0 if=none,id=n,file=null-co://,format=raw')).toBe('OK');
    expect(await ask('device_add scsi-hd,drive=n,id=d,lun=3')).toBe('');
    expect(await ask('device_add scsi-hd,drive=n,scsi-id=0,lun=3')).toContain('there is one already');
    expect(await ask('device_del d')).toBe('');
    expect(await ask('info weather')).toContain("'weather' is not known");
    expect(await ask('stop')).toBe('');
    expect(await ask('info status')).toBe('VM status: paused');
    expect(await ask('')).toBe('');
    expect(await ask('jump')).toBe("unknown command: 'jump'");
    expect(await ask('balloon much')).toBe("Error: 'much' is no size");
    const frame = once(wire, 'message');
    expect(await ask('announce_self')).toBe('');
    const [sent] = (await frame) as [Buffer];
    expect(sent.subarray(0, 42).toString('hex')).toBe(
      'ffffffffffff5254000000078035' + '0001080006040003' + '52540000000700000000' + '52540000000700000000',
    );
    expect(sent.length).toBe(60);
    wire.close();
    client.close();
  });
});

describe('a test program that listens', () => {
  const listeners: Server[] = [];
  const sockets: Socket[] = [];
  /** Somebody's socket, as a test program has it before it starts a QEMU. */
  async function listen(name: string): Promise<Promise<Socket>> {
    const path = join(folder, name);
    rmSync(path, { force: true });
    const server = createServer().listen(path);
    listeners.push(server);
    await once(server, 'listening');
    return (async () => {
      const [socket] = (await once(server, 'connection')) as [Socket];
      sockets.push(socket);
      return socket;
    })();
  }
  afterEach(() => {
    for (const socket of sockets.splice(0)) socket.destroy();
    for (const server of listeners.splice(0)) server.close();
  });

  it('is connected to, on both sockets, and ends the program by leaving', async () => {
    const accepted = [listen('q'), listen('m')].map(async (each) => await each);
    await new Promise((resolve) => setTimeout(resolve, 50));
    const made = await start(
      '-qtest unix:FOLDER/q -qtest-log /dev/null -chardev socket,path=FOLDER/m,id=char0 -mon chardev=char0,mode=control -display none -accel qtest',
    );
    const [qtest, qmp] = await Promise.all(accepted);
    qtest!.write('endianness\n');
    expect(String(await once(qtest!, 'data'))).toBe('OK little\n');
    expect(String(await once(qmp!, 'data'))).toContain('"QMP"');
    qtest!.destroy();
    expect(await made.ended).toBe('the qtest client has left');
  });

  it('gets what a console port says, in a file and on a socket', async () => {
    mkdirSync(join(folder, 'exported'), { recursive: true });
    const accepted = listen('c').then((each) => each);
    await new Promise((resolve) => setTimeout(resolve, 50));
    await start(
      '-device virtio-serial-pci -chardev file,id=f,path=FOLDER/out -chardev socket,id=s,path=FOLDER/c ' +
        '-device virtconsole,chardev=f -device virtserialport,chardev=s -fsdev local,id=x,path=FOLDER/exported,readonly=on',
    );
    await accepted;
    expect(readFileSync(join(folder, 'out'), 'utf8')).toBe('');
  });
});
