import { QemuOptionError } from './errors.ts';
import type { Properties } from './properties.ts';

/** Things of one sort by their ids, each of which may be asked for by a property of a device. */
export class Named<T> {
  readonly #what: string;
  readonly #things = new Map<string, T>();

  /** @param what they are, for errors: `drive`. */
  constructor(what: string) {
    this.#what = what;
  }

  /** @throws QemuOptionError where the id is taken */
  add(option: string, id: string, thing: T): void {
    if (this.#things.has(id)) throw new QemuOptionError(option, `there is a ${this.#what} '${id}' already`);
    this.#things.set(id, thing);
  }

  get(id: string): T | undefined {
    return this.#things.get(id);
  }

  /** What a property names. @throws QemuOptionError */
  of(properties: Properties, name: string): T {
    const id = properties.text(name);
    return this.#things.get(id) ?? properties.wrong(name, `a ${this.#what}; there are ${this.#list()}`);
  }

  remove(id: string): void {
    this.#things.delete(id);
  }

  #list(): string {
    return [...this.#things.keys()].join(', ') || 'none';
  }

  values(): Iterable<T> {
    return this.#things.values();
  }
}
