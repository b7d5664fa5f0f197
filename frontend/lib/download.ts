import { useState } from "react";
import { answer, Problem } from "@/lib/api";

type Call = () => Promise<{ data?: unknown; error?: unknown; response: Response }>;

/** Fetches a file and hands it to the browser, under the service's name for it or this one. */
export function useDownload(call: Call, name: string) {
  const [state, setState] = useState<{ busy: boolean; problem?: Problem }>({ busy: false });

  async function download(): Promise<void> {
    if (state.busy) return;
    setState({ busy: true });
    try {
      const { data, response } = await answer(call());
      save(data as Blob, nameIn(response) ?? name);
      setState({ busy: false });
    } catch (problem) {
      setState({ busy: false, ...(problem instanceof Problem && { problem }) });
      if (!(problem instanceof Problem)) throw problem;
    }
  }

  return [() => void download(), state] as const;
}

function nameIn(response: Response): string | undefined {
  const header = response.headers.get("Content-Disposition") ?? "";
  return /filename="?([^";]+)"?/.exec(header)?.[1];
}

function save(file: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
