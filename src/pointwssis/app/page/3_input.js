// Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
// Mouse, files, buttons and keys.

// ---- the mouse

// Places are counted as pixels are: (0, 0) is the center of the first pixel, half a pixel from the image's corner.
const onScreen = ([x, y]) => [(x + 0.5) * state.view.scale + state.view.x, (y + 0.5) * state.view.scale + state.view.y];

function inImage(canvas, event) {
  const box = canvas.getBoundingClientRect(), { scale, x, y } = state.view;
  return [(event.clientX - box.left - x) / scale - 0.5, (event.clientY - box.top - y) / scale - 0.5];
}

function isInside([x, y]) {
  return x >= -0.5 && y >= -0.5 && x < state.image.width - 0.5 && y < state.image.height - 0.5;
}

function clamped([x, y]) {
  const { width, height } = state.image;
  return [Math.min(Math.max(x, 0), width - 1), Math.min(Math.max(y, 0), height - 1)];
}

function rounded(place) {
  const [x, y] = clamped(place);
  return { x: Math.round(x * 100) / 100, y: Math.round(y * 100) / 100 };
}

const distance = ([x, y], [otherX, otherY]) => Math.hypot(x - otherX, y - otherY);

function pointNear(canvas, event) {
  const box = canvas.getBoundingClientRect(), here = [event.clientX - box.left, event.clientY - box.top];
  let nearest = null, least = GRAB;
  for (const item of state.objects.values()) {
    if (!item.point) continue;
    const far = distance(onScreen(item.point), here);
    if (far <= least) [nearest, least] = [item, far];
  }
  return nearest;
}

function select(id) {
  state.selected = state.selected === id ? null : id;
  mark();
  draw();
}

function choose(label) {
  const item = state.objects.get(state.selected);
  if (item) act("classify", { id: item.id, label });
  else state.label = label;
  mark();
}

async function press(place, erases) {
  // The second press of a double click means no other object.
  if (!erases && state.pending.some((one) => distance(onScreen(one), onScreen(place)) <= GRAB)) return;
  const at = rounded(place);
  if (erases) return act("erase", { ...at, id: state.selected });
  state.pending.push(place);
  state.selected = null; // the buttons show the class of this click again
  mark();
  draw();
  await act("click", { ...at, label: state.label });
  state.pending = state.pending.filter((one) => one !== place);
  draw();
}

for (const canvas of root.querySelectorAll("canvas")) {
  canvas.onpointerdown = (event) => {
    if (!state.picture || event.button > 1) return;
    root.focus({ preventScroll: true });
    const item = event.button === 0 ? pointNear(canvas, event) : null;
    const { x, y } = state.view;
    state.drag = { id: item && item.id, place: item && item.point, start: [event.clientX, event.clientY], view: { x, y } };
    canvas.setPointerCapture(event.pointerId);
  };
  canvas.onpointermove = (event) => {
    const drag = state.drag;
    if (!drag) { canvas.style.cursor = state.image && pointNear(canvas, event) ? "grab" : "crosshair"; return; }
    const [dx, dy] = [event.clientX - drag.start[0], event.clientY - drag.start[1]];
    drag.moved = drag.moved || Math.hypot(dx, dy) > DRAG;
    if (!drag.moved) return;
    // A drag from a point moves the point, any other one the image.
    if (drag.id) drag.place = clamped(inImage(canvas, event));
    else Object.assign(state.view, { x: drag.view.x + dx, y: drag.view.y + dy });
    draw();
  };
  canvas.onpointerup = (event) => {
    const drag = state.drag;
    state.drag = null;
    if (!drag) return;
    const place = inImage(canvas, event);
    if (drag.moved && drag.id) act("move", { id: drag.id, ...rounded(drag.place) });
    else if (!drag.moved && drag.id) select(drag.id);
    else if (!drag.moved && event.button === 0 && isInside(place)) press(place, state.erasing || event.shiftKey);
    draw();
  };
  canvas.onpointercancel = () => { state.drag = null; draw(); };
  canvas.oncontextmenu = (event) => {
    event.preventDefault();
    if (!state.picture) return;
    const item = pointNear(canvas, event), place = inImage(canvas, event);
    if (item) act("remove", { id: item.id });
    else if (isInside(place)) press(place, true);
  };
  canvas.ondblclick = (event) => { if (!isInside(inImage(canvas, event))) { fit(); draw(); } };
  canvas.addEventListener("wheel", (event) => {
    if (!state.image) return;
    event.preventDefault();
    const box = canvas.getBoundingClientRect(), [x, y] = [event.clientX - box.left, event.clientY - box.top];
    const factor = Math.exp(-event.deltaY / 500), view = state.view;
    const scale = Math.min(Math.max(view.scale * factor, 0.05), 64), real = scale / view.scale;
    state.view = { scale, x: x - (x - view.x) * real, y: y - (y - view.y) * real };
    draw();
  }, { passive: false });
}

// ---- files

function base64(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(file);
  });
}

async function send(action, file) {
  if (!file) return;
  const limit = state.about ? state.about.max_megabytes : 0;
  if (file.size > limit * 1e6) {
    say(`${file.name} has ${(file.size / 1e6).toFixed(1)} MB; the limit of this app is ${limit} MB.`, true);
    return;
  }
  say(`Reading ${file.name}…`, false);
  let content;
  try {
    content = await base64(file);
  } catch {
    say(`${file.name} cannot be read. If it is a folder, drop the files in it.`, true);
    return;
  }
  const values = { name: file.name || "pasted.png", content };
  const { question } = await act(action, values, false);
  if (!question) return;
  say("", false);
  if (confirm(question)) await act(action, { ...values, replaces: true }, false);
}

// Files that hold labels, or are taken for a table, have one of these endings; any other file is taken for an image.
const LABELS = /\.(json|jsonl|xml|csv|tsv|txt|ya?ml|zip|xlsx?|ods)$/i;
const receive = (file) => send(LABELS.test(file.name) ? "load" : "drop", file);

find("image-file").onchange = (event) => {
  [...event.target.files].forEach((file) => send("drop", file));
  event.target.value = "";
};
find("label-file").onchange = (event) => { send("load", event.target.files[0]); event.target.value = ""; };
root.ondragover = (event) => { event.preventDefault(); find("stage").classList.add("pw-hovered"); };
root.ondragleave = () => find("stage").classList.remove("pw-hovered");
root.ondrop = (event) => {
  event.preventDefault();
  find("stage").classList.remove("pw-hovered");
  [...event.dataTransfer.files].forEach(receive);
};
document.addEventListener("paste", (event) => [...event.clipboardData.files].forEach(receive));

// ---- buttons and keys

async function step(by) {
  const index = state.index + by;
  if (index < 0 || index >= state.images) return;
  // A second press before the answer leads one image further; so does one after an image that cannot be opened.
  state.index = index;
  await act("open", { index }, false);
}
const commands = {
  open: () => find("image-file").click(),
  load: () => find("label-file").click(),
  save: () => act("download", { format: find("format").value }, false),
  back: () => step(-1),
  forward: () => step(1),
  next: () => act("next"),
  undo: () => act("undo"),
  find: () => act("find_all", { threshold: Number(find("threshold").value) }),
  mode: () => {
    state.erasing = !state.erasing;
    say(state.erasing ? "Click the part of a mask that is too much; e ends this." : "", false);
    mark();
  },
};
for (const [name, command] of Object.entries(commands)) find(name).onclick = command;
find("finished").onchange = (event) => act("finish", { is_finished: event.target.checked });
find("more").onchange = (event) => choose(event.target.value || null);
find("view").onchange = () => { layout(); if (state.image) fit(); draw(); };
find("threshold").oninput = (event) => { find("threshold-value").textContent = event.target.value; };
find("reject").oninput = () => {
  const limit = find("reject").value;
  find("reject-value").textContent = limit === "1" ? "off" : `surer than ${limit}`;
};
find("reject").onchange = (event) => act("reject", { limit: Number(event.target.value) }, false);

// Keys go to the page again after a choice from a menu.
for (const menu of root.querySelectorAll("select")) menu.addEventListener("change", () => menu.blur());

const keys = {
  u: commands.undo, n: commands.next, e: commands.mode, a: commands.find, ArrowLeft: commands.back,
  ArrowRight: commands.forward,
  Escape: () => { state.selected = null; mark(); draw(); },
  Delete: () => { if (state.selected !== null) act("remove", { id: state.selected }); },
  k: () => { if (state.selected !== null) act("confirm", { id: state.selected }); },
  v: () => {
    if (find("view").hidden) return;
    find("view").selectedIndex = (find("view").selectedIndex + 1) % find("view").options.length;
    find("view").onchange();
  },
};
keys.Backspace = keys.Delete;
document.addEventListener("keydown", (event) => {
  const isTyping = event.target.closest && event.target.closest("input:not([type=range]):not([type=checkbox]), textarea, select");
  const name = event.key.length === 1 ? event.key.toLowerCase() : event.key; // with Caps Lock, too
  const isUndo = name === "z" && (event.ctrlKey || event.metaKey) && !event.shiftKey;
  if (isTyping || !state.about || event.altKey || ((event.ctrlKey || event.metaKey) && !isUndo)) return;
  // A key that is held down must not leaf through the folder.
  if (event.repeat && name !== "u" && !isUndo) return;
  const digit = /^[0-9]$/.test(event.key) ? Number(event.key) : null;
  if (digit !== null && state.about && digit <= state.about.class_names.length) {
    choose(digit ? state.about.class_names[digit - 1] : null);
  } else if (digit !== null && state.about) {
    say(`No class has the number ${digit}.`, false);
  } else if (isUndo || keys[name]) {
    event.preventDefault();
    (isUndo ? commands.undo : keys[name])();
  }
});

new ResizeObserver(() => { if (state.image) fit(); draw(); }).observe(find("stage"));
setInterval(() => act("ping", {}, false), PING);
act("hello", {}, false);
