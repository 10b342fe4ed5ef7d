"use strict";
/* What the console's pages do in the browser: the menu on a phone, dialogs, printing, and news of the relays.

   News come as server-sent events from /live. They say that something is new, not how it looks: the page is asked for again,
   and each part with [data-live] that is different takes the place of the old one. So there is one way to make a part, the
   template, and what the eye is on does not move: a part in which something has the focus, or is marked, waits. */
(() => {
  const REST_MS = 1500;
  const LOST_MS = 5000;
  const root = document.documentElement;
  root.classList.add("script");

  const menu = document.querySelector("[data-menu]");
  const side = document.getElementById("side");
  if (menu && side) {
    menu.addEventListener("click", () => {
      const open = side.classList.toggle("open");
      menu.setAttribute("aria-expanded", String(open));
      if (open) side.querySelector(".nav a")?.focus();
    });
    document.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !side.classList.contains("open")) return;
      side.classList.remove("open");
      menu.setAttribute("aria-expanded", "false");
      menu.focus();
    });
  }

  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-opens]");
    const dialog = opener && document.getElementById(opener.dataset.opens);
    if (dialog instanceof HTMLDialogElement) {
      event.preventDefault();
      dialog.showModal();
    }
    if (event.target.closest("[data-closes]")) event.target.closest("dialog")?.close();
    if (event.target.closest("[data-prints]")) window.print();
  });

  const parts = () => [...document.querySelectorAll("[data-live]")];
  if (!parts().length || !window.EventSource) return;

  const note = document.querySelector("[data-live-note]");
  const say = (state) => {
    if (!note) return;
    note.dataset.liveState = state;
    const words = state === "live" ? note.dataset.whenLive : note.dataset.whenLost;
    if (words) note.textContent = words;
  };
  const busy = (part) => part.contains(document.activeElement) || part.querySelector("dialog[open]") !== null
    || (document.getSelection()?.type === "Range" && part.contains(document.getSelection().anchorNode));

  let asking = false;
  let again = false;
  const renew = async () => {
    if (asking || document.hidden) {
      again = true;
      return;
    }
    asking = true;
    again = false;
    try {
      const answer = await fetch(location.href, { headers: { "x-live": "1" }, redirect: "manual", cache: "no-store" });
      if (answer.type === "opaqueredirect") return location.reload();
      if (!answer.ok) return say("lost");
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const part of parts()) {
        const next = fresh.querySelector(`[data-live="${CSS.escape(part.dataset.live)}"]`);
        if (!next || busy(part) || part.outerHTML === next.outerHTML) continue;
        part.replaceWith(document.adoptNode(next));
      }
      root.dataset.renewed = String(Number(root.dataset.renewed || 0) + 1);
      say("live");
    } catch {
      say("lost");
    } finally {
      setTimeout(() => {
        asking = false;
        if (again) renew();
      }, REST_MS);
    }
  };

  let news;
  const listen = () => {
    news = new EventSource("/live");
    news.addEventListener("open", () => say("live"));
    news.addEventListener("relays", renew);
    news.addEventListener("error", () => {
      say("lost");
      if (news.readyState !== EventSource.CLOSED) return; // the browser tries again by itself
      setTimeout(() => {
        renew(); // who is signed out gets the sign-in
        listen();
      }, LOST_MS);
    });
    news.addEventListener("signed_out", () => {
      news.close();
      location.reload();
    });
  };
  listen();
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && again) renew();
  });
  window.addEventListener("pagehide", () => news.close());
})();
