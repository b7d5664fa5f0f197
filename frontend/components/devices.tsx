"use client";

import { useState } from "react";
import type { Schemas } from "playlist-api-client";
import { Icon } from "@/components/icons";
import { Trouble } from "@/components/trouble";
import { api, ask, Problem } from "@/lib/api";
import { deviceName, since } from "@/lib/devices";
import { useLoad } from "@/lib/load";
import { toast } from "@/lib/toasts";

/** Where one is signed in, and how to end that. */
export function Devices() {
  const { data, problem, reload } = useLoad("devices", () => ask(api().GET("/auth/sessions")));
  const [busy, setBusy] = useState(false);

  async function end(call: () => Promise<{ response: Response }>, done: string) {
    if (busy) return;
    setBusy(true);
    try {
      await ask(call());
      toast(done);
    } catch (thrown) {
      if (!(thrown instanceof Problem)) throw thrown;
      if (thrown.status !== 404) toast(thrown.message);
    } finally {
      setBusy(false);
      reload();
    }
  }

  const endOne = (id: string) =>
    void end(
      () => api().DELETE("/auth/sessions/{id}", { params: { path: { id } } }),
      "That device is signed out.",
    );
  const endOthers = () =>
    void end(() => api().DELETE("/auth/sessions"), "All other devices are signed out.");

  if (problem) return <Trouble problem={problem} onRetry={reload} />;
  if (!data) return <div className="devices skeleton" aria-hidden="true" />;
  return (
    <>
      <ul className="devices">
        {data.items.map((device) => (
          <Device key={device.id} device={device} onEnd={() => endOne(device.id)} />
        ))}
      </ul>
      {data.items.length > 1 && (
        <button className="button quiet" aria-disabled={busy} onClick={endOthers}>
          Sign out all other devices
        </button>
      )}
    </>
  );
}

function Device({ device, onEnd }: { device: Schemas["Session"]; onEnd: () => void }) {
  const name = deviceName(device.userAgent);
  return (
    <li>
      <Icon name="device" />
      <div>
        <strong>{name}</strong>
        <span>{device.current ? "This device" : `Last used ${since(device.lastUsedAt)}`}</span>
      </div>
      {!device.current && (
        <button className="button quiet" onClick={onEnd}>
          Sign out<span className="unseen"> {name}</span>
        </button>
      )}
    </li>
  );
}
