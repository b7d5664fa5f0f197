import { Store } from "@/lib/store";

export interface Toast {
  id: number;
  text: string;
  /** The part of it that somebody wrote, in whatever script. */
  title?: string | undefined;
}

const SHOWN = 6000; // milliseconds
let last = 0;

export const toasts = new Store<readonly Toast[]>([]);

/** Tells shortly that something is done. */
export function toast(text: string, title?: string): void {
  const id = ++last;
  toasts.set([...toasts.get(), { id, text, title }]);
  setTimeout(() => dismiss(id), SHOWN);
}

export function dismiss(id: number): void {
  toasts.set(toasts.get().filter((each) => each.id !== id));
}
