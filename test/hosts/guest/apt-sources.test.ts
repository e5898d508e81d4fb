import { describe, expect, it } from 'vitest';
import {
  formatSources,
  parseDeb822Sources,
  parseDistribution,
  parseOneLineSources,
  sourcesForSuite,
} from '../../../src/hosts/guest/apt-sources.ts';

const DEB822 = `# managed by nobody
Types: deb deb-src
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/debian.gpg

Types: deb
URIs: http://mirror.example/private
Suites: bookworm
Components: main
Enabled: no

Types: deb
URIs: http://other.example/tools
Suites: stable
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 mQINBF
 -----END PGP PUBLIC KEY BLOCK-----
`;

const ONE_LINE = `# deb http://old.example/debian bookworm main
deb [arch=amd64 signed-by=/k.gpg] http://mirror.example/debian trixie main non-free # comment
deb-src http://mirror.example/debian trixie main
deb http://flat.example/ ./
`;

describe("apt's sources", () => {
  it('reads deb822 stanzas, without the disabled ones, with key blocks', () => {
    const sources = parseDeb822Sources(DEB822);
    expect(sources).toHaveLength(2);
    expect(sources[0]).toEqual({
      types: ['deb', 'deb-src'],
      uris: ['http://mirror.example/debian'],
      suites: ['bookworm', 'bookworm-updates'],
      components: ['main', 'contrib'],
      signedBy: '/usr/share/keyrings/debian.gpg',
    });
    expect(sources[1]!.signedBy).toContain('\n mQINBF\n');
  });

  it('reads one-line entries with options and comments', () => {
    const [first, , flat] = parseOneLineSources(ONE_LINE);
    expect(first).toEqual({
      types: ['deb'],
      uris: ['http://mirror.example/debian'],
      suites: ['trixie'],
      components: ['main', 'non-free'],
      signedBy: '/k.gpg',
    });
    expect(flat).toMatchObject({ suites: ['./'], components: [] });
  });

  it('takes the sources that carry the release, and of them only what is needed', () => {
    const found = sourcesForSuite(
      parseDeb822Sources(DEB822),
      { id: 'debian', codename: 'bookworm' },
      'bookworm',
    );
    expect(found).toHaveLength(1);
    expect(formatSources(found)).toBe(`Types: deb
URIs: http://mirror.example/debian
Suites: bookworm
Components: main
Signed-By: /usr/share/keyrings/debian.gpg
`);
  });

  it("asks a newer Debian's mirror for the release", () => {
    const machine = parseOneLineSources(ONE_LINE);
    const found = sourcesForSuite(machine, { id: 'debian', codename: 'trixie' }, 'bookworm');
    expect(found).toEqual([
      {
        types: ['deb'],
        uris: ['http://mirror.example/debian'],
        suites: ['bookworm'],
        components: ['main'],
        signedBy: '/k.gpg',
      },
    ]);
    expect(sourcesForSuite(machine, { id: 'ubuntu', codename: 'trixie' }, 'bookworm')).toEqual([]);
  });

  it('reads the distribution from os-release', () => {
    expect(parseDistribution('NAME="Debian"\nVERSION_CODENAME=bookworm\nID=debian\n')).toEqual({
      id: 'debian',
      codename: 'bookworm',
    });
    expect(parseDistribution('')).toEqual({ id: '', codename: '' });
  });
});
