/** A word to whoever has switched JavaScript off. */
export function NeedsScripts() {
  return (
    <noscript>
      <p className="alert">
        Playlist needs JavaScript, which is switched off in this browser. Please switch it on for
        this site, and come back.
      </p>
    </noscript>
  );
}
