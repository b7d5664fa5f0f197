import type { NextConfig } from "next";

const config: NextConfig = {
  // Plain files: pages know nobody, so there is nothing for a server to do (docs/decisions.md).
  output: "export",
  devIndicators: false,
  turbopack: { root: import.meta.dirname },
};

export default config;
