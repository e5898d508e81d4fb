import { describe, expect, it } from 'vitest';
import { GuestCommandError, GuestPanicError, GuestTimeoutError } from '../../../src/hosts/guest/errors.ts';
import { SerialConsole } from '../../../src/hosts/guest/serial-console.ts';
import { GuestShell } from '../../../src/hosts/guest/shell.ts';

/** A guest that answers commands from a table, as a shell behind a serial line would. */
function talk(answers: Readonly<Record<string, readonly [output: string, status: number]>>) {
  const sent: string[] = [];
  const lines: string[] = [];
  const serial: SerialConsole = new SerialConsole((text) => {
    sent.push(text);
    const match = /^printf '@@%s:begin@@\\n' (\d+)\neval '(.*)' <\/dev\/null 2>&1\n/s.exec(text);
    const answer = answers[match?.[2] ?? ''];
    if (match === null || answer === undefined) return;
    say(`@@${match[1]}:begin@@\n${answer[0]}\n@@${match[1]}:end:${answer[1]}@@\n`);
  });
  const say = (text: string) => {
    for (const byte of new TextEncoder().encode(text)) serial.receive(byte);
  };
  serial.onLine = (line) => lines.push(line);
  return { shell: new GuestShell(serial), serial, sent, lines, say };
}

describe('commands over a serial line', () => {
  it('give output and exit status exactly, whatever the output ends with', async () => {
    const { shell } = talk({ half: ['no newline', 0], whole: ['a line\n', 3], 'äöü €': ['ü\n\n', 0] });
    expect(await shell.run('half')).toEqual({ output: 'no newline', exitCode: 0 });
    expect(await shell.run('whole')).toEqual({ output: 'a line\n', exitCode: 3 });
    expect(await shell.run('äöü €')).toEqual({ output: 'ü\n\n', exitCode: 0 });
    await expect(shell.runOk('whole')).rejects.toThrow(GuestCommandError);
    await expect(shell.runOk('whole')).rejects.toThrow('`whole` ended with 3 in the guest: a line');
  });

  it('quote what the shell would take apart', async () => {
    const { shell, sent } = talk({ "echo '\\''x'\\''": ['x', 0] });
    await shell.run("echo 'x'");
    expect(sent[0]).toContain("eval 'echo '\\''x'\\''' </dev/null");
  });

  it('run one after the other', async () => {
    const { shell } = talk({ a: ['1', 0], b: ['2', 0] });
    expect(await Promise.all([shell.run('a'), shell.run('b')])).toEqual([
      { output: '1', exitCode: 0 },
      { output: '2', exitCode: 0 },
    ]);
  });

  it('end with what the guest printed last when they are late, and are interrupted', async () => {
    const { shell, say, sent } = talk({ next: ['ok', 0] });
    const late = shell.run('hang', { timeoutMs: 20 });
    await Promise.resolve();
    say('@@1:begin@@\r\nsome output\r\nand half a li');
    await expect(late).rejects.toMatchObject({
      timeoutMs: 20,
      waitedFor: 'end of `hang`',
      lastLines: ['some output', 'and half a li'],
    });
    await expect(late).rejects.toThrow(GuestTimeoutError);
    expect(sent.at(-1)).toBe('\x03');
    expect(await shell.run('next')).toEqual({ output: 'ok', exitCode: 0 });
  });

  it('fail at once, and for good, when the kernel dies', async () => {
    const { shell, say } = talk({});
    const doomed = shell.run('boom', { timeoutMs: 60_000 });
    await Promise.resolve();
    say('[    1.5] Kernel panic - not syncing: Fatal exception in interrupt\n');
    await expect(doomed).rejects.toThrow(GuestPanicError);
    await expect(shell.run('more')).rejects.toThrow('Fatal exception in interrupt');
  });

  it('keep their marks out of what is reported', async () => {
    const { shell, lines } = talk({ a: ['seen\n', 0] });
    await shell.run('a');
    expect(lines).toEqual(['seen', '']);
  });
});
