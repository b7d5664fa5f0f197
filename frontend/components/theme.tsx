"use client";

import { Icon } from "@/components/icons";

/** Changes between light and dark; until then it is as the system has it. */
export function ThemeButton() {
  return (
    <button className="bar-link theme" onClick={change}>
      <Icon name="sun" />
      <Icon name="moon" />
      <span className="unseen">Light or dark</span>
    </button>
  );
}

function change(): void {
  const { dataset } = document.documentElement;
  const dark = dataset.theme
    ? dataset.theme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
  dataset.theme = dark ? "light" : "dark";
  try {
    localStorage.setItem("theme", dataset.theme);
  } catch {
    // It lasts as long as the page then.
  }
}
