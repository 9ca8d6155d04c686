import { createAddress } from "./address.ts";
import { createCollectorApi } from "./collector-api.ts";
import { createHeader } from "./header.ts";
import type { ListPlace } from "./list/list-place.ts";
import { findTraceId } from "./list/list-state.ts";
import { createListView } from "./list/list-view.ts";
import { startLive } from "./live.ts";
import { createRefresher } from "./refresher.ts";
import { createServiceColours } from "./service-colours.ts";
import { createTraceView } from "./trace/trace-view.ts";
import type { View, ViewTools } from "./view.ts";

const STATS_GAP_MS = 2000;
const ADDRESS_GAP_MS = 250;

/** Puts the viewer into the page. */
function startViewer(place: HTMLElement): void {
  const api = createCollectorApi((...request) => fetch(...request));
  const header = createHeader();
  const stats = createRefresher(async () => header.showStats(await api.getStats()), STATS_GAP_MS);
  const address = createAddress((url) => history.replaceState(null, "", url), ADDRESS_GAP_MS);
  let listPlace: ListPlace | undefined;
  const tools: ViewTools = {
    api: { ...api, clearTraces: () => api.clearTraces().then(stats.now) },
    colourOf: createServiceColours(storage()),
    writeUrl: address.write,
    open(url) {
      address.flush();
      history.pushState(null, "", url);
      show();
    },
    setTitle: (title) => {
      document.title = `${title || "(no name)"} · Throughline`;
    },
    listPlace: () => listPlace,
    leaveList(place) {
      listPlace = place;
    },
  };
  let view: View | undefined;

  function show(): void {
    const url = new URL(location.href);
    if (view?.onUrl(url)) return;
    view?.stop();
    view = createView(tools, url);
    place.replaceChildren(header.element, view.element);
  }

  window.addEventListener("popstate", () => {
    address.drop();
    show();
  });
  document.addEventListener("click", (event) => followLink(event, tools));
  show();
  stats.now();
  startLive("/api/stream", {
    onSpans(event) {
      view?.onSpans(event);
      stats.request();
    },
    onState(state) {
      if (state === "live") {
        view?.onReconnect();
        stats.request();
      }
      header.showConnection(state);
    },
  });
}

function createView(tools: ViewTools, url: URL): View {
  const given = /^\/trace\/([^/]+)\/?$/.exec(url.pathname)?.[1];
  // As the collector tells of it, also where a person has typed or pasted more.
  return given === undefined
    ? createListView(tools, url)
    : createTraceView(tools, url, findTraceId(given) ?? given);
}

// Plain clicks stay in the page; with a modifier key the browser opens its own tab.
function followLink(event: MouseEvent, tools: ViewTools): void {
  if (event.defaultPrevented || event.button !== 0) return;
  if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  const link = event.target instanceof Element ? event.target.closest("a") : null;
  if (link?.target !== "" || link.origin !== location.origin) return;
  event.preventDefault();
  tools.open(link.pathname + link.search);
}

function storage(): Storage | undefined {
  try {
    return localStorage;
  } catch {
    return undefined;
  }
}

const place = document.querySelector<HTMLElement>("#viewer");
if (place) startViewer(place);
