// Refreshes what moves, plays previews, copies commands. Pages do without it; it adds no content of its own.
(() => {
  "use strict";
  const one = (selector, root = document) => root.querySelector(selector);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];

  // What moves: every five seconds, with the ETag of the last answer, while somebody looks.
  const place = one("[data-refresh]");
  if (place) {
    const began = Number(place.dataset.ended);
    let etag = "";
    let timer = 0;
    const count = (text) => Number(text.replace(/[^0-9]/g, ""));
    const news = (ended) => {
      const line = one("[data-news]");
      const fresh = ended - began;
      if (!line || fresh <= 0 || line.dataset.said === String(fresh)) return;
      line.dataset.said = String(fresh);
      const link = document.createElement("a");
      link.href = location.href;
      link.textContent = "show";
      const single = place.dataset.refresh.includes("id=");
      const text = single ? "It has ended" : fresh + (fresh === 1 ? " new result" : " new results");
      line.replaceChildren(text + " — ", link);
      link.addEventListener("click", (event) => { event.preventDefault(); location.reload(); });
    };
    const show = (html) => {
      const answer = new DOMParser().parseFromString(html, "text/html");
      for (const given of all("[data-count]", answer)) {
        for (const shown of all(`[data-count="${given.dataset.count}"]`)) {
          if (shown.textContent === given.textContent) continue;
          if (count(shown.textContent) < count(given.textContent)) {
            shown.classList.remove("risen");
            void shown.offsetWidth;
            shown.classList.add("risen");
          }
          shown.textContent = given.textContent;
        }
      }
      for (const given of all("[data-live]", answer)) {
        const shown = one(`[data-live="${given.dataset.live}"]`);
        // Never under a reader's hands: a place that has the focus is left until it is given back.
        if (!shown || shown.contains(document.activeElement)) continue;
        if (shown.innerHTML !== given.innerHTML) shown.replaceChildren(...given.childNodes);
      }
      const ended = one("[data-ended]", answer);
      if (ended) news(Number(ended.dataset.ended));
    };
    const ask = async () => {
      try {
        const headers = etag ? { "If-None-Match": etag } : {};
        const answer = await fetch(place.dataset.refresh, { headers, cache: "no-store" });
        if (answer.status === 200) {
          etag = answer.headers.get("ETag") || "";
          show(await answer.text());
        }
      } catch { /* the next round asks again */ }
      wait();
    };
    const wait = () => {
      clearTimeout(timer);
      if (!document.hidden) timer = setTimeout(ask, 5000);
    };
    document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : ask()));
    wait();
  }

  // What is made when somebody asks: asked for until its link is there.
  const pause = (ms) => new Promise((done) => setTimeout(done, ms));
  const made = async (address, wanted, waiting) => {
    let method = "GET";
    let failed = false;
    for (let round = 0; round < 600 && wanted(); round += 1) {
      const answer = await fetch(address, { method, headers: { Accept: "application/json" }, cache: "no-store" });
      // An earlier attempt failed: somebody asks for it again, so it is tried again, once.
      if (answer.status === 502 && !failed) {
        failed = true;
        method = "POST";
        continue;
      }
      method = "GET";
      const body = await answer.json().catch(() => ({}));
      if (answer.status === 200 && body.url) return body.url;
      if (answer.status >= 400) throw new Error(body.detail || `the server answered ${answer.status}`);
      waiting();
      await pause(answer.status === 200 ? 200 : 1000);
    }
    throw new Error("it takes too long; try again later");
  };

  // The bundle is packed first: no page is left and no half answer saved.
  const bundle = one("[data-bundle]");
  if (bundle) {
    const line = one("[data-packing]");
    let busy = false;
    bundle.addEventListener("click", async (event) => {
      event.preventDefault();
      if (busy) return;
      busy = true;
      try {
        location.href = await made(bundle.dataset.bundle, () => true, () => { line.textContent = "It is being packed …"; });
        line.textContent = "";
      } catch (error) { line.textContent = `It could not be packed: ${error.message}`; }
      busy = false;
    });
  }

  // Previews: asks for one, shows that it is being rebuilt, plays it; asks once more when the link has expired.
  const choice = one("form[data-player]");
  const screen = one("[data-screen]");
  if (choice && screen) {
    let turn = 0;
    const say = (text, kind) => {
      const line = document.createElement("p");
      line.className = kind;
      line.textContent = text;
      screen.replaceChildren(line);
      return line;
    };
    const rebuilding = "The preview is being rebuilt from the stored stream, every frame checked against its hash.";
    const play = async (address, quality) => {
      const mine = (turn += 1);
      let told = false;
      const link = () => made(address, () => mine === turn, () => {
        if (!told) say(rebuilding, "rebuilding");
        told = true;
      });
      try {
        const url = await link();
        if (mine !== turn) return;
        const video = document.createElement("video");
        video.controls = true;
        video.playsInline = true;
        video.muted = true;
        video.preload = "metadata";
        video.src = url;
        let again = true;
        video.addEventListener("error", async () => {
          if (!again || mine !== turn) { say("This browser cannot play the preview.", "failed"); return; }
          again = false;
          const at = video.currentTime;
          try {
            video.src = await link();
            video.currentTime = at;
          } catch (error) { say(`The preview is gone: ${error.message}`, "failed"); }
        });
        const line = document.createElement("p");
        line.className = "hint";
        line.textContent = `A preview in H.264, rebuilt from the stored stream at quality index ${quality}. The measured object is the stream, not this video.`;
        screen.replaceChildren(video, line);
        video.play().catch(() => {});
      } catch (error) {
        if (mine === turn) say(`The preview could not be shown: ${error.message}`, "failed");
      }
    };
    const begin = () => {
      const asked = new FormData(choice);
      const question = new URLSearchParams({ clip: asked.get("clip"), q: asked.get("q") });
      say("Asking for the preview …", "rebuilding");
      play(`${choice.dataset.player}?${question}`, asked.get("q"));
    };
    choice.addEventListener("submit", (event) => {
      if (!event.submitter || event.submitter.name !== "video") return;
      event.preventDefault();
      begin();
    });
    // An address that asks for the preview, opened where this script runs.
    if (one(".rebuilding", screen)) begin();
  }

  // Commands to copy.
  for (const button of all("[data-copy]")) {
    if (!navigator.clipboard) break;
    button.hidden = false;
    button.addEventListener("click", async () => {
      const text = document.getElementById(button.dataset.copy).textContent;
      const done = await navigator.clipboard.writeText(text).then(() => true, () => false);
      button.textContent = done ? "Copied" : "Not allowed";
      setTimeout(() => { button.textContent = "Copy"; }, 2000);
    });
  }
})();
