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
  const mapped = new Map(all("tr[data-of]").map(row => [row.dataset.of, row]));
  const drawn = all("svg.figure a[href^='#']").filter(a => rows.some(row => row.dataset.claim === a.getAttribute("href").slice(1)));
  const texts = new Map(rows.map(row => [row, textOf(row, articles.get(row))]));
  const sorted = made("tbody", {hidden: true});
  table.append(sorted);

  function find() {
    const wanted = Object.fromEntries(new FormData(form));
    const words = wanted.text.toLowerCase().split(/\s+/).filter(Boolean);
    for (const row of rows) {
      const fits = words.every(word => texts.get(row).includes(word)) &&
        ["verdict", "general", "document", "states"].every(key => !wanted[key] || row.dataset[key] === wanted[key]) &&
        (!wanted.depends || row.dataset.depends === "yes");
      const {claim} = row.dataset;
      for (const part of [row, articles.get(row), listed.get(claim), mapped.get(claim)]) {
        if (part?.matches("tr, article, li")) part.hidden = !fits;
      }
    }
    const kept = new Set(rows.filter(row => !row.hidden).map(row => row.dataset.claim));
    for (const link of drawn) entry(link).classList.toggle("dim", !kept.has(link.getAttribute("href").slice(1)));
    for (const figure of new Set(drawn.map(link => link.closest("figure")))) {
      figure.hidden = drawn.every(link => link.closest("figure") !== figure || entry(link).matches(".dim"));
    }
    order(wanted.order);
    for (const body of [...bodies, ...all("table.evidence tbody")]) body.hidden = !all("tr[data-claim], tr[data-of]", body).some(row => !row.hidden);
    for (const section of all("section.document")) section.hidden = all("article", section).every(a => a.hidden);
    for (const group of all(".contents li.text:has(ul)")) group.hidden = all("ul li", group).every(li => li.hidden);
    count.textContent = counted(rows) || "No claim has all of this: take fewer words, or clear it";
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
  for (const link of all("a.find")) link.hidden = false;
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

// the claims of documents and the controls, each with how many there are
function counted(rows) {
  if (rows.every(row => row.hidden)) return "";
  return ["claims", "controls"].flatMap(what => {
    const own = rows.filter(row => (row.dataset.control === "yes") === (what === "controls"));
    return own.length ? [`${own.filter(row => !row.hidden).length} of ${own.length} ${what}`] : [];
  }).join(", ");
}

// what a figure draws of a claim, around the link to it
function entry(link) {
  return link.parentNode.matches("g") ? link.parentNode : link;
}

function textOf(row, article) {
  const parts = [row, ...(article ? all("header, .answers, blockquote, .how, .caveats", article) : [])];
  return parts.map(part => part.textContent).join(" ").toLowerCase();
}

// --- the list of contents: what is being read, marked in it; on a phone it opens over the page

function contents(nav) {
  const links = new Map(all("a[href^='#']", nav).map(a => [document.getElementById(a.hash.slice(1)), a]));
  const parts = [...links.keys()].filter(part => part?.matches("article, main > section"));
  parts.sort((a, b) => a.compareDocumentPosition(b) & Node.DOCUMENT_POSITION_FOLLOWING ? -1 : 1);
  let current, waiting;

  function follow() {
    waiting = false;
    const read = parts.filter(part => part.getClientRects().length && part.getBoundingClientRect().top < innerHeight / 4).pop();
    if (links.get(read) === current) return;
    current?.removeAttribute("aria-current");
    current = links.get(read);
    current?.setAttribute("aria-current", "true");
    if (!current) return;
    const {top: above, bottom: below} = current.getBoundingClientRect(), box = nav.getBoundingClientRect();
    if (above < box.top || below > box.bottom) nav.scrollTop += above - box.top - box.height / 3;
  }

  addEventListener("scroll", () => {
    if (!waiting) requestAnimationFrame(follow);
    waiting = true;
  }, {passive: true});
  nav.addEventListener("toggle", follow);
  nav.addEventListener("click", event => { if (event.target.closest("a")) nav.hidePopover?.(); });
  one(".go .find")?.addEventListener("click", () => setTimeout(() => one("#find input")?.focus()));
  follow();
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
  for (const link of all("a.permalink")) {
    link.addEventListener("click", async () => {
      await copy(link.href, link);
      link.textContent = said.textContent === "Copied" ? "# address copied" : "#";
      setTimeout(() => { link.textContent = "#"; }, 2000);
    });
  }
}

// --- one claim on paper, with all that is folded

function printButtons() {
  for (const article of all("article.claim")) {
    const button = made("button", {type: "button", className: "print", textContent: "Print this claim"});
    button.addEventListener("click", () => {
      const folded = all("details:not([open])", article);
      for (const part of folded) part.open = true;
      document.body.classList.add("one");
      article.classList.add("alone");
      addEventListener("afterprint", () => {
        for (const part of folded) part.open = false;
        document.body.classList.remove("one");
        article.classList.remove("alone");
      }, {once: true});
      print();
    });
    one(".rerun", article)?.append(button);
  }
}

// --- what marks say: under the pointer, at a tap until the next one, and by the arrow keys once their figure has the focus

function figures() {
  const tip = made("div", {className: "tip", hidden: true, role: "status"});
  document.body.append(tip);
  const known = new WeakMap(), words = new WeakMap();
  let lit;

  // The browser's own label would cover ours, so it is taken out of the figure, which keeps it for a screen reader.
  function marks(host) {
    if (known.has(host)) return known.get(host);
    const found = all("title, [title]", host).map(titled => {
      const inside = titled.localName === "title", mark = inside ? titled.parentNode : titled;
      words.set(mark, inside ? titled.textContent : titled.title);
      if (inside) titled.remove();
      else {
        mark.setAttribute("aria-label", titled.title);
        mark.removeAttribute("title");
      }
      return mark;
    });
    known.set(host, found);
    return found;
  }

  function show(mark) {
    lit?.classList.remove("lit");
    lit = mark;
    tip.hidden = !mark;
    if (!mark) return;
    mark.classList.add("lit");
    tip.textContent = words.get(mark);
    tip.style.left = "0";
    const box = mark.getBoundingClientRect(), room = document.documentElement.clientWidth;
    const left = Math.max(4, Math.min(box.left + box.width / 2 - tip.offsetWidth / 2, room - tip.offsetWidth - 4));
    const above = box.top > tip.offsetHeight + 60;
    tip.style.left = `${left + scrollX}px`;
    tip.style.top = `${scrollY + (above ? box.top - tip.offsetHeight - 6 : box.bottom + 6)}px`;
  }

  function markAt(host, target) {
    while (target !== host && !words.has(target)) target = target.parentNode;
    return target === host ? null : target;
  }

  // a finger is broader than a point
  function nearest(host, {clientX, clientY}) {
    const near = marks(host).map(mark => {
      const {x, y, width, height} = mark.getBoundingClientRect();
      return [width > 40 ? Infinity : Math.hypot(x + width / 2 - clientX, y + height / 2 - clientY), mark];
    }).sort(([a], [b]) => a - b)[0];
    return near?.[0] < 22 ? near[1] : null;
  }

  function next(host, key) {
    const found = marks(host), at = found.indexOf(lit), step = key === "ArrowRight" || key === "ArrowDown" ? 1 : -1;
    if (at < 0) return found[step > 0 ? 0 : found.length - 1];
    const row = key === "ArrowUp" || key === "ArrowDown" ? found[at].closest("tr") : null;
    for (let i = at + step; ; i += step) {
      const mark = found[(i + found.length) % found.length];
      if (!(row && mark.closest("tr") === row) && (mark === lit || mark.getClientRects().length)) return mark;
    }
  }

  for (const host of all("svg.figure, .scroll:has(> table.marks)")) {
    if (!one("title, [title]", host)) continue;
    host.tabIndex = 0;
    host.setAttribute("aria-description", "Arrow keys read its marks");
    host.addEventListener("pointerover", event => {
      marks(host);
      if (event.pointerType !== "touch") show(markAt(host, event.target));
    });
    host.addEventListener("pointerleave", event => { if (event.pointerType !== "touch") show(null); });
    host.addEventListener("click", event => {
      marks(host);
      if (!event.target.closest("a")) show(markAt(host, event.target) ?? nearest(host, event));
    });
    host.addEventListener("blur", () => show(null));
    host.addEventListener("keydown", event => {
      if (event.key === "Escape") return show(null);
      if (event.target !== host || !event.key.startsWith("Arrow")) return;
      event.preventDefault();
      show(next(host, event.key));
      lit.scrollIntoView({block: "nearest"});
    });
  }
  addEventListener("pointerdown", event => { if (!event.target.closest("svg.figure, table.marks")) show(null); });
}

// --- on a phone, tables that are wider than it become cards, as those that surely are wider do without this

function cards() {
  const narrow = matchMedia("(max-width: 40rem)");
  // What is folded has no layout, and to ask for its width would make one, table by table: it is asked once it is open.
  // All are measured before any is changed, as each change would have the page laid out again.
  function fit(part) {
    if (!narrow.matches) return;
    const shown = all(".scroll > table:not(.cards, .entries, .marks)", part).filter(table => !table.closest("details:not([open])"));
    for (const table of shown.filter(({parentNode: box}) => box.scrollWidth > box.clientWidth)) {
      const heads = [...table.tHead.rows[0].cells].map(cell => cell.textContent);
      if (heads[0] === "Seed") table.style.setProperty("--l1", '"Seed "');  // a bare number says nothing
      heads.slice(1).forEach((text, i) => table.style.setProperty(`--l${i + 2}`, JSON.stringify(text)));
      table.classList.add("cards");
    }
  }
  fit(document);
  narrow.addEventListener("change", () => fit(document));
  document.addEventListener("toggle", event => fit(event.target), true);
}

document.body.append(said);
if (one("#find")) finder(one("#find"));
if (one(".contents")) contents(one(".contents"));
copyButtons();
printButtons();
figures();
cards();
