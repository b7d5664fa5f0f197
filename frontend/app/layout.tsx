import type { Metadata, Viewport } from "next";
import type { ReactNode } from "react";
import { THEME_SCRIPT } from "@/components/theme-script";
import { Offline, Toasts } from "@/components/toasts";
import "@/styles/index.css";

export const metadata: Metadata = {
  title: { default: "Playlist", template: "%s · Playlist" },
  description: "Your own list of movies.",
  referrer: "no-referrer",
};

export const viewport: Viewport = {
  colorScheme: "light dark",
  themeColor: "#0b3a46",
};

export default function RootLayout({ children }: { children: ReactNode }) {
  return (
    <html lang="en" suppressHydrationWarning>
      <head>
        <script dangerouslySetInnerHTML={{ __html: THEME_SCRIPT }} />
      </head>
      <body>
        <Offline />
        {children}
        <Toasts />
      </body>
    </html>
  );
}
