import { readJson, tabStorage, writeJson } from "@/lib/storage";

const PREFIX = "draft ";

/** What somebody has typed into a form and not sent yet. It outlives a reload of the page. */
export interface Draft<T> {
  typed: T;
  /** The version of what is edited on which it was begun. */
  etag?: string | undefined;
}

type Stored = Draft<unknown> & { userId: string };

// What storage had when the session ended. The page's memory ends with the tab, at the latest.
const held = new Map<string, Stored>();

export function readDraft<T>(form: string, userId: string): Draft<T> | undefined {
  const draft = readJson<Stored>(tabStorage(), PREFIX + form);
  return draft?.userId === userId ? (draft as Draft<T>) : undefined;
}

export function writeDraft(form: string, userId: string, { typed, etag }: Draft<unknown>): void {
  writeJson(tabStorage(), PREFIX + form, { userId, typed, etag });
}

export function dropDraft(form: string): void {
  tabStorage()?.removeItem(PREFIX + form);
}

/** Moves all drafts from storage into memory, for a session that has ended. */
export function holdDrafts(): void {
  for (const form of storedForms()) {
    const draft = readJson<Stored>(tabStorage(), PREFIX + form);
    if (draft) held.set(form, draft);
    dropDraft(form);
  }
}

/** Gives the user who signs in their drafts back, and drops everybody else's. */
export function restoreDrafts(userId: string): void {
  for (const form of storedForms()) if (!readDraft(form, userId)) dropDraft(form);
  held.forEach((draft, form) => {
    if (draft.userId === userId) writeDraft(form, userId, draft);
  });
  held.clear();
}

export function dropDrafts(): void {
  storedForms().forEach(dropDraft);
  held.clear();
}

function storedForms(): string[] {
  const keys = Object.keys(tabStorage() ?? {});
  return keys.filter((key) => key.startsWith(PREFIX)).map((key) => key.slice(PREFIX.length));
}
