// All of this makes the page handier; nothing of it is needed to read it.
"use strict";
const one = (selector, root = document) => root.querySelector(selector);
const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const made = (name, properties) => Object.assign(document.createElement(name), properties);

// --- search, filters and order: of the matrix, the claims, the figures of all claims and the list of contents alike

function finder(form) {
  const table = one("table.matrix"), bodies = all("tbody", table);
  const rows = all("tr[data-claim]", table), count = one("output", form);
  const homes = new Map(rows.map(row => [row, row.parentNode]));
  const listed = new Map(all(".contents ul ul a").map(a => [a.hash.slice(1), a.parentNode]));
  const articles = new Map(rows.map(row => [row, document.getElementById(row.dataset.claim)]));
  const drawn = all("svg.figure a[href^='#']").filter(a => rows.some(row => row.dataset.claim === a.getAttribute("href").slice(1)));
  const texts = new Map(rows.map(row => [row, textOf(row, articles.get(row))]));
  const sorted = made("tbody", {hidden: true});
  table.append(sorted);

  function find() {
    const wanted = Object.fromEntries(new FormData(form));
    const words = wanted.text.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const fits = words.every(word => texts.get(row).includes(word)) &&
        ["verdict", "general", "document", "states"].every(key => !wanted[key] || row.dataset[key] === wanted[key]) &&
        (!wanted.depends || row.dataset.depends === "yes");
      shown += fits;
      for (const part of [row, articles.get(row), listed.get(row.dataset.claim)]) {
        if (part && (part === row || part.matches("article, li"))) part.hidden = !fits;
      }
    }
    const kept = new Set(rows.filter(row => !row.hidden).map(row => row.dataset.claim));
    for (const link of drawn) link.classList.toggle("dim", !kept.has(link.getAttribute("href").slice(1)));
    order(wanted.order);
    for (const body of bodies) body.hidden = !all("tr[data-claim]", body).some(row => !row.hidden);
    for (const section of all("section.document")) section.hidden = all("article", section).every(a => a.hidden);
    for (const group of all(".contents li.text:has(ul)")) group.hidden = all("ul li", group).every(li => li.hidden);
    count.textContent = `${shown} of ${rows.length} claims`;
  }

  function order(key) {
    const title = row => row.cells[0].textContent.trim();
    const place = row => Number(row.getAttribute(`data-order-${key}`));
    const compare = key === "title" ? (a, b) => title(a).localeCompare(title(b)) : (a, b) => place(a) - place(b);
    if (key) sorted.append(...[...rows].sort(compare));
    else for (const row of rows) homes.get(row).append(row);
    sorted.hidden = !key;
  }

  form.hidden = false;
  form.addEventListener("submit", event => event.preventDefault());
  form.addEventListener("input", find);
  form.addEventListener("reset", () => setTimeout(find));
  find();
  // a link to what a filter hides shows it again
  addEventListener("hashchange", () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target || !target.closest("[hidden]")) return;
    form.reset();
    setTimeout(() => target.scrollIntoView());
  });
}

function textOf(row, article) {
  const parts = [row, ...(article ? all("header, .answers, blockquote, .how, .caveats", article) : [])];
  return parts.map(part => part.textContent).join(" ").toLowerCase();
}

// --- the current claim in the list of contents

function follow(nav) {
  const links = new Map(all("a[href^='#']", nav).map(a => [a.hash.slice(1), a]));
  let current;
  const seen = new IntersectionObserver(entries => {
    const top = entries.filter(entry => entry.isIntersecting).pop();
    if (!top) return;
    current?.removeAttribute("aria-current");
    current = links.get(top.target.id);
    current.setAttribute("aria-current", "true");
    const {top: above, bottom: below} = current.getBoundingClientRect(), box = nav.getBoundingClientRect();
    if (above < box.top || below > box.bottom) nav.scrollTop += above - box.top - box.height / 3;
  }, {rootMargin: "-10% 0px -80% 0px"});
  for (const id of links.keys()) {
    const target = document.getElementById(id);
    if (target?.matches("article, main > section:not(.document)")) seen.observe(target);
  }
}

// --- copying: commands, and the address of a claim

const said = made("p", {className: "hidden", role: "status"});

async function copy(text, source) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {  // no clipboard without permission: the text is selected instead
    getSelection().selectAllChildren(source);
    if (!document.execCommand("copy")) return void (said.textContent = "Selected; copy it with the keyboard");
  }
  said.textContent = "Copied";
}

function copyButtons() {
  for (const source of all(".rerun > code, pre.copied")) {
    const button = made("button", {type: "button", className: "copy", textContent: "Copy"});
    button.setAttribute("aria-label", `Copy ${source.textContent}`);
    button.addEventListener("click", async () => {
      await copy(source.textContent, source);
      button.textContent = said.textContent === "Copied" ? "Copied" : "Selected";
      setTimeout(() => { button.textContent = "Copy"; }, 2000);
    });
    (source.matches("pre") ? source.parentNode : source).after(button);
  }
  for (const link of all("a.permalink")) link.addEventListener("click", () => copy(link.href, link));
}

// --- what the marks of a figure say: under the pointer, and by the arrow keys once a figure has the focus

function figures() {
  const tip = made("div", {className: "tip", hidden: true, role: "status"});
  document.body.append(tip);
  const marks = new WeakMap(), words = new WeakMap();
  let lit;

  function prepare(svg) {
    if (marks.has(svg)) return marks.get(svg);
    const found = all("title", svg).map(title => {
      const mark = title.parentNode;
      words.set(mark, title.textContent);
      title.remove();  // the browser's own label would cover ours
      return mark;
    });
    marks.set(svg, found);
    return found;
  }

  function show(mark) {
    lit?.classList.remove("lit");
    lit = mark;
    tip.hidden = !mark;
    if (!mark) return;
    mark.classList.add("lit");
    tip.textContent = words.get(mark);
    const box = mark.getBoundingClientRect();
    tip.style.left = `${Math.max(4, Math.min(box.left + box.width / 2 - tip.offsetWidth / 2, innerWidth - tip.offsetWidth - 4))}px`;
    tip.style.top = `${box.top > tip.offsetHeight + 8 ? box.top - tip.offsetHeight - 6 : box.bottom + 6}px`;
  }

  for (const svg of all("svg.figure")) {
    if (!one("title", svg)) continue;
    if (!one("a", svg)) {
      svg.tabIndex = 0;
      svg.setAttribute("aria-description", "Arrow keys read its marks");
    }
    svg.addEventListener("pointerover", event => {
      prepare(svg);
      let mark = event.target;
      while (mark !== svg && !words.has(mark)) mark = mark.parentNode;
      show(mark === svg ? null : mark);
    });
    svg.addEventListener("pointerleave", () => show(null));
    svg.addEventListener("blur", () => show(null));
    svg.addEventListener("keydown", event => {
      const step = {ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1}[event.key];
      if (event.key === "Escape") return show(null);
      if (!step) return;
      event.preventDefault();
      const found = prepare(svg), at = found.indexOf(lit);
      show(found[at < 0 ? (step > 0 ? 0 : found.length - 1) : (at + step + found.length) % found.length]);
    });
  }
  addEventListener("scroll", () => show(null), {passive: true});
}

// --- on a phone, tables that are wider than it become cards, as those that matter most are without this

function cards() {
  const narrow = matchMedia("(max-width: 40rem)");
  function fit() {
    if (!narrow.matches) return;
    for (const box of all(".scroll")) {
      const table = one("table:not(.cards, .entries)", box);
      if (!table || box.scrollWidth <= box.clientWidth) continue;
      const names = [...table.tHead.rows[0].cells].map(cell => cell.textContent);
      for (const row of table.tBodies[0].rows) [...row.cells].slice(1).forEach((cell, i) => { cell.dataset.l = names[i + 1]; });
      table.classList.add("cards");
    }
  }
  fit();
  narrow.addEventListener("change", fit);
  document.addEventListener("toggle", fit, true);
}

document.body.append(said);
if (one("#find")) finder(one("#find"));
if (one(".contents")) follow(one(".contents"));
copyButtons();
figures();
cards();
