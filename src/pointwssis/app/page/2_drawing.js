// Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
// Image, masks and points on the canvases, and the list of objects.

function layout() {
  const refined = find("view").hidden ? "refined" : find("view").value;
  for (const pane of root.querySelectorAll(".pw-pane")) {
    const isRough = pane.dataset.masks === "rough";
    pane.hidden = refined === (isRough ? "refined" : "rough");
    pane.style.display = pane.hidden ? "none" : "";
    pane.querySelector("figcaption").hidden = find("view").hidden;
  }
}

function panes() {
  return [...root.querySelectorAll(".pw-pane")].filter((pane) => !pane.hidden);
}

function fit() {
  const box = panes()[0].getBoundingClientRect();
  const { width, height } = state.image;
  const scale = Math.min(box.width / width, box.height / height) || 1;
  state.view = { scale, x: (box.width - width * scale) / 2, y: (box.height - height * scale) / 2 };
}

function color(item) {
  return PALETTE[(item.id - 1) % PALETTE.length];
}

let isDrawing = false;
function draw() {
  // Several changes in one frame are drawn once.
  if (isDrawing) return;
  isDrawing = true;
  requestAnimationFrame(() => { isDrawing = false; panes().forEach(drawPane); });
}

function drawPane(pane) {
  const canvas = pane.querySelector("canvas"), box = canvas.getBoundingClientRect(), ratio = devicePixelRatio || 1;
  const [width, height] = [Math.round(box.width * ratio), Math.round(box.height * ratio)];
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d"), { scale, x, y } = state.view;
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, width, height);
  if (!state.picture || !state.image) return;
  context.setTransform(ratio * scale, 0, 0, ratio * scale, ratio * x, ratio * y);
  context.imageSmoothingEnabled = scale < 2;
  context.drawImage(state.picture, 0, 0, state.image.width, state.image.height);
  for (const item of state.objects.values()) {
    const isSelected = item.id === state.selected;
    // An object of a file may have one mask only.
    const shape = pane.dataset.masks === "rough" && item.rough.length ? item.paths.rough : item.paths.outlines;
    context.fillStyle = color(item) + (isSelected ? "99" : "59");
    context.fill(shape, "evenodd");
    context.strokeStyle = isSelected ? "#ffffff" : color(item);
    context.lineWidth = (isSelected ? 2.5 : 1.5) / scale;
    context.stroke(shape);
  }
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  for (const item of state.objects.values()) {
    for (const place of item.erased) drawCross(context, onScreen(place));
    const place = state.drag && state.drag.id === item.id ? state.drag.place : item.point;
    if (place) drawDot(context, onScreen(place), color(item), item.id === state.selected);
  }
  for (const place of state.pending) drawDot(context, onScreen(place), "#ffffff", false);
}

function drawDot(context, [x, y], fill, isSelected) {
  for (const [radius, style] of [[DOT + 2 + 2 * isSelected, "#000"], [DOT + 1 + 2 * isSelected, "#fff"], [DOT, fill]]) {
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
    context.fillStyle = style;
    context.fill();
  }
}

function drawCross(context, [x, y]) {
  for (const [width, style] of [[5, "#000"], [2.5, "#fff"]]) {
    context.beginPath();
    context.moveTo(x - 4, y - 4); context.lineTo(x + 4, y + 4);
    context.moveTo(x + 4, y - 4); context.lineTo(x - 4, y + 4);
    context.lineWidth = width;
    context.strokeStyle = style;
    context.stroke();
  }
}

function list() {
  // Labels in doubt come first, until they are changed.
  const items = [...state.objects.values()].sort((one, other) => !!other.doubt - !!one.doubt);
  const rows = items.map((item) => {
    const row = document.createElement("div");
    row.className = "pw-row";
    row.role = "listitem";
    row.dataset.id = item.id;
    row.dataset.label = item.label;
    row.innerHTML = '<i></i><span></span><small></small><button class="pw-confirm" aria-label="Confirm">✓</button>' +
      '<button aria-label="Remove">✕</button><em></em>';
    const [dot, name, score, confirm, remove, doubt] = row.children;
    dot.style.background = color(item);
    name.textContent = item.label + (item.given ? "" : "?");
    name.title = item.given ? "class chosen or confirmed by a person" : "class chosen by the model";
    const isByHand = item.score === null;
    score.textContent = isByHand ? "by hand" : item.score.toFixed(2);
    score.title = isByHand ? "drawn or confirmed by a person" : `score of the model; background score ${item.background}`;
    confirm.hidden = !item.doubt;
    confirm.title = "Mask and class are right (k): they count as labeled by hand";
    confirm.onclick = (event) => { event.stopPropagation(); act("confirm", { id: item.id }); };
    doubt.hidden = !item.doubt;
    doubt.textContent = `⚠ ${item.doubt}`;
    doubt.title = "This mask may be wrong: look at it first. The mark goes when you change the mask, or confirm it (✓).";
    row.onclick = () => select(item.id);
    remove.onclick = (event) => { event.stopPropagation(); act("remove", { id: item.id }); };
    return row;
  });
  find("list").replaceChildren(...rows);
  const inDoubt = items.filter((item) => item.doubt).length;
  find("total").textContent = `${rows.length} object${rows.length === 1 ? "" : "s"}` + (inDoubt ? `, ${inDoubt} in doubt` : "");
  mark();
}

function mark() {
  const item = state.objects.get(state.selected);
  const label = item ? (item.given ? item.label : null) : state.label;
  for (const button of find("classes").children) button.ariaPressed = String(button.dataset.label === (label || ""));
  find("more").value = find("more").querySelector(`option[value="${CSS.escape(label || "")}"]`) ? label || "" : "";
  for (const row of find("list").children) row.classList.toggle("pw-selected", Number(row.dataset.id) === state.selected);
  find("mode").ariaPressed = String(state.erasing);
}
