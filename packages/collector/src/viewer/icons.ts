const PATHS = {
  alert: "M8 2.2 14.6 13.6H1.4L8 2.2ZM8 6.4v3.2M8 11.6v.1",
  back: "M9.8 3.2 5 8l4.8 4.8",
  check: "M3 8.4 6.4 11.8 13 4.6",
  chevron: "M6 3.6 10.4 8 6 12.4",
  close: "M4 4l8 8M12 4l-8 8",
  copy: "M5.5 5.5V3.2c0-.4.3-.7.7-.7h6.6c.4 0 .7.3.7.7v6.6c0 .4-.3.7-.7.7h-2.3M3.2 5.5h6.6c.4 0 .7.3.7.7v6.6c0 .4-.3.7-.7.7H3.2a.7.7 0 0 1-.7-.7V6.2c0-.4.3-.7.7-.7Z",
  error: "M8 1.8a6.2 6.2 0 1 1 0 12.4A6.2 6.2 0 0 1 8 1.8ZM8 4.8v4M8 11v.1",
  info: "M8 1.8a6.2 6.2 0 1 1 0 12.4A6.2 6.2 0 0 1 8 1.8ZM8 7.4v3.8M8 5v.1",
  orphan:
    "M6.6 9.4 3.9 12.1M12.1 3.9 9.4 6.6M5 7 3.4 8.6a2.8 2.8 0 0 0 4 4L9 11M7 5l1.6-1.6a2.8 2.8 0 0 1 4 4L11 9",
  pause: "M5.5 3.5v9M10.5 3.5v9",
  play: "M5 3.2 12.4 8 5 12.8V3.2Z",
  search: "M7 2.5a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9ZM10.4 10.4l3.1 3.1",
  trash: "M2.8 4.2h10.4M6.2 4V2.6h3.6V4M4.2 4.4l.6 9h6.4l.6-9M6.8 7v4M9.2 7v4",
} as const;

export type IconName = keyof typeof PATHS;

const SVG = "http://www.w3.org/2000/svg";

/** A 16-unit line icon in the colour of its text, invisible to screen readers. */
export function icon(name: IconName): SVGSVGElement {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("class", `icon icon-${name}`);
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}
