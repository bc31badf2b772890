// Everything works without this file; it only saves a few clicks.
"use strict";

function copied(text) {
  if (navigator.clipboard) {
    return navigator.clipboard.writeText(text).then(() => true, () => false);
  }
  // Over plain http browsers have no clipboard but this one.
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "unseen";
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  return Promise.resolve(done);
}

for (const block of document.querySelectorAll("[data-copy]")) {
  const code = block.querySelector("code");
  const button = document.createElement("button");
  const said = document.createElement("span");
  let timer = 0;
  button.type = "button";
  button.className = "copy";
  button.textContent = "Copy";
  said.className = "unseen";
  said.setAttribute("role", "status");
  button.addEventListener("click", async () => {
    const done = await copied(code.textContent);
    button.focus();
    if (!done) {
      getSelection().selectAllChildren(code);
    }
    button.textContent = done ? "Copied" : "Press Ctrl+C";
    said.textContent = done ? "The command is in the clipboard." : "The command is selected. Press Ctrl+C.";
    clearTimeout(timer);
    timer = setTimeout(() => {
      button.textContent = "Copy";
      said.textContent = "";
    }, 3000);
  });
  block.append(button, said);
}
