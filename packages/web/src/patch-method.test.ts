import { expect, test } from "vitest";
import { patchMethod } from "./patch-method.ts";

const shout = (original: (this: unknown, ...args: unknown[]) => unknown) =>
  function (this: unknown, ...args: unknown[]) {
    return `${String(Reflect.apply(original, this, args))}!`;
  };

function createOwner() {
  return {
    greet(name: string) {
      return `hello ${name}`;
    },
  };
}

test("a patch comes off and leaves the very same function and descriptor", () => {
  const owner = createOwner();
  const before = Object.getOwnPropertyDescriptor(owner, "greet");
  const stop = patchMethod(owner, "greet", shout);
  expect(owner.greet("you")).toBe("hello you!");
  stop();
  expect(Object.getOwnPropertyDescriptor(owner, "greet")).toEqual(before);
});

test("a patch keeps name and length", () => {
  const owner = createOwner();
  patchMethod(owner, "greet", shout);
  expect([owner.greet.name, owner.greet.length]).toEqual(["greet", 1]);
});

test("a later patcher stays alive when ours comes off below it", () => {
  const owner = createOwner();
  const stop = patchMethod(owner, "greet", shout);
  const ours = owner.greet;
  const theirs = function (this: unknown, name: string) {
    return `[${Reflect.apply(ours, this, [name])}]`;
  };
  owner.greet = theirs;
  stop();
  expect(owner.greet).toBe(theirs);
  expect(owner.greet("you")).toBe("[hello you]");
});

test("an inherited method is inherited again afterwards", () => {
  const owner: ReturnType<typeof createOwner> = Object.create(createOwner());
  const stop = patchMethod(owner, "greet", shout);
  expect(owner.greet("you")).toBe("hello you!");
  stop();
  expect(Object.hasOwn(owner, "greet")).toBe(false);
});

test("a locked method is left alone", () => {
  const owner = Object.freeze(createOwner());
  const stop = patchMethod(owner, "greet", shout);
  stop();
  expect(owner.greet("you")).toBe("hello you");
});

test("what is not there is not invented", () => {
  const owner = {};
  patchMethod(owner, "greet", shout);
  expect("greet" in owner).toBe(false);
});
