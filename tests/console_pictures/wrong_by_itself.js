/* What is wrong with the page that is open, as a list of sentences: what no picture shows to a program, and what a screen
   reader or a phone would stumble over. Contrast is asked of every text that stands on a plain ground. */
() => {
  const wrong = [];
  const name = (one) => one.outerHTML.slice(0, 120).replace(/\s+/g, " ");
  const seen = (one) => one.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true });

  const wide = document.documentElement.scrollWidth;
  if (wide > window.innerWidth) {
    const over = [...document.querySelectorAll("main *")].filter((one) => one.getBoundingClientRect().right > window.innerWidth + 1
      && !one.closest(".table-box, pre"));
    wrong.push(`wider than the window by ${wide - window.innerWidth}: ${over.slice(0, 2).map(name).join(" ")}`);
  }

  if (document.querySelectorAll("h1").length !== 1) wrong.push(`${document.querySelectorAll("h1").length} first headings`);
  let level = 0;
  for (const heading of document.querySelectorAll("main h1, main h2, main h3")) {
    const now = Number(heading.tagName[1]);
    if (now > level + 1 && level) wrong.push(`a heading leaves out a level: ${name(heading)}`);
    level = now;
  }
  if (!document.documentElement.lang) wrong.push("the page does not say its language");
  if (!document.title.trim()) wrong.push("no title");
  if (document.querySelectorAll("main").length !== 1) wrong.push("not one main part");

  const ids = [...document.querySelectorAll("[id]")].map((one) => one.id);
  for (const id of new Set(ids.filter((id, index) => ids.indexOf(id) !== index))) wrong.push(`an id stands twice: ${id}`);

  for (const field of document.querySelectorAll("input:not([type=hidden]), select, textarea, progress")) {
    if (!field.labels?.length && !field.getAttribute("aria-label")) wrong.push(`no label: ${name(field)}`);
  }
  for (const one of document.querySelectorAll("a[href], button, summary")) {
    const said = one.textContent.trim() || one.getAttribute("aria-label");
    if (!said) wrong.push(`nothing to read: ${name(one)}`);
  }
  for (const table of document.querySelectorAll("table")) {
    if (!table.querySelector("th[scope]")) wrong.push(`a table without named columns or rows: ${name(table)}`);
  }
  for (const image of document.querySelectorAll("svg")) {
    if (image.getAttribute("aria-hidden") !== "true" && !image.getAttribute("aria-label")) wrong.push(`a picture without words: ${name(image)}`);
  }
  for (const state of document.querySelectorAll(".badge, .state")) {
    if (!state.querySelector(".mark")) wrong.push(`a state by colour alone: ${name(state)}`);
  }
  if (document.querySelector("[style]")) wrong.push(`a style in the page: ${name(document.querySelector("[style]"))}`);

  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgb = (color) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = ([red, green, blue]) => {
    const part = (value) => (value /= 255) <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    return 0.2126 * part(red) + 0.7152 * part(green) + 0.0722 * part(blue);
  };
  const ground = (one) => {
    for (let at = one; at; at = at.parentElement) {
      const style = getComputedStyle(at);
      if (style.backgroundImage !== "none" && at !== document.querySelector(".frame")) return null;
      const color = rgb(style.backgroundColor);
      if (color[3] === 255) return color;
      if (color[3] > 0) return null;
    }
    return rgb("white");
  };
  const poor = new Map();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const one = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || !seen(one) || one.closest("svg, [disabled], .hidden-words, option, title")) continue;
    const under = ground(one);
    if (!under) continue;
    const style = getComputedStyle(one);
    const [more, less] = [light(rgb(style.color)), light(under)].sort((left, right) => right - left);
    const large = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.66 && Number(style.fontWeight) >= 700);
    const ratio = (more + 0.05) / (less + 0.05);
    if (ratio < (large ? 3 : 4.5)) poor.set(`${style.color} on ${under.slice(0, 3)}`, `contrast ${ratio.toFixed(2)}: ${name(one)}`);
  }
  wrong.push(...poor.values());
  return wrong;
}
