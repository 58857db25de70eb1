// Asks again while one types or chooses, and puts the answer in place of the last; without script the button does it.
"use strict";

for (const form of document.querySelectorAll("form.fields")) {
  let waiting;
  let asking;

  async function ask() {
    asking?.abort();
    asking = new AbortController();
    const address = new URL(form.action);
    for (const [name, value] of new FormData(form)) {
      if (value) address.searchParams.set(name, value);
    }
    try {
      const answer = await fetch(address, { signal: asking.signal });
      if (!answer.ok) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      document.getElementById("results").replaceWith(page.getElementById("results"));
      history.replaceState(null, "", address);
    } catch (fault) {
      if (fault.name !== "AbortError") throw fault;
    }
  }

  form.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(ask, 150);
  });
}
