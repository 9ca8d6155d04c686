import type { ReactNode } from "react";

const INK = "#26365f";
const BRASS = "#c69c4b";
const BRASS_DARK = "#96712c";
const PAPER = "#fbf6ea";
const RED = "#c8452e";
const WOOD = "#e3b277";
const STEEL = "#c9ced8";

const drawings: Readonly<Record<string, () => ReactNode>> = {
  "fountain-pen": FountainPen,
  "graph-notebook": GraphNotebook,
  "blue-black-ink": InkBottle,
  "cedar-pencils": Pencils,
  "brass-ruler": Ruler,
  "wax-seal-kit": WaxSeal,
};

/** The drawing of a product on its coloured ground. */
export function ProductArt({ sku }: { readonly sku: string }): ReactNode {
  const Drawing = drawings[sku];
  return (
    <div className={`art art-${sku}`}>
      <svg viewBox="0 0 240 170" aria-hidden="true">
        {Drawing ? <Drawing /> : null}
      </svg>
    </div>
  );
}

function FountainPen(): ReactNode {
  return (
    <>
      <path
        d="M30 138c18-26 30 8 46-12s14-14 26-6"
        fill="none"
        className="stroke"
        strokeWidth="3.5"
        strokeLinecap="round"
      />
      <g transform="translate(102 120) rotate(-38)">
        <path d="M0 0 32-9v18z" fill={STEEL} />
        <path d="M6 0h20" stroke="#7b8494" strokeWidth="1.5" />
        <circle cx="26" r="2.2" fill="#7b8494" />
        <rect x="31" y="-8" width="22" height="16" rx="3" fill="#1b2440" />
        <rect x="52" y="-11" width="92" height="22" rx="9" fill={INK} />
        <rect x="56" y="-7" width="82" height="4" rx="2" fill="#fff" opacity=".18" />
        <rect x="66" y="-11" width="5" height="22" fill={BRASS} />
        <path d="M84-13h50a3.5 3.5 0 0 1 0 7H84z" fill={BRASS} />
        <rect x="136" y="-8" width="10" height="16" rx="4" fill={BRASS_DARK} />
      </g>
    </>
  );
}

function GraphNotebook(): ReactNode {
  const steps = Array.from({ length: 11 }, (_, index) => index * 9);
  return (
    <g transform="translate(66 20) rotate(-5 54 66)">
      <rect x="12" y="9" width="104" height="128" rx="4" fill="#000" opacity=".12" />
      <rect x="8" y="4" width="102" height="126" rx="3" fill={PAPER} />
      <g stroke="#9db2c9" strokeWidth=".8">
        {steps.map((y) => (
          <path key={`h${y}`} d={`M14 ${16 + y}h94`} />
        ))}
        {steps.map((x) => (
          <path key={`v${x}`} d={`M${16 + x} 8v118`} />
        ))}
      </g>
      <path d="M0 4a4 4 0 0 1 4-4h76l24 26v104a4 4 0 0 1-4 4H4a4 4 0 0 1-4-4z" fill="#3f7f73" />
      <path d="M80 0v20a6 6 0 0 0 6 6h18z" fill="#2f6259" />
      <rect x="9" width="3" height="134" fill="#2f6259" />
      <rect x="26" y="34" width="46" height="26" rx="2" fill={PAPER} />
      <path d="M32 44h34M32 51h22" stroke="#3f7f73" strokeWidth="2" />
      <rect x="86" y="26" width="5" height="108" fill={RED} />
    </g>
  );
}

function InkBottle(): ReactNode {
  return (
    <>
      <ellipse cx="120" cy="149" rx="62" ry="7" fill="#000" opacity=".12" />
      <rect x="96" y="24" width="48" height="27" rx="4" fill="#20252f" />
      <path d="M102 24v27M110 24v27M118 24v27M126 24v27M134 24v27" stroke="#3b4250" strokeWidth="2" />
      <rect x="102" y="51" width="36" height="9" fill="#b9cadb" />
      <path
        d="M70 84c0-16 14-24 32-24h36c18 0 32 8 32 24v54a10 10 0 0 1-10 10H80a10 10 0 0 1-10-10z"
        fill="#cfdeea"
      />
      <path d="M76 90c14-5 28 5 44 0s30 5 44 0v46a7 7 0 0 1-7 7H83a7 7 0 0 1-7-7z" fill={INK} />
      <rect x="90" y="98" width="60" height="34" rx="2" fill={PAPER} />
      <path d="M98 109h44M104 117h32" stroke={INK} strokeWidth="2" />
      <circle cx="120" cy="124.5" r="2" fill={RED} />
      <path d="M80 84c2-8 8-13 16-15" fill="none" stroke="#fff" strokeWidth="4" strokeLinecap="round" />
    </>
  );
}

function Pencils(): ReactNode {
  const colours = ["#2d4a6d", "#3f7f73", "#d99c3a", "#c8452e", "#7a4b6e", "#3a3d46"];
  return (
    <>
      {colours.map((colour, index) => (
        <g key={colour} transform={`translate(${58 + index * 22} ${30 + Math.abs(index - 2.5) * 5})`}>
          <path d="M8 0 0 24h16z" fill={WOOD} />
          <path d="M8 0 5.3 8h5.4z" fill="#35363c" />
          <path d="M0 24q4 5 8 0 4 5 8 0v78H0z" fill={colour} />
          <path d="M3 28v74M8 27v75" stroke="#fff" strokeWidth="1.2" opacity=".22" />
        </g>
      ))}
      <path d="M44 112h152l-6 36a6 6 0 0 1-6 5H56a6 6 0 0 1-6-5z" fill="#b7bdc9" />
      <rect x="42" y="108" width="156" height="9" rx="4.5" fill="#d5dae3" />
      <rect x="96" y="124" width="48" height="18" rx="2" fill={PAPER} />
      <path d="M104 133h32" stroke={RED} strokeWidth="2.5" />
    </>
  );
}

function Ruler(): ReactNode {
  const marks = Array.from({ length: 31 }, (_, index) => index);
  return (
    <g transform="translate(24 112) rotate(-22)">
      <rect x="3" y="5" width="198" height="40" rx="3" fill="#000" opacity=".12" />
      <rect width="198" height="40" rx="3" fill={BRASS} />
      <rect width="198" height="7" rx="3" fill="#e7c87f" opacity=".7" />
      <g stroke="#5d451a" strokeWidth="1.3">
        {marks.map((mark) => (
          <path key={mark} d={`M${9 + mark * 6} 0v${mark % 5 === 0 ? 17 : mark % 5 === 2 ? 8 : 10}`} />
        ))}
      </g>
      <circle cx="188" cy="28" r="4.5" fill="var(--tile)" stroke={BRASS_DARK} strokeWidth="1.5" />
      <path d="M9 30h64" stroke={BRASS_DARK} strokeWidth="2" />
    </g>
  );
}

function WaxSeal(): ReactNode {
  return (
    <>
      <rect x="44" y="42" width="156" height="104" rx="4" fill="#000" opacity=".12" />
      <rect x="40" y="36" width="156" height="104" rx="4" fill={PAPER} />
      <path d="m40 138 62-54M196 138l-62-54" stroke="#d8cdb4" strokeWidth="2" />
      <path d="M42 37h152l-68 62a12 12 0 0 1-16 0z" fill="#efe6d2" stroke="#d8cdb4" strokeWidth="2" />
      <path
        d="M118 72c9-3 13 2 19 6s9 9 6 17 0 13-7 17-11 7-19 4-13 1-18-7-6-11-2-18-1-12 6-16 9-1 15-3z"
        fill={RED}
      />
      <circle cx="118" cy="95" r="15" fill="none" stroke="#97301f" strokeWidth="2.5" />
      <path
        d="M112 102c2-7 4-9 11-15-1 8-4 11-9 13z M112 102l-3 4"
        fill="none"
        stroke="#f3c9bf"
        strokeWidth="2"
        strokeLinejoin="round"
        strokeLinecap="round"
      />
    </>
  );
}
