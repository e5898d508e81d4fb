import { duplexPair } from 'node:stream';
import { beforeEach, describe, expect, it } from 'vitest';
import { TargetGoneError, TargetTimeoutError } from '../../../src/core/index.ts';
import { Qmp, QmpError } from '../../../src/hosts/qemu/index.ts';

const GREETING = '{"QMP": {"version": {}, "capabilities": ["oob"]}}\r\n';
const turn = () => new Promise((resolve) => setImmediate(resolve));

let qmp: Qmp;
let said: string[];
let say: (text: string) => void;
let hangUp: () => void;

/** The commands that came, without their ids. */
const commands = () => said.map((line) => JSON.parse(line).execute);

beforeEach(() => {
  const [ours, theirs] = duplexPair();
  said = [];
  theirs.setEncoding('utf8');
  theirs.on('data', (text: string) => said.push(...text.trim().split('\n')));
  say = (text) => void theirs.write(text);
  hangUp = () => theirs.end();
  qmp = new Qmp(ours, 'QEMU');
});

describe("QEMU's machine protocol", () => {
  it('is greeted first, in whatever pieces the greeting comes', async () => {
    const opened = qmp.open();
    await turn();
    expect(said).toEqual([]);
    say(GREETING.slice(0, 10));
    await turn();
    say(GREETING.slice(10));
    while (said.length === 0) await turn();
    expect(said).toEqual(['{"execute":"qmp_capabilities","id":1}']);
    say('{"return": {}, "id": 1}\r\n');
    await opened;
  });

  it('gives each command its own answer, whatever comes between them', async () => {
    const first = qmp.execute('query-status');
    const second = qmp.execute('device_add', { driver: 'none' });
    while (said.length < 2) await turn();
    expect(commands()).toEqual(['query-status', 'device_add']);
    say('{"event": "RESUME", "timestamp": {}}\r\n');
    say(
      '{"error": {"class": "GenericError", "desc": "no such model"}, "id": 2}\r\n{"return": {"a": 1}, "id": 1}\r\n',
    );
    expect(await first).toEqual({ a: 1 });
    const error = await second.catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(QmpError);
    expect(error).toMatchObject({
      command: 'device_add',
      kind: 'GenericError',
      description: 'no such model',
    });
  });

  it('has events that came before they were asked for, and those to come', async () => {
    const heard: string[] = [];
    qmp.onEvent = ({ event }) => heard.push(event);
    say('{"event": "DEVICE_DELETED", "data": {"device": "a"}}\r\n{"event": "STOP"}\r\n');
    while (qmp.eventCount < 2) await turn();
    const of = (device: string) => (data: Readonly<Record<string, unknown>>) => data['device'] === device;
    expect(await qmp.event('DEVICE_DELETED', 0, of('a'))).toMatchObject({ data: { device: 'a' } });
    const later = qmp.event('DEVICE_DELETED', 1, of('a'));
    say('{"event": "DEVICE_DELETED", "data": {"device": "b"}}\r\n');
    say('{"event": "DEVICE_DELETED", "data": {"device": "a", "path": "/second"}}\r\n');
    expect(await later).toMatchObject({ data: { path: '/second' } });
    expect(heard).toEqual(['DEVICE_DELETED', 'STOP', 'DEVICE_DELETED', 'DEVICE_DELETED']);
  });

  it('waits for a limited time, and takes an answer that is late for nobody else', async () => {
    await expect(qmp.execute('stop', undefined, { timeoutMs: 20 })).rejects.toThrow(
      new TargetTimeoutError('QEMU', 'stop', 20).message,
    );
    await expect(qmp.event('STOP', 0, undefined, { timeoutMs: 20 })).rejects.toThrow(TargetTimeoutError);
    const next = qmp.execute('cont');
    say('{"return": "late", "id": 1}\r\n{"return": "in time", "id": 2}\r\n');
    expect(await next).toBe('in time');
  });

  it('ends every wait when QEMU hangs up', async () => {
    const waits = [qmp.execute('stop'), qmp.event('STOP', 0)];
    const results = Promise.allSettled(waits);
    await turn();
    hangUp();
    for (const { status, reason } of (await results) as PromiseRejectedResult[]) {
      expect(status).toBe('rejected');
      expect(reason).toBeInstanceOf(TargetGoneError);
    }
    await expect(qmp.execute('cont')).rejects.toThrow('QEMU is gone: its monitor hung up');
  });

  it.each(['}\r\n', 'QEMU 7.2.0 monitor\r\n', '4\r\n', 'null\r\n'])('takes %j for the end', async (text) => {
    const wait = qmp.execute('stop');
    say(text);
    await expect(wait).rejects.toThrow('its monitor said');
  });
});
