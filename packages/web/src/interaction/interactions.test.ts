import { afterEach, expect, test } from "vitest";
import { userEvent } from "vitest/browser";
import { type FakePage, named, openFakePage, show } from "../../test/fake-page.ts";
import { withSpan } from "../with-span.ts";
import { type InteractionOptions, traceInteractions } from "./interactions.ts";

let page: FakePage;

afterEach(async () => {
  await page.close();
  document.body.replaceChildren();
});

function open(options?: InteractionOptions): FakePage {
  return openFakePage({ instruments: [traceInteractions(options)] });
}

async function namesOfClick(html: string): Promise<readonly string[]> {
  const element = show(html);
  element.addEventListener("click", () => withSpan("work", () => undefined));
  await userEvent.click(element);
  return (await page.spans()).map((span) => span.name).filter((name) => name !== "work");
}

test.each([
  ["<button>Buy</button>", "click Buy"],
  ['<button title="Close">x</button>', "click x"],
  ['<button title="Close"></button>', "click Close"],
  ['<button><img alt="Basket"></button>', "click Basket"],
  ['<button name="go"></button>', "click go"],
  ['<div role="tab">Reviews</div>', "click Reviews"],
  ['<input type="reset" value="Clear">', "click Clear"],
  ['<a href="#x" title="Profile">Jane Doe</a>', "click Profile"],
  [
    '<h2 id="a">Size</h2><p id="b">Large</p><button data-here aria-labelledby="a  b" aria-label="x">y</button>',
    "click Size Large",
  ],
  [
    '<p id="a" data-trace-mask>Jane Doe</p><button data-here aria-labelledby="a" title="Profile"></button>',
    "click Profile",
  ],
  [
    '<p id="a">For <b data-trace-mask>Jane Doe</b></p><button data-here aria-labelledby="a" title="Profile"></button>',
    "click Profile",
  ],
  ["<button>Call <b data-trace-mask>Jane Doe</b></button>", "click button"],
  ['<a href="#x" data-here>x<img data-trace-mask alt="Jane Doe"></a>', "click a"],
  [
    '<a href="#x" data-here>x<i data-trace-mask><img alt="Jane Doe"></i><img alt="Profile"></a>',
    "click Profile",
  ],
  ['<p id="a">Jane Doe</p><a href="#x" data-here aria-labelledby="a" title="Profile">x</a>', "click Profile"],
  ['<button aria-labelledby="gone">Buy</button>', "click Buy"],
  ['<div data-trace-mask><a href="#x" title="Jane Doe" data-here>x</a></div>', "click a"],
])("%s is called %s", async (html, name) => {
  page = open();
  expect(await namesOfClick(html)).toEqual([name]);
});

test.each([
  ["<button>Jane Doe</button>", "click button"],
  [
    '<p id="a">Jane Doe</p><button data-here aria-labelledby="a" aria-label="Account">Jane Doe</button>',
    "click Account",
  ],
  ['<button title="Account">Jane Doe</button>', "click Account"],
  ['<button aria-label="Account">Jane Doe</button>', "click Account"],
  ['<input type="button" name="send" value="Jane Doe">', "click send"],
])("with labels of attributes alone %s is called %s", async (html, name) => {
  page = open({ labels: "attributes" });
  expect(await namesOfClick(html)).toEqual([name]);
});

/** A form whose submit starts one span of work. */
function showForm(html: string): HTMLFormElement {
  show(html);
  const form = document.querySelector("form");
  if (!form) throw new Error("no form");
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    withSpan("work", () => undefined);
  });
  return form;
}

/** Name, type and parent of each span; every case here has one interaction and its work. */
async function expectOne(name: string, type: string): Promise<void> {
  const spans = await page.spans();
  const [interaction, work] = [named(spans, name), named(spans, "work")];
  expect(spans.map((span) => span.name).sort()).toEqual([name, "work"].sort());
  expect(interaction?.attributes["throughline.interaction.type"]).toBe(type);
  expect(work?.parentSpanId).toBe(interaction?.spanId);
}

test("Enter in a field submits the form once, under the name of its button", async () => {
  page = open();
  showForm('<form><input name="card" data-here value="4111"><button>Send</button></form>');
  await userEvent.type(document.querySelector("input") as Element, "{Enter}");
  await expectOne("submit Send", "submit");
});

test("Enter in the field of a form without a button submits under the name of the form", async () => {
  page = open();
  showForm('<form aria-label="Search"><input name="q" data-here value="Jane Doe"></form>');
  await userEvent.type(document.querySelector("input") as Element, "{Enter}");
  await expectOne("submit Search", "submit");
});

test("a named form names its submit and not the clicks inside", async () => {
  page = open();
  showForm('<form data-trace-name="Search"><input data-here></form>');
  const field = document.querySelector("input") as Element;
  await userEvent.click(field);
  await userEvent.type(field, "{Enter}");
  await expectOne("submit Search", "submit");
});

test("a form that a person's choice has code submit is a submit", async () => {
  page = open();
  const form = showForm('<form name="sort"><input type="checkbox" data-here></form>');
  document.querySelector("input")?.addEventListener("change", () => form.requestSubmit());
  await userEvent.click(document.querySelector("input") as Element);
  await expectOne("submit sort", "submit");
});

test("a form that the code of a click submits belongs to the click", async () => {
  page = open();
  const form = showForm("<form></form><button data-here>Save</button>");
  document.querySelector("button")?.addEventListener("click", () => {
    setTimeout(() => form.requestSubmit());
  });
  await userEvent.click(document.querySelector("button") as Element);
  await expect.poll(() => page.posted().length).toBe(2);
  await expectOne("click Save", "click");
});

test.each(["{Enter}", " "])("the key %j on a button is one interaction by keyboard", async (key) => {
  page = open();
  const button = show("<button>Buy</button>");
  button.addEventListener("click", () => withSpan("work", () => undefined));
  button.focus();
  await userEvent.keyboard(key);
  await expectOne("key Buy", "key");
});

test("a key on the button of a form is one interaction with the submit", async () => {
  page = open();
  showForm("<form><button data-here>Send</button></form>");
  document.querySelector("button")?.focus();
  await userEvent.keyboard("{Enter}");
  await expectOne("key Send", "key");
});

test("a key on a control made of something else is heard where its listener hears it", async () => {
  page = open();
  const control = show('<div role="button" tabindex="0">Open</div>');
  control.addEventListener("click", () => withSpan("work", () => undefined));
  control.addEventListener("keydown", (event) => event.key === "Enter" && control.click());
  control.focus();
  await userEvent.keyboard("{Enter}");
  await expectOne("key Open", "key");
});

test("what a person types opens no span", async () => {
  page = open();
  const field = show('<textarea data-trace-name="Note"></textarea>');
  field.addEventListener("keydown", () => withSpan("work", () => undefined));
  field.focus();
  await userEvent.keyboard("a {Enter}");
  expect(new Set((await page.spans()).map(({ name }) => name))).toEqual(new Set(["work"]));
});

test("a script that submits while nobody is there makes no interaction", async () => {
  page = open();
  const form = showForm("<form></form>");
  Object.defineProperty(navigator, "userActivation", { value: { isActive: false }, configurable: true });
  try {
    form.requestSubmit();
  } finally {
    Reflect.deleteProperty(navigator, "userActivation");
  }
  expect((await page.spans()).map(({ name }) => name)).toEqual(["work"]);
});

test("a submit that starts nothing is never exported", async () => {
  page = open();
  show("<form><input data-here></form>");
  document.querySelector("form")?.addEventListener("submit", (event) => event.preventDefault());
  await userEvent.type(document.querySelector("input") as Element, "{Enter}");
  expect(await page.spans()).toEqual([]);
});

test("after a stop a submit and a key are the page's own again", async () => {
  page = open();
  await page.tracing.stop();
  showForm("<form><input data-here></form>");
  await userEvent.type(document.querySelector("input") as Element, "{Enter}");
  expect(page.posted()).toEqual([]);
});
