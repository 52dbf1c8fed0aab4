"use strict";
// The page says all it has to say without this. With it there is a treemap of the final tree, its table can be
// filtered, and lines of advice copied. Text is only ever set as text: what an image calls its files is hostile.
(() => {
  const $ = (id) => document.getElementById(id);
  const data = JSON.parse($("data").textContent);
  const tree = data.tree;
  const count = tree.parent.length;

  const make = (tag, className, text) => {
    const element = document.createElement(tag);
    if (className) element.className = className;
    if (text !== undefined) element.textContent = text;
    return element;
  };

  const human = (bytes) => {
    if (bytes < 1000) return `${bytes} B`;
    let unit = -1;
    do { bytes /= 1000; unit += 1; } while (bytes >= 999.95 && unit < 3);
    return `${bytes.toFixed(1)} ${["kB", "MB", "GB", "TB"][unit]}`;
  };

  // --- the tree ---------------------------------------------------------------------------------------------

  const children = Array.from({ length: count }, () => []);
  for (let node = 1; node < count; node += 1) children[tree.parent[node]].push(node);
  for (const list of children) list.sort((a, b) => tree.size[b] - tree.size[a] || a - b);

  // The layer that pays for most of each node: a directory too small to be opened is drawn in its hue.
  const payers = (() => {
    const sums = Array.from({ length: count }, () => new Map());
    const most = new Array(count).fill(0);
    for (let node = count - 1; node >= 0; node -= 1) {
      const own = sums[node];
      if (!tree.dir[node]) own.set(tree.layer[node], tree.size[node]);
      for (const [layer, size] of own) if (size > (own.get(most[node]) ?? -1)) most[node] = layer;
      if (node === 0) break;
      const above = sums[tree.parent[node]];
      for (const [layer, size] of own) above.set(layer, (above.get(layer) ?? 0) + size);
      own.clear();
    }
    return most;
  })();

  const hue = (node) => `h${data.hues[payers[node] - 1] ?? 0}`;
  const files = (number) => `${number} ${number === 1 ? "file" : "files"}`;
  const label = (node) => tree.name[node] || `${tree.files[node]} smaller`;

  const pathOf = (node) => {
    const parts = [];
    for (let at = node; at !== 0; at = tree.parent[at]) parts.unshift(label(at));
    return parts;
  };

  const layerText = (layer) => {
    if (layer === 0) return "several layers";
    const { place, text } = data.layers[layer - 1];
    return `layer ${layer}${place ? ` · ${place}` : ""}${text ? ` · ${text}` : ""}`;
  };

  const describe = (node) => {
    const share = tree.size[0] > 0 ? ((100 * tree.size[node]) / tree.size[0]).toFixed(1) : "0.0";
    const whole = tree.dir[node] || !tree.name[node] ? `, ${files(tree.files[node])}` : "";
    const payer = `${tree.dir[node] ? "mostly " : ""}${layerText(payers[node])}`;
    return `/${pathOf(node).join("/")}: ${human(tree.size[node])} (${share} %${whole}) · ${payer}`;
  };

  // --- where each part goes: squarified, after Bruls, Huizing and van Wijk ------------------------------------

  const worst = (row, sum, side) => {
    const scale = (side * side) / (sum * sum);
    return Math.max(row[0].area * scale, 1 / (row[row.length - 1].area * scale));
  };

  const squarify = (nodes, box) => {
    const total = nodes.reduce((sum, node) => sum + tree.size[node], 0);
    const placed = [];
    if (total === 0 || box.w <= 0 || box.h <= 0) return placed;
    const scale = (box.w * box.h) / total;
    const parts = nodes.filter((node) => tree.size[node] > 0).map((node) => ({ node, area: tree.size[node] * scale }));
    let { x, y, w, h } = box;
    for (let from = 0; from < parts.length;) {
      const side = Math.min(w, h);
      let to = from + 1;
      let sum = parts[from].area;
      while (to < parts.length) {
        const wider = sum + parts[to].area;
        if (worst(parts.slice(from, to + 1), wider, side) > worst(parts.slice(from, to), sum, side)) break;
        sum = wider;
        to += 1;
      }
      const depth = side > 0 ? sum / side : 0;
      let along = 0;
      for (const { node, area } of parts.slice(from, to)) {
        const length = depth > 0 ? area / depth : 0;
        placed.push(w >= h ? { node, x, y: y + along, w: depth, h: length } : { node, x: x + along, y, w: length, h: depth });
        along += length;
      }
      if (w >= h) { x += depth; w -= depth; } else { y += depth; h -= depth; }
      from = to;
    }
    return placed;
  };

  // --- drawing ----------------------------------------------------------------------------------------------

  const map = $("map");
  const HEAD = 18;
  let at = 0;

  // Lengths are parts of the box around them, so that a drawing fits where it is printed.
  const put = (element, part, box) => {
    const percent = (length, whole) => `${(100 * length) / whole}%`;
    element.style.left = percent(part.x - box.x, box.w);
    element.style.top = percent(part.y - box.y, box.h);
    element.style.width = percent(part.w, box.w);
    element.style.height = percent(part.h, box.h);
  };

  // Directories that hold nothing but a directory are one frame, with both names.
  const chain = (node) => {
    const names = [`${label(node)}${tree.dir[node] ? "/" : ""}`];
    let last = node;
    while (children[last].length === 1 && tree.dir[children[last][0]]) {
      [last] = children[last];
      names.push(`${tree.name[last]}/`);
    }
    return { last, name: names.join("") };
  };

  const draw = (part, into, box) => {
    const { node, x, y, w, h } = part;
    const { last, name } = chain(node);
    const open = tree.dir[node] && w > 44 && h > 40;
    const element = make("span", open ? "frame" : `tile ${hue(node)}`);
    element.dataset.node = node;
    if (!tree.dir[node] && !tree.name[node]) element.classList.add("rest");
    put(element, part, box);
    if (w > 34 && h > 17) {
      const size = w > 110 ? ` ${human(tree.size[node])}` : "";
      element.append(make("span", "name", `${name}${size}`));
    }
    into.append(element);
    if (!open) return;
    const inner = { x: x + 3, y: y + HEAD, w: w - 6, h: h - HEAD - 3 };
    for (const below of squarify(children[last], inner)) {
      if (below.w * below.h >= 9) draw(below, into, box);
    }
  };

  const render = (focused) => {
    const box = { x: 0, y: 0, w: map.clientWidth, h: map.clientHeight };
    map.replaceChildren();
    for (const part of squarify(children[at], box)) {
      if (part.w < 1 || part.h < 1) continue;
      const button = make("button", tree.dir[part.node] ? "dir" : "");
      button.type = "button";
      button.tabIndex = -1;
      button.dataset.node = part.node;
      button.setAttribute("aria-label", describe(part.node));
      put(button, part, box);
      draw(part, button, part);
      map.append(button);
    }
    const wanted = focused === undefined ? null : map.querySelector(`button[data-node="${focused}"]`);
    const first = wanted ?? map.querySelector("button");
    if (first) first.tabIndex = 0;
    if (focused !== undefined) (first ?? map).focus({ preventScroll: true });
    crumbs();
    $("info").textContent = describe(at);
  };

  const crumbs = () => {
    const line = [];
    for (let node = at; ; node = tree.parent[node]) {
      line.unshift(node);
      if (node === 0) break;
    }
    $("crumbs").replaceChildren(...line.map((node) => {
      const button = make("button", "", node === 0 ? "/" : `${tree.name[node]}/`);
      button.type = "button";
      if (node === at) button.setAttribute("aria-current", "true");
      button.addEventListener("click", () => go(node));
      return button;
    }));
  };

  // --- moving: the directory is in the address, so that Back goes back and a link shows what was seen ---------

  const hashOf = (node) => `#/${pathOf(node).map(encodeURIComponent).join("/")}`;

  const find = (hash) => {
    let node = 0;
    for (const part of hash.replace(/^#\/?/, "").split("/").filter(Boolean)) {
      let name = part;
      try { name = decodeURIComponent(part); } catch { return 0; }
      const next = children[node].find((child) => tree.dir[child] && tree.name[child] === name);
      if (next === undefined) return node;
      node = next;
    }
    return node;
  };

  const go = (node) => {
    const from = at;
    at = node;
    if (location.hash !== hashOf(node)) history.pushState(null, "", hashOf(node));
    let focused = from;
    while (focused !== 0 && tree.parent[focused] !== at) focused = tree.parent[focused];
    render(focused);
  };

  const toward = {
    ArrowLeft: (from, to) => [from.left - to.right, from.top - to.bottom, to.top - from.bottom],
    ArrowRight: (from, to) => [to.left - from.right, from.top - to.bottom, to.top - from.bottom],
    ArrowUp: (from, to) => [from.top - to.bottom, from.left - to.right, to.left - from.right],
    ArrowDown: (from, to) => [to.top - from.bottom, from.left - to.right, to.left - from.right],
  };

  // The nearest tile in a direction: the one that is beside this one before those that are askew.
  const neighbour = (button, key) => {
    const from = button.getBoundingClientRect();
    let best = null;
    let least = Infinity;
    for (const other of map.querySelectorAll("button")) {
      const [ahead, before, behind] = toward[key](from, other.getBoundingClientRect());
      if (other === button || ahead < -1) continue;
      const distance = ahead + 3 * Math.max(0, before, behind);
      if (distance < least) [best, least] = [other, distance];
    }
    return best;
  };

  map.addEventListener("keydown", (event) => {
    const button = event.target.closest("button");
    if (event.key in toward && button) {
      const next = neighbour(button, event.key);
      if (next) {
        button.tabIndex = -1;
        next.tabIndex = 0;
        next.focus({ preventScroll: true });
      }
    } else if (event.key === "Escape" || event.key === "Backspace") {
      if (at !== 0) go(tree.parent[at]);
    } else if (event.key === "Home") {
      go(0);
    } else {
      return;
    }
    event.preventDefault();
  });
  map.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    const node = Number(button.dataset.node);
    if (tree.dir[node]) go(node);
    else $("info").textContent = describe(node);
  });
  const tell = (event) => {
    const part = event.target.closest("[data-node]");
    if (part) $("info").textContent = describe(Number(part.dataset.node));
  };
  map.addEventListener("pointerover", tell);
  map.addEventListener("focusin", tell);
  window.addEventListener("popstate", () => { at = find(location.hash); render(); });

  // --- the legend, the table's filters, the advice ------------------------------------------------------------

  const legend = () => {
    const items = data.layers.flatMap((_, index) => {
      if (!data.hues[index]) return [];
      const item = make("li");
      item.append(make("span", `swatch h${data.hues[index]}`), layerText(index + 1));
      return [item];
    });
    if (data.hues.includes(0)) {
      const item = make("li");
      item.append(make("span", "swatch h0"), "all smaller layers");
      items.push(item);
    }
    $("legend").replaceChildren(...items);
  };

  const filters = () => {
    const rows = [...document.querySelectorAll(".files tbody tr")];
    const paths = rows.map((row) => row.querySelector(".path").textContent.toLowerCase());
    const apply = () => {
      const [text, layer, state] = ["by-text", "by-layer", "by-state"].map((id) => $(id).value);
      let left = 0;
      rows.forEach((row, index) => {
        const fits = paths[index].includes(text.toLowerCase())
          && (!layer || row.dataset.layer === layer) && (!state || row.dataset.state === state);
        row.hidden = !fits;
        left += fits;
      });
      $("count").textContent = `${left} of ${rows.length}`;
    };
    $("filters").addEventListener("input", apply);
    $("filters").addEventListener("submit", (event) => event.preventDefault());
    apply();
  };

  // The rows come largest first: that order is the bytes'.
  const sorting = () => {
    const body = document.querySelector(".files tbody");
    const rows = [...body.rows];
    const by = [
      null,
      (a, b) => a.querySelector(".path").textContent.localeCompare(b.querySelector(".path").textContent),
      (a, b) => a.dataset.layer - b.dataset.layer,
      (a, b) => a.cells[3].textContent.localeCompare(b.cells[3].textContent),
    ];
    const heads = [...document.querySelectorAll(".files th")];
    heads.forEach((head, column) => {
      const button = make("button", "sort", head.textContent);
      button.type = "button";
      button.addEventListener("click", () => {
        const [first, second] = column === 0 ? ["descending", "ascending"] : ["ascending", "descending"];
        const order = head.ariaSort === first ? second : first;
        const sorted = by[column] ? [...rows].sort(by[column]) : [...rows];
        if (order === second) sorted.reverse();
        for (const other of heads) other.ariaSort = other === head ? order : null;
        body.append(...sorted);
      });
      head.replaceChildren(button);
    });
    if (heads.length > 0) heads[0].ariaSort = "descending";
  };

  const copy = (lines, button) => {
    const selection = getSelection();
    selection.selectAllChildren(lines);
    // A page from a file may not have the clipboard; what is selected can still be copied.
    const done = (text) => { button.textContent = text; };
    if (navigator.clipboard) {
      navigator.clipboard.writeText(lines.textContent).then(() => done("Copied"), () => done("Selected"));
    } else {
      done(document.execCommand("copy") ? "Copied" : "Selected");
    }
  };
  for (const lines of document.querySelectorAll(".advice pre")) {
    const button = make("button", "copy", "Copy these lines");
    button.type = "button";
    button.addEventListener("click", () => copy(lines, button));
    lines.previousElementSibling.append(button);
  }

  for (const part of document.querySelectorAll(".scripted")) part.hidden = false;
  legend();
  filters();
  sorting();
  at = find(location.hash);
  render();
  let width = map.clientWidth;
  new ResizeObserver(() => {
    if (map.clientWidth === width) return;
    width = map.clientWidth;
    const focused = map.contains(document.activeElement) ? document.activeElement.dataset.node : undefined;
    render(focused);
  }).observe(map);
})();
