import { useCallback, useEffect, useRef, useState } from "react";
import { Problem } from "@/lib/api";
import { session } from "@/lib/session";

const PAUSES = [1, 2, 4, 8, 15, 30]; // seconds until the next try
const KEPT = 20; // answers, so that going back shows at once what was there, where it was

const kept = new Map<string, unknown>();

session.watch(() => {
  if (session.get().state === "out") kept.clear();
});

export interface Loaded<T> {
  /** What was read last; it stays while something newer is read, so that nothing jumps. */
  data: T | undefined;
  problem: Problem | undefined;
  busy: boolean;
  reload: () => void;
}

/**
 * Reads once somebody is signed in, again when `key` changes, and again and again while the
 * service is away, at once when the browser is back online.
 */
export function useLoad<T>(key: string, read: () => Promise<T>): Loaded<T> {
  const now = session.use();
  const whose = now.state === "in" ? `${now.user.id} ${key}` : undefined;
  const [turn, setTurn] = useState(0);
  const [found, setFound] = useState<{ of?: string; problem?: Problem; data?: T }>({});
  const reader = useRef(read);
  const tries = useRef(0);
  useEffect(() => {
    reader.current = read;
  });
  const reload = useCallback(() => setTurn((last) => last + 1), []);
  const wanted = `${whose} ${turn}`;

  useEffect(() => {
    if (whose === undefined) return;
    let [over, timer] = [false, 0];
    const succeed = (data: T) => {
      if (session.get().state === "in") keep(whose, data);
      tries.current = 0;
      if (!over) setFound({ of: wanted, data });
    };
    const fail = (problem: unknown) => {
      if (!(problem instanceof Problem)) throw problem;
      if (over) return;
      setFound((last) => ({ ...last, of: wanted, problem }));
      if (!problem.passing) return;
      timer = window.setTimeout(reload, pause(tries.current++));
      window.addEventListener("online", reload);
    };
    reader.current().then(succeed, fail);
    return () => {
      over = true;
      clearTimeout(timer);
      window.removeEventListener("online", reload);
    };
  }, [whose, wanted, reload]);

  const busy = found.of !== wanted;
  const earlier = whose === undefined ? undefined : (kept.get(whose) as T | undefined);
  return { data: (busy ? earlier : undefined) ?? found.data, problem: found.problem, busy, reload };
}

function pause(tries: number): number {
  return (PAUSES[Math.min(tries, PAUSES.length - 1)] ?? 30) * 1000;
}

function keep(key: string, data: unknown): void {
  kept.delete(key);
  kept.set(key, data);
  for (const oldest of [...kept.keys()].slice(0, -KEPT)) kept.delete(oldest);
}
