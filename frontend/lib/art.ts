const PALETTES = 6; // as in styles/poster.css
const MOTIFS = 5; // as in components/poster.tsx

/** A number that is always the same for the same text (FNV-1a, and a stir). */
function hash(text: string): number {
  let sum = 0x811c9dc5;
  for (const character of text) sum = Math.imul(sum ^ (character.codePointAt(0) ?? 0), 0x01000193);
  sum = Math.imul(sum ^ (sum >>> 16), 0x85ebca6b);
  return (sum ^ (sum >>> 13)) >>> 0;
}

/** What is drawn for a title that has no picture: which colours, which motif, which letter. */
export interface Art {
  palette: number;
  motif: number;
  turn: number;
  initial: string;
}

export function artOf(title: string): Art {
  const sum = hash(title);
  return {
    palette: sum % PALETTES,
    motif: (sum >>> 8) % MOTIFS,
    turn: (sum >>> 16) % 4,
    initial: initialOf(title),
  };
}

// Of words rather than of articles, and whole where several code points are one sign.
function initialOf(title: string): string {
  const word = title.trim().replace(/^(the|a|an|der|die|das|le|la|les|el) +(?=\S)/i, "");
  const sign = /[\p{L}\p{N}]/u.exec(word)?.[0];
  const [first] = new Intl.Segmenter().segment(word);
  return (sign && word.startsWith(sign) ? (first?.segment ?? sign) : (sign ?? first?.segment ?? "")).toUpperCase();
}
