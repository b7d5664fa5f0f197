import { rememberedUser } from "@/lib/session";
import { readJson, tabStorage, writeJson } from "@/lib/storage";

const PREFIX = "draft ";

/**
 * What somebody has typed into a form and not sent yet. It outlives a reload and a session that
 * ends in the middle of it, and is shown to nobody else.
 */
export function readDraft<T>(form: string): T | undefined {
  const draft = readJson<{ user: string | undefined; typed: T }>(tabStorage(), PREFIX + form);
  return draft && draft.user === rememberedUser()?.id ? draft.typed : undefined;
}

export function writeDraft(form: string, typed: unknown): void {
  writeJson(tabStorage(), PREFIX + form, { user: rememberedUser()?.id, typed });
}

export function dropDraft(form: string): void {
  tabStorage()?.removeItem(PREFIX + form);
}
