/**
 * Just enough lexing to find imports and identifiers without a parser: comments, string contents and regular
 * expressions are blanked (same length, newlines kept), so that patterns match code only and offsets stay true.
 */

export interface ImportSite {
  readonly line: number;
  readonly specifier: string;
  /** `import type` and `export type`: erased before anything runs. Inline `{ type A }` is not: the module still loads. */
  readonly typeOnly: boolean;
}

// After one of these a slash starts a regular expression; after a name, a number or a closing bracket it divides.
const BEFORE_REGEX =
  /(?:^|[(,=:[!&|?{};+\-*%~^<>]|\b(?:return|typeof|case|in|of|do|else|void|throw|yield|await))\s*$/;
const QUOTED = /(["'])(?:\\[\s\S]|(?!\1)[^\\\n])*\1/y;
const REGEX = /\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\[\n])+\/[a-z]*/y;
const COMMENT = /\/\/[^\n]*|\/\*[\s\S]*?(?:\*\/|$)/y;
const TEMPLATE_PART = /(?:\\[\s\S]|\$(?!\{)|[^\\`$])*/y;

const blank = (text: string): string => text.replace(/[^\n]/g, ' ');

function matchAt(pattern: RegExp, source: string, at: number): string | undefined {
  pattern.lastIndex = at;
  return pattern.exec(source)?.[0];
}

/** The source with everything that is not code blanked; quotes stay, so that a specifier can be found again. */
export function maskSource(source: string): string {
  let masked = '';
  const openBraces: number[] = []; // one entry per template expression we are inside of: its open braces

  const template = (): void => {
    masked += blank(matchAt(TEMPLATE_PART, source, masked.length) ?? '');
    if (source.startsWith('${', masked.length)) {
      masked += '${';
      openBraces.push(0);
    } else masked += source.charAt(masked.length);
  };

  while (masked.length < source.length) {
    const at = masked.length;
    const char = source.charAt(at);
    const depth = openBraces.length - 1;
    const comment = matchAt(COMMENT, source, at);
    if (comment !== undefined) masked += blank(comment);
    else if (char === '"' || char === "'") {
      const quoted = matchAt(QUOTED, source, at) ?? char;
      masked += quoted.length > 1 ? char + blank(quoted.slice(1, -1)) + char : char;
    } else if (char === '`') {
      masked += char;
      template();
    } else if (char === '}' && openBraces[depth] === 0) {
      masked += char;
      openBraces.pop();
      template();
    } else if (char === '/' && BEFORE_REGEX.test(masked.slice(-80))) {
      masked += blank(matchAt(REGEX, source, at) ?? char);
    } else {
      if (depth >= 0 && char === '{') openBraces[depth]!++;
      if (depth >= 0 && char === '}') openBraces[depth]!--;
      masked += char;
    }
  }
  return masked;
}

// Bindings may run over several lines; `export` needs `from`, a bare `import '...'` does not.
const STATIC =
  /(?<![.\w$])(?:import(?:\s+type\b(?!\s*from))?(?:\s*[\w$\s{},*]*?\bfrom)?|export(?:\s+type\b)?\s*[\w$\s{},*]*?\bfrom)\s*(["'])/g;
const DYNAMIC = /(?<![.\w$])import\s*\(\s*(["'`])/g;

/** Every import, re-export and literal dynamic import of a source, in order. */
export function findImports(source: string, masked = maskSource(source)): ImportSite[] {
  const sites: (ImportSite & { at: number })[] = [];
  for (const pattern of [STATIC, DYNAMIC]) {
    for (const match of masked.matchAll(pattern)) {
      const start = match.index + match[0].length;
      sites.push({
        at: match.index,
        line: lineAt(source, match.index),
        specifier: source.slice(start, masked.indexOf(match[1]!, start)),
        typeOnly: /^(?:import|export)\s+type\b(?!\s*from)/.test(match[0]),
      });
    }
  }
  return sites
    .sort((a, b) => a.at - b.at)
    .map(({ line, specifier, typeOnly }) => ({ line, specifier, typeOnly }));
}

export function lineAt(source: string, offset: number): number {
  let line = 1;
  for (let at = source.indexOf('\n'); at !== -1 && at < offset; at = source.indexOf('\n', at + 1)) line++;
  return line;
}
