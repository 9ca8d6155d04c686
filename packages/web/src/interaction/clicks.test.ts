import { afterEach, expect, test } from "vitest";
import { userEvent } from "vitest/browser";
import { type FakePage, named, openFakePage, type PostedSpan, show } from "../../test/fake-page.ts";
import { withSpan } from "../with-span.ts";

let page: FakePage;

afterEach(async () => {
  await page.close();
  document.body.replaceChildren();
});

/** Spans exported without any flush: the interaction ends by itself. */
async function exported(count: number): Promise<readonly PostedSpan[]> {
  await expect.poll(() => page.posted().length, { timeout: 4000 }).toBe(count);
  return page.posted();
}

test("a click that fetches is the root of that fetch and ends by itself with it", async () => {
  page = openFakePage();
  const button = show("<button>Buy</button>");
  button.addEventListener("click", () =>
    fetch("/orders", { method: "POST" }).then((response) => response.text()),
  );
  await userEvent.click(button);
  const spans = await exported(2);
  const click = named(spans, "click Buy");
  const request = named(spans, "POST");
  expect(click).toMatchObject({
    kind: 1,
    attributes: { "throughline.interaction.type": "click", "throughline.interaction.target": "Buy" },
  });
  expect(click?.parentSpanId).toBeUndefined();
  expect(request?.parentSpanId).toBe(click?.spanId);
  expect(request?.attributes["throughline.parent"]).toBeUndefined();
  expect(click?.endTimeUnixNano).toBe(request?.endTimeUnixNano);
});

test("a click that does nothing is never exported", async () => {
  page = openFakePage();
  await userEvent.click(show("<button>Nothing</button>"));
  expect(await page.spans()).toEqual([]);
});

test("work that starts only when a lock is free still has its click as its exact parent", async () => {
  page = openFakePage();
  const button = show("<button>Buy</button>");
  let release: () => void = () => undefined;
  const lock = new Promise<void>((resolve) => {
    release = resolve;
  });
  button.addEventListener("click", () =>
    lock.then(() => fetch("/orders")).then((response) => response.text()),
  );
  await userEvent.click(button);
  release();
  const spans = await exported(2);
  expect(named(spans, "GET")?.parentSpanId).toBe(named(spans, "click Buy")?.spanId);
  expect(named(spans, "GET")?.attributes["throughline.parent"]).toBeUndefined();
});

test("two clicks that wait for the same thing keep their own requests", async () => {
  page = openFakePage();
  const first = show('<button data-here>One</button><button id="two">Two</button>');
  const second = document.getElementById("two");
  if (!second) throw new Error("no second button");
  let release: () => void = () => undefined;
  const lock = new Promise<void>((resolve) => {
    release = resolve;
  });
  for (const button of [first, second]) {
    button.addEventListener("click", () => {
      lock.then(() => fetch(`/${button.textContent}`)).then(() => fetch(`/${button.textContent}/more`));
    });
  }
  await userEvent.click(first);
  await userEvent.click(second);
  release();
  await expect.poll(() => page.sent.length).toBe(4);
  const spans = await page.spans();
  for (const name of ["One", "Two"]) {
    const click = named(spans, `click ${name}`);
    const requests = spans.filter(({ attributes }) => String(attributes["url.full"]).includes(`/${name}`));
    expect(requests.map(({ parentSpanId }) => parentSpanId)).toEqual([click?.spanId, click?.spanId]);
  }
});

test("a request whose context is lost goes to the only open click and says so", async () => {
  page = openFakePage();
  const button = show("<button>Buy</button>");
  button.addEventListener("click", async () => {
    await null; // native: nobody can see it
    await fetch("/orders");
  });
  await userEvent.click(button);
  const spans = await exported(2);
  expect(named(spans, "GET")?.parentSpanId).toBe(named(spans, "click Buy")?.spanId);
  expect(named(spans, "GET")?.attributes["throughline.parent"]).toBe("inferred");
});

test("with two open clicks a lost context is not guessed", async () => {
  page = openFakePage();
  const first = show('<button data-here>One</button><button id="two">Two</button>');
  await userEvent.click(first);
  await userEvent.click(document.getElementById("two") ?? first);
  await fetch("/orders");
  const [request] = await page.spans();
  expect(request?.name).toBe("GET");
  expect(request?.parentSpanId).toBeUndefined();
  expect(request?.attributes["throughline.parent"]).toBeUndefined();
});

test.each([
  ['<button data-trace-name="Buy" aria-label="Buy a mug">Now</button>', "click Buy"],
  ['<button data-trace-name="Order more">Now</button>', "click Order more"],
  ['<button aria-label="Buy a mug">Now</button>', "click Buy a mug"],
  ["<button>  Buy\n  now </button>", "click Buy now"],
  [`<button>${"x".repeat(50)}</button>`, `click ${"x".repeat(39)}…`],
  ["<button><b data-here>Buy</b></button>", "click Buy"],
  ["<button>Pay 120 € to jane@shop.test</button>", "click Pay * € to *"],
  ['<button aria-label="Remove order 1001">x</button>', "click Remove order *"],
  ["<button data-trace-mask>Jane Doe</button>", "click button"],
  ["<button>Call <b data-trace-mask>Jane Doe</b></button>", "click button"],
  ['<button aria-label="Call">Call <b data-trace-mask>Jane Doe</b></button>', "click Call"],
  ['<div data-trace-mask><button data-here data-trace-name="Row">Jane</button></div>', "click Row"],
  ['<input type="button" value="Send">', "click Send"],
  ['<input data-trace-name="Search" value="Jane Doe">', "click Search"],
  ['<div role="button">Open</div>', "click Open"],
  ['<a href="#x">Jane Doe</a>', "click a"],
  ['<div data-trace-name="Card">Jane Doe</div>', "click Card"],
])("%s is called %s", async (html, name) => {
  page = openFakePage();
  const element = show(html);
  element.addEventListener("click", () => withSpan("work", () => undefined));
  await userEvent.click(element);
  expect((await page.spans()).map((span) => span.name).sort()).toEqual([name, "work"].sort());
});

test("what a person typed into a named field is no name", async () => {
  page = openFakePage();
  const field = show('<input data-trace-name=" " value="Jane Doe">');
  field.addEventListener("click", () => withSpan("work", () => undefined));
  await userEvent.click(field);
  expect((await page.spans()).map((span) => span.name).sort()).toEqual(["click input", "work"]);
});

test("what is no control opens no span", async () => {
  page = openFakePage();
  const element = show("<p>Text</p>");
  element.addEventListener("click", () => withSpan("work", () => undefined));
  await userEvent.click(element);
  expect((await page.spans()).map(({ name }) => name)).toEqual(["work"]);
});

test("a click made by a script opens no span", async () => {
  page = openFakePage();
  const button = show("<button>Buy</button>");
  button.addEventListener("click", () => withSpan("work", () => undefined));
  button.click();
  expect((await page.spans()).map(({ name }) => name)).toEqual(["work"]);
});

test("a form's submit belongs to the click that brought it about", async () => {
  page = openFakePage();
  const button = show("<form><button data-here>Send</button></form>");
  document.querySelector("form")?.addEventListener("submit", (event) => {
    event.preventDefault();
    withSpan("work", () => undefined);
  });
  await userEvent.click(button);
  const spans = await page.spans();
  expect(named(spans, "work")?.parentSpanId).toBe(named(spans, "click Send")?.spanId);
});

test("leaving the page ends what is open and posts it", async () => {
  page = openFakePage({}, () => new Promise<Response>(() => undefined));
  const button = show("<button>Buy</button>");
  button.addEventListener("click", () => void fetch("/orders"));
  await userEvent.click(button);
  window.dispatchEvent(new Event("pagehide"));
  const spans = page.posted();
  expect(spans.map(({ name, attributes }) => [name, attributes["throughline.ended_by"]]).sort()).toEqual([
    ["GET", "pagehide"],
    ["click Buy", "pagehide"],
  ]);
  const [click, request] = [named(spans, "click Buy"), named(spans, "GET")];
  expect(BigInt(click?.endTimeUnixNano ?? 0) >= BigInt(request?.endTimeUnixNano ?? 1)).toBe(true);
});

test("a handler that the app calls itself runs, before and after a stop and in a new start", async () => {
  page = openFakePage();
  const button = show("<button>Save</button>");
  let calls = 0;
  const save = () => {
    calls += 1;
  };
  button.onclick = save;
  const callIt = () => (button.onclick as unknown as () => void)();
  callIt();
  await page.close();
  callIt();
  page = openFakePage();
  callIt();
  expect(calls).toBe(3);
});
