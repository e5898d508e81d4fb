import { describe, expect, it } from 'vitest';
import { VirtiolabError } from '../../src/core/index.ts';
import { sampleDevice, UnknownSubjectError } from '../../src/testing/devices.ts';
import { kindsOf, openSubject, ourSource, type SubjectKind } from '../../src/testing/subjects.ts';

describe('a name that no device of ours has', () => {
  it.each([
    ['sampleDevice', () => sampleDevice('gpu')],
    ['sampleDevice of what every object has', () => sampleDevice('constructor')],
    ['openSubject', () => openSubject('gpu', 'modern')],
    ['kindsOf', () => kindsOf('gpu')],
    ['ourSource', () => ourSource('gpu', 'modern')],
  ])('is refused by %s with the names that there are', (_, use) => {
    expect(use).toThrow(UnknownSubjectError);
    expect(use).toThrow(VirtiolabError);
    expect(use).toThrow(/^unknown device type '(gpu|constructor)'; types are network, block, .*vsock$/);
  });

  it.each([
    ['block', 'upright'],
    ['balloon', 'owner'],
    ['rtc', 'legacy'],
  ])('is refused as a kind: %s:%s', (type, kind) => {
    const open = () => openSubject(type, kind as SubjectKind);
    expect(open).toThrow(UnknownSubjectError);
    expect(open).toThrow(
      `unknown kind '${kind}' of ${type} functions; kinds are ${kindsOf(type).join(', ')}`,
    );
  });
});
