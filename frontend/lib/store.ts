import { useSyncExternalStore } from "react";

/** A value that components watch, wherever it is changed from. */
export class Store<T> {
  #value: T;
  readonly #initial: T;
  readonly #watchers = new Set<() => void>();

  constructor(initial: T) {
    this.#value = this.#initial = initial;
  }

  get = (): T => this.#value;

  set(value: T): void {
    this.#value = value;
    this.#watchers.forEach((watcher) => watcher());
  }

  /** Calls this whenever the value changes. Returns how to stop. */
  watch = (watcher: () => void): (() => void) => {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  };

  /** The value now, and again whenever it changes. Pages are built with the initial one. */
  use(): T {
    return useSyncExternalStore(this.watch, this.get, () => this.#initial);
  }
}
