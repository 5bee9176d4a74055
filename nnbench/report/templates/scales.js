// Figures with a logarithmic axis can have a linear one. Python has drawn them, and says of each such axis its
// limits and ends; here what lies on it is moved, point by point.

function linear([low, high, start, end]) {
  return place => {
    const share = (place - start) / (end - start);
    if (share < 0 || share > 1) return place;
    const value = low * (high / low) ** share;
    return start + (value - low) / (high - low) * (end - start);
  };
}

// the places and texts of a few round numbers, two at least
function linearTicks([low, high, start, end], most) {
  const size = 10 ** Math.floor(Math.log10((high - low) / most));
  const step = [1, 2, 2.5, 5, 10, 20].map(s => s * size).find(s => (high - low) / s <= most);
  const first = Math.ceil(low / step), count = Math.floor(high / step) - first + 1;
  if (count < 2) return linearTicks([low, high, start, end], most + 1);
  return Array.from({length: count}, (_, i) => (first + i) * step).map(value => [
    start + (value - low) / (high - low) * (end - start),
    Math.abs(value) < 1e6 ? Number(value.toPrecision(6)).toLocaleString("en") : value.toExponential(0).replace("e+", "e"),
  ]);
}

// the parts of a path, each with its points, of the commands that figures use
function parts(d) {
  const found = [];
  let x = 0, y = 0;
  for (const [, command, rest] of d.matchAll(/([MLHVlmhz])([^MLHVlmhz]*)/g)) {
    const numbers = (rest.match(/-?(\d+\.?\d*|\.\d+)/g) ?? []).map(Number);
    if (command === "z") found.at(-1).closed = true;
    for (let i = 0; i < numbers.length; i += "HVh".includes(command) ? 1 : 2) {
      const [a, b] = [numbers[i], numbers[i + 1]];
      if (command === "H") x = a;
      else if (command === "V") y = a;
      else if (command === "h") x += a;
      else if (command === "l" || command === "m") [x, y] = [x + a, y + b];
      else [x, y] = [a, b];
      if (command === "M" || command === "m") found.push({points: []});
      found.at(-1).points.push([x, y]);
    }
  }
  return found;
}

function moved(d, at, move, first) {
  return parts(d).map(({points, closed}) => {
    const places = points.map(point => point[at]);
    const [least, most] = [Math.min(...places), Math.max(...places)];
    const mark = closed && points.length <= 4 && most - least < 14;  // is moved as a whole
    const shift = move((least + most) / 2) - (least + most) / 2;
    const placed = points.map((point, i) => point.with(at, mark ? point[at] + shift : first && i ? point[at] : move(point[at])));
    return `M${placed.map(point => point.map(v => v.toFixed(1)).join(" ")).join("L")}${closed ? "z" : ""}`;
  }).join("");
}

function straighten(group, set) {
  const [way, ...numbers] = group.dataset.axis.split(" ");
  const axis = numbers.map(Number), move = linear(axis), at = way === "x" ? 0 : 1;
  const ticks = one(`g[text-anchor=${way === "x" ? "middle" : "end"}]`, group), grid = ticks.previousElementSibling;
  for (const shape of all("circle, rect, path", group)) {
    if (shape === grid) continue;
    if (shape.localName === "circle") set(shape, `c${way}`, move(Number(shape.getAttribute(`c${way}`))));
    else if (shape.localName === "path") set(shape, "d", moved(shape.getAttribute("d"), at, move, shape.matches(".lead")));
    else {
      const [start, width] = ["x", "width"].map(name => Number(shape.getAttribute(name)));
      set(shape, "x", move(start));
      set(shape, "width", move(start + width) - move(start));
    }
  }
  relabel(ticks, grid, linearTicks(axis, at ? 5 : 3), at, set);
}

// as many texts as there were, the rest without words; grid lines through the new ones
function relabel(ticks, grid, wanted, at, set) {
  const texts = [...ticks.children], names = ["x", "y"];
  while (texts.length < wanted.length) texts.push(ticks.appendChild(texts[0].cloneNode()));
  const offset = at ? 4 : 0, pattern = grid?.matches("path") ? grid.getAttribute("d").split("M")[1] : "";
  texts.forEach((text, i) => {
    set(text, names[at], (wanted[i]?.[0] ?? 0) + offset);
    set(text, "textContent", wanted[i]?.[1] ?? "");
  });
  if (!pattern) return;
  const line = place => at ? pattern.replace(/ ?-?[\d.]+H/, ` ${place}H`) : pattern.replace(/^-?[\d.]+/, place);
  set(grid, "d", wanted.map(([place]) => `M${line(place.toFixed(1))}`).join(""));
}

function scales() {
  for (const svg of all("svg.figure:has([data-axis])")) {
    const button = made("button", {type: "button", className: "scale", textContent: "Linear axis"});
    const before = new Map();  // what was moved: by shape and attribute
    function set(shape, name, value) {
      const was = name === "textContent" ? shape.textContent : shape.getAttribute(name);
      if (!before.has(shape)) before.set(shape, {});
      before.get(shape)[name] ??= was;
      if (name === "textContent") shape.textContent = value;
      else shape.setAttribute(name, value);
    }
    button.addEventListener("click", () => {
      if (before.size) {
        for (const [shape, names] of before) for (const [name, value] of Object.entries(names)) set(shape, name, value);
        before.clear();
      } else {
        for (const group of all("[data-axis]", svg)) straighten(group, set);
        for (const text of all("text", svg)) {
          if (/log\u00a0ax/.test(text.textContent)) set(text, "textContent", text.textContent.replace("log\u00a0ax", "linear\u00a0ax"));
        }
      }
      button.textContent = before.size ? "Log axis" : "Linear axis";
    });
    svg.after(button);
  }
}

scales();
