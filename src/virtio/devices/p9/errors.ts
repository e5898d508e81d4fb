import { P9Writer, p9Error, p9Header, p9Messages, p9Version } from '../../layout/index.ts';

/** Errors that a device answers by itself, in the words of versions that have texts. */
const texts: Readonly<Record<number, string>> = {
  [p9Error.io]: 'Input/output error',
  [p9Error.invalid]: 'Invalid argument',
  [p9Error.tooLong]: 'Message too long',
};

/** An error as the version that driver and server speak has it. @param error one of {@link p9Error}. */
export function errorReply(version: string, tag: number, error: number): Uint8Array {
  const body = new P9Writer();
  const linux = version === p9Version.linux;
  if (linux) body.uint(error, 4);
  else body.string(texts[error] ?? `error ${error}`);
  if (version === p9Version.unix) body.uint(error, 4);
  const { type } = linux ? p9Messages.Rlerror : p9Messages.Rerror;
  return new P9Writer()
    .uint(p9Header.bytes + body.length, 4)
    .uint(type, 1)
    .uint(tag, 2)
    .raw(body.take())
    .take();
}
