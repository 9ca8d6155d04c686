import { StrictMode, useState } from "react";
import { createRoot } from "react-dom/client";
import { order } from "./order.ts";

function Shop() {
  const [told, setTold] = useState("nothing ordered yet");
  const buy = async (): Promise<void> => setTold(await order("brass-ruler"));
  return (
    <main>
      <button type="button" onClick={() => void buy()}>
        Buy
      </button>
      <output>{told}</output>
    </main>
  );
}

const root = document.getElementById("root");
if (root) {
  createRoot(root).render(
    <StrictMode>
      <Shop />
    </StrictMode>,
  );
}
