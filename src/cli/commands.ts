import type { Command } from './command.ts';

/** A command, and its code, which is read when the command is called: the program itself starts without. */
export interface CommandRow {
  /** One line for the list of commands. */
  readonly summary: string;
  load(): Promise<Command>;
}

/** Every command by name, in the order in which help lists them; a new one is a new row. */
export const commands: Readonly<Record<string, CommandRow>> = {
  demo: {
    summary: 'drive a device through a window, and show every access',
    load: async () => (await import('./demo.ts')).demo,
  },
  lspci: {
    summary: 'list every kind of function, also as dumps that lspci reads',
    load: async () => (await import('./lspci.ts')).lspci,
  },
  conform: {
    summary: 'judge a device clause by clause',
    load: async () => (await import('./conform.ts')).conform,
  },
  clause: {
    summary: 'print a clause of the specification',
    load: async () => (await import('./clause.ts')).clause,
  },
  clauses: {
    summary: 'list all clauses, and what of them is checked',
    load: async () => (await import('./clauses.ts')).clauses,
  },
  compare: {
    summary: 'count what every way to a device takes, and model its time',
    load: async () => (await import('./compare.ts')).compare,
  },
  compat: {
    summary: 'say whose state may be loaded into which device, and why not',
    load: async () => (await import('./compat.ts')).compat,
  },
  vdpa: {
    summary: 'try positions on vDPA and legacy guests, and say what breaks',
    load: async () => (await import('./vdpa.ts')).vdpa,
  },
  mdev: {
    summary: 'slice a parent into mediated devices, and count what it takes',
    load: async () => (await import('./mdev.ts')).mdev,
  },
  boot: {
    summary: 'boot a real Linux on our functions, and compare the two sides',
    load: async () => (await import('./boot.ts')).boot,
  },
  serve: {
    summary: 'serve functions of ours to another program, over a socket',
    load: async () => (await import('./serve.ts')).serve,
  },
  lab: {
    summary: 'show a function, its driver and every access in a browser',
    load: async () => (await import('./lab.ts')).lab,
  },
  trace: {
    summary: 'decode accesses that another program recorded',
    load: async () => (await import('./trace.ts')).trace,
  },
  watch: {
    summary: 'say what the driver in a recording did wrong, by clauses',
    load: async () => (await import('./watch.ts')).watch,
  },
  explain: {
    summary: 'say why nothing happens on a function',
    load: async () => (await import('./explain.ts')).explain,
  },
  'validate-draft': {
    summary: 'say what is wrong with a draft of the specification',
    load: async () => (await import('./validate-draft.ts')).validateDraft,
  },
  'import-structs': {
    summary: "read a specification's structures, and compare them with ours",
    load: async () => (await import('./import-structs.ts')).importStructs,
  },
  'export-structs': {
    summary: 'write structures as C, LaTeX, Markdown, a picture or JSON',
    load: async () => (await import('./export-structs.ts')).exportStructs,
  },
};
