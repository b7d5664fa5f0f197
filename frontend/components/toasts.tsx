"use client";

import { useEffect, useState } from "react";
import { Icon } from "@/components/icons";
import { dismiss, toasts } from "@/lib/toasts";

/** What has just been done, in a corner, and read aloud. */
export function Toasts() {
  return (
    <div className="toasts" role="status">
      {toasts.use().map(({ id, title, text }) => (
        <p key={id} className="toast">
          <Icon name="check" />
          <span>
            {title !== undefined && <bdi>{title}</bdi>} {text}
          </span>
          <button aria-label="Close" onClick={() => dismiss(id)}>
            <Icon name="cross" />
          </button>
        </p>
      ))}
    </div>
  );
}

/** Says so while the browser is offline. */
export function Offline() {
  const [offline, setOffline] = useState(false);
  useEffect(() => {
    const look = () => setOffline(!navigator.onLine);
    look();
    window.addEventListener("online", look);
    window.addEventListener("offline", look);
    return () => {
      window.removeEventListener("online", look);
      window.removeEventListener("offline", look);
    };
  }, []);
  return (
    <div role="status" className="offline" hidden={!offline}>
      {offline && "You are offline. What you see may be old, and what you type is kept."}
    </div>
  );
}
