"use client";

import { type ReactNode, useState } from "react";
import { artOf } from "@/lib/art";

const STORED = /^(.*\/[0-9a-f]{64})\.(?:png|jpg|webp|gif)$/;

interface PosterProps {
  title: string;
  imageUrl: string | null;
  /** Whether it is in view from the start. */
  eager?: boolean;
}

/** A movie's picture; or what is drawn for its title, as long as there is none. */
export function Poster({ title, imageUrl, eager }: PosterProps) {
  const [broken, setBroken] = useState<readonly string[]>([]);
  const source = sources(imageUrl).find((each) => !broken.includes(each));
  const [loaded, setLoaded] = useState<string>();
  return (
    <div className="poster">
      <Drawing title={title} />
      {source && (
        <img
          key={source}
          src={source}
          alt=""
          loading={eager ? "eager" : "lazy"}
          decoding="async"
          referrerPolicy="no-referrer"
          className={loaded === source ? "loaded" : undefined}
          onLoad={() => setLoaded(source)}
          onError={() => setBroken([...broken, source])}
          // It may have come before there was anybody to tell.
          ref={(image) => {
            if (image?.complete && image.naturalWidth > 0) setLoaded(source);
          }}
        />
      )}
    </div>
  );
}

// What the service keeps, it also keeps 400 pixels wide.
function sources(imageUrl: string | null): string[] {
  if (!imageUrl) return [];
  const stored = STORED.exec(imageUrl)?.[1];
  return stored ? [`${stored}-400.webp`, imageUrl] : [imageUrl];
}

/** A picture made of a title, in the colours of the house. */
export function Drawing({ title }: { title: string }) {
  const { palette, motif, turn, initial } = artOf(title);
  return (
    <svg
      className={`drawing palette-${palette}`}
      viewBox="0 0 200 300"
      preserveAspectRatio="xMidYMid slice"
      aria-hidden="true"
    >
      <rect className="ground" width="200" height="300" />
      {MOTIFS[motif]?.(turn)}
      <text className="initial" x="20" y="274">
        {initial}
      </text>
    </svg>
  );
}

const MOTIFS: ((turn: number) => ReactNode)[] = [beams, sunset, reels, waves, frames];

function beams(turn: number) {
  const from = turn % 2 ? 212 : -12;
  const to = (share: number) => (turn % 2 ? 200 - share : share);
  return (
    <>
      <path className="tone-1" d={`M${from} -10L${to(60)} 300H${to(260)}z`} />
      <path className="tone-2" d={`M${from} -10L${to(150)} 300H${to(330)}V${120}z`} />
      <path className="tone-3" d={`M${from} -10L${to(300)} 150V${turn > 1 ? 20 : 60}z`} />
      <circle className="spot" cx={to(18)} cy="22" r="46" />
    </>
  );
}

function sunset(turn: number) {
  const x = [60, 140, 100, 120][turn] ?? 100;
  return (
    <>
      <circle className="tone-1" cx={x} cy="112" r="104" />
      <circle className="tone-2" cx={x} cy="112" r="76" />
      <circle className="spot" cx={x} cy="112" r="46" />
      <path className="tone-3" d="M0 176C50 150 90 196 136 172S190 160 200 168V300H0z" />
      <path className="deep" d="M0 214C40 196 84 236 130 212S184 204 200 210V300H0z" />
    </>
  );
}

function reels(turn: number) {
  const [x, y] = [
    [200, 0],
    [0, 0],
    [200, 110],
    [100, 60],
  ][turn] ?? [200, 0];
  return (
    <>
      {[190, 150, 110, 70].map((radius, index) => (
        <circle key={radius} className={`tone-${(index % 3) + 1}`} cx={x} cy={y} r={radius} />
      ))}
      <circle className="spot" cx={x} cy={y} r="34" />
    </>
  );
}

function waves(turn: number) {
  const rise = [0, 24, -20, 40][turn] ?? 0;
  const wave = (y: number) =>
    `M0 ${y}C46 ${y - 52 + rise} 74 ${y + 44} 118 ${y + 6}S178 ${y - 50} 200 ${y - 24}V300H0z`;
  return (
    <>
      <circle className="spot" cx={turn % 2 ? 148 : 58} cy="62" r="26" />
      <path className="tone-1" d={wave(118)} />
      <path className="tone-2" d={wave(162)} />
      <path className="tone-3" d={wave(206)} />
      <path className="deep" d={wave(252)} />
    </>
  );
}

function frames(turn: number) {
  return (
    <g transform={`rotate(${[-16, 14, -28, 24][turn] ?? 0} 100 120)`}>
      <rect className="tone-1" x="-60" y="-80" width="150" height="190" rx="10" />
      <rect className="tone-2" x="70" y="-24" width="150" height="190" rx="10" />
      <rect className="tone-3" x="-20" y="92" width="150" height="230" rx="10" />
      <circle className="spot" cx="112" cy="96" r="38" />
    </g>
  );
}
