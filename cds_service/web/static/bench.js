// The test bench without a reload: the form is sent as it stands, and what comes back takes the place of the page's
// own content. Without this file the same form works as a plain post.
"use strict";

const main = document.getElementById("main");
let turn = 0;
let timer = 0;

const theForm = () => document.getElementById("bench");

function told(form, button) {
  const data = new URLSearchParams(new FormData(form));
  if (button && button.name) data.append(button.name, button.value);
  return data;
}

function placeOf(element) {
  if (!element || !main.contains(element)) return null;
  const tag = element.tagName.toLowerCase();
  if (element.id) return "#" + CSS.escape(element.id);
  if (!element.name) return null;
  const value = tag === "button" || element.type === "checkbox" ? `[value="${CSS.escape(element.value)}"]` : "";
  return `${tag}[name="${CSS.escape(element.name)}"]${value}`;
}

function folded() {
  return new Map([...main.querySelectorAll("details[id]")].map((one) => [one.id, one.open]));
}

function replaced(text, focus, open) {
  const page = new DOMParser().parseFromString(text, "text/html");
  const fresh = page.getElementById("main");
  if (!fresh) throw new Error("no page came back");
  const said = fresh.querySelector("#said").textContent;
  main.replaceChildren(...fresh.childNodes);
  for (const one of main.querySelectorAll("details[id]")) {
    if (open.has(one.id) && !/^(rule-|feedback|request)/.test(one.id)) one.open = one.open || open.get(one.id);
  }
  begin();
  const found = (focus && main.querySelector(focus)) || document.getElementById("cards");
  if (found) {
    if (found.id === "cards") found.tabIndex = -1;
    found.focus({ preventScroll: found.id !== "cards" });
  }
  // A live region speaks when its words change after it is there.
  const region = document.getElementById("said");
  region.textContent = "";
  setTimeout(() => { region.textContent = said; }, 50);
}

async function send(button, keep) {
  const form = theForm();
  const mine = ++turn;
  clearTimeout(timer);
  const sent = told(form, button);
  const before = told(form).toString();
  form.setAttribute("aria-busy", "true");
  let text;
  try {
    const answer = await fetch(form.action, { method: "POST", body: sent });
    text = await answer.text();
    if (!answer.ok) throw new Error(reason(text, answer.status));
  } catch (fault) {
    form.removeAttribute("aria-busy");
    document.getElementById("said").textContent = `Nothing was lost, and nothing came back: ${fault.message}`;
    return;
  }
  if (mine !== turn) return;
  if (told(theForm()).toString() !== before) {
    // Something was typed meanwhile: it is sent too, rather than lost.
    if (!button) { send(null, keep); return; }
    later();
    return;
  }
  replaced(text, keep, folded());
  const link = theForm().dataset.link;
  history.replaceState(null, "", link ? new URL(link).pathname + new URL(link).search : "/bench");
}

function reason(text, status) {
  try {
    return JSON.parse(text).issue[0].details.text;
  } catch {
    return `the service answered ${status}.`;
  }
}

function later() {
  clearTimeout(timer);
  timer = setTimeout(() => send(null, placeOf(document.activeElement)), 150);
}

function begin() {
  for (const one of main.querySelectorAll("[data-copy]")) one.hidden = false;
}

main.addEventListener("submit", (event) => {
  const button = event.submitter;
  if (button && button.value.startsWith("save ")) return;
  event.preventDefault();
  const stays = button && /^(show|change)/.test(button.value);
  send(button, stays ? placeOf(button) : null);
});

main.addEventListener("change", (event) => {
  const field = event.target;
  if (!theForm() || !("fired" in theForm().dataset) || !field.name) return;
  if (["what", "amount", "often", "reason", "diagnosis"].includes(field.name)) return;
  later();
});

main.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const field = document.getElementById(button.dataset.copy);
  navigator.clipboard.writeText(field.value.trim()).then(
    () => { button.textContent = "Copied"; },
    () => { field.select(); },
  );
});

main.addEventListener("dragover", (event) => {
  if (event.target.closest("#own-chart, .setup")) event.preventDefault();
});

main.addEventListener("drop", async (event) => {
  const file = event.dataTransfer && event.dataTransfer.files[0];
  if (!file || !event.target.closest("#own-chart, .setup")) return;
  event.preventDefault();
  document.getElementById("own-chart").open = true;
  document.getElementById("text").value = await file.text();
  send(null, "#text");
});

begin();
